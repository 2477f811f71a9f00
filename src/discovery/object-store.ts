/**
 * The door to wherever objects lie. S3 and local folders keep the same promises; everything after
 * discovery sees only this.
 *
 * Promises: a listing returns every object that existed throughout the listing, once; an object that
 * appears or goes while it runs may or may not be in it. Keys come in no promised order across calls.
 * `fetch` returns the bytes of exactly one version of the object, complete and verified, or throws.
 * Every method may be repeated.
 */

/** One object as a listing shows it. */
export interface ListedObject {
  /** Full key in the bucket, or the path below the folder with forward slashes. */
  readonly key: string;
  /** Changes whenever the bytes do. Without quotes. For a folder: size and modification time. */
  readonly etag: string;
  readonly sizeBytes: number;
  readonly lastModified: Date;
}

/** The bytes of one object, with the ETag, size and time of the version that was really read. */
export interface FetchedObject extends ListedObject {
  /** In memory of their own, which belongs to who fetched them and may be freed by them. */
  readonly bytes: Buffer;
}

/** One object that is being read: its version, and its bytes as they are asked for. */
export interface ObjectReading extends ListedObject {
  /**
   * Fills `into` with the next bytes of exactly this version. The last one comes only when all of them have been
   * verified.
   *
   * @param into at most as many as are left
   * @throws CurrentsError OBJECT_INCOMPLETE, SOURCE_UNAVAILABLE and the like; the reading is of no use afterwards
   */
  fill(into: Buffer): Promise<void>;
  /** To be called in any case. */
  close(): Promise<void>;
}

export interface ListOptions {
  /** Only keys that start with this (a full key prefix, not relative to the store's own). */
  readonly prefix: string;
  /** Only keys after this one in UTF-8 byte order. */
  readonly startAfter?: string;
  readonly signal?: AbortSignal;
}

/** What lies directly in one folder. */
export interface FolderListing {
  /** Prefixes of the folders, each ending with a slash. */
  readonly folders: readonly string[];
  readonly objects: readonly ListedObject[];
}

/** A complete file on this machine. */
export interface LocalFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** In hexadecimal. */
  readonly md5: string;
}

export interface ObjectStore {
  /** What the ledger files keys under: `s3://bucket` or `file:///absolute/folder`. */
  readonly name: string;
  /** Every key of interest starts with this: empty, or ending with a slash. */
  readonly prefix: string;
  /** A key as people write it: `s3://bucket/key`. */
  urlOf(key: string): string;
  /** Pages of objects in key order; one request (or one folder read) a page. */
  list(options: ListOptions): AsyncIterable<readonly ListedObject[]>;
  listFolder(prefix: string, signal?: AbortSignal): Promise<FolderListing>;
  /**
   * Downloads one object and verifies it. If it was overwritten since it was listed, the newer version
   * is returned under its own ETag. Retries what is transient.
   *
   * @throws CurrentsError OBJECT_MISSING, OBJECT_ARCHIVED, OBJECT_INCOMPLETE or SOURCE_UNAVAILABLE
   *   (both transient, after the retries), SOURCE_ACCESS_DENIED, SOURCE_NOT_FOUND, CREDENTIALS_INVALID.
   */
  fetch(object: ListedObject, signal?: AbortSignal): Promise<FetchedObject>;
  /**
   * Begins to download one object, which is read piece by piece. If it was overwritten since it was listed, that
   * is the newer version. What goes wrong before the first byte is retried if it is transient.
   *
   * @throws CurrentsError as `fetch`
   */
  open(object: ListedObject, signal?: AbortSignal): Promise<ObjectReading>;
  /** Writes one object whole; readers see the old one or the new one. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /**
   * Writes a file as a new object, in one request and without holding it in memory: readers see nothing of
   * it or all of it, and it is there to stay when this returns.
   *
   * @returns false when there is an object under this key already; that one stays. Stores that know no
   *   condition (`If-None-Match`) replace it.
   */
  putFile(key: string, file: LocalFile, signal?: AbortSignal): Promise<boolean>;
  /** How many requests have been made, by operation; for cost, tests and benchmarks. */
  readonly requestCounts: { readonly list: number; readonly fetch: number; readonly put: number };
  close(): void;
}
