/**
 * A bucket of S3, or of any store that speaks its protocol, as an object store.
 *
 * Promises: listings follow every page; a download has the announced length and the bytes that its ETag
 * or checksum says, or it throws. Transient failures are retried here, with growing and jittered
 * waits, and only here: the SDK's own retries are off, so that attempts do not multiply.
 * Credentials, and the region unless set, come from the SDK's default chain at the first request; the
 * SDK is loaded then, too. On Node 20 the SDK prints a warning unless the environment has
 * AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED=true before that; a library must not set it.
 */

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { addAbortSignal, Readable } from 'node:stream';
import type {
  _Object,
  GetObjectCommandOutput,
  ListObjectsV2Command,
  ListObjectsV2CommandOutput,
  S3Client,
} from '@aws-sdk/client-s3';
import pRetry from 'p-retry';
import { CurrentsError, isTransient } from '../errors.ts';
import { interruptionOf, throwIfInterrupted } from './interruption.ts';
import { takeContents, unquote } from './listed-contents.ts';
import type {
  FetchedObject,
  FolderListing,
  ListedObject,
  ListOptions,
  LocalFile,
  ObjectReading,
  ObjectStore,
} from './object-store.ts';
import { allocateBody, BodyReader } from './read-body.ts';
import { type S3Attempt, translateS3Error } from './s3-errors.ts';
import { type StallWatch, startStallWatch } from './stall-watch.ts';

export interface S3Settings {
  /** Default: the SDK's chain (AWS_REGION, profile, …). */
  readonly region?: string;
  /** Of an S3-compatible store, such as `http://127.0.0.1:9000`. */
  readonly endpoint?: string;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly pathStyle?: boolean;
  readonly requesterPays?: boolean;
  /** First attempt included. Default 6: with the waits between them, about ten seconds of trouble. */
  readonly maxAttempts?: number;
  /** Before the second attempt; doubles with each, up to a hundredfold, and is stretched by chance. Default 200. */
  readonly retryWaitMs?: number;
  /** Default 10 seconds. */
  readonly connectTimeoutMs?: number;
  /** Longest silence within a request, while waiting for the answer or within it. Default 30 seconds. */
  readonly stallTimeoutMs?: number;
  /** Connections at a time; requests above that wait. Default 50. */
  readonly concurrency?: number;
}

/** The most that S3 gives at once; ListObjectsV2 reference, 2026-09. */
const KEYS_PER_PAGE = 1000;

const UPLOAD_CHUNK_BYTES = 256 * 1024;

const DEFAULT_ATTEMPTS = 6;
const DEFAULT_RETRY_WAIT_MS = 200;
const LONGEST_WAIT_FACTOR = 100;

const SILENT = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

/** A store over `s3://<bucket>/<prefix>`; nothing is opened or checked before the first call. */
export function openS3Bucket(bucket: string, prefix: string, settings: S3Settings): ObjectStore {
  return new S3Bucket(bucket, prefix, settings);
}

class S3Bucket implements ObjectStore {
  readonly name: string;
  readonly prefix: string;
  readonly requestCounts = { list: 0, fetch: 0, put: 0 };
  readonly #bucket: string;
  readonly #settings: S3Settings;
  readonly #payer: { RequestPayer?: 'requester' };
  #client: Promise<Connection> | undefined;
  /** Directory buckets have random ETags; S3 user guide, "Directory buckets", 2026-09. */
  readonly #hasRandomEtags: boolean;
  /** Until the store says that it does not know `If-None-Match`. */
  #hasConditions = true;
  /** Once one object was: the ETag of such an object looks like an MD5 sum and is none. */
  #seesKmsObjects = false;

  constructor(bucket: string, prefix: string, settings: S3Settings) {
    this.name = `s3://${bucket}`;
    this.prefix = prefix;
    this.#bucket = bucket;
    this.#settings = settings;
    this.#payer = settings.requesterPays ? { RequestPayer: 'requester' } : {};
    this.#hasRandomEtags = bucket.endsWith('--x-s3');
  }

  urlOf(key: string): string {
    return `${this.name}/${key}`;
  }

  async *list(options: ListOptions): AsyncGenerator<readonly ListedObject[]> {
    for await (const page of this.#listPages(options)) yield page.objects;
  }

  async listFolder(prefix: string, signal?: AbortSignal): Promise<FolderListing> {
    const folders: string[] = [];
    const objects: ListedObject[] = [];
    const options = { prefix, delimiter: '/', ...(signal && { signal }) };
    for await (const page of this.#listPages(options)) {
      folders.push(...page.folders);
      objects.push(...page.objects);
    }
    return { folders, objects };
  }

  async fetch(object: ListedObject, signal?: AbortSignal): Promise<FetchedObject> {
    return this.#read(object, signal, (connection, watch) =>
      this.#fetchOnce(object, connection, watch),
    );
  }

  async open(object: ListedObject, signal?: AbortSignal): Promise<ObjectReading> {
    const attempt = this.#attemptOf('read', object.key);
    const download = await this.#read(object, signal, (connection, watch) =>
      this.#openOnce(object, connection, watch),
    );
    return {
      ...download.version,
      fill: async (into) => {
        throwIfInterrupted(signal, `${attempt.doing} ${attempt.url}`);
        await this.#watched(attempt, signal, (watch) => download.fill(into, watch));
      },
      close: async () => download.close(),
    };
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#request(this.#attemptOf('write', key), undefined, async (connection, watch) => {
      this.requestCounts.put++;
      const { client, sdk } = connection;
      const command = new sdk.PutObjectCommand({
        Bucket: this.#bucket,
        Key: key,
        Body: bytes,
        ContentMD5: createHash('md5').update(bytes).digest('base64'),
        ...this.#payer,
      });
      await client.send(command, { abortSignal: watch.signal });
    });
  }

  async putFile(key: string, file: LocalFile, signal?: AbortSignal): Promise<boolean> {
    return this.#request(this.#attemptOf('write', key), signal, async ({ client, sdk }, watch) => {
      for (;;) {
        this.requestCounts.put++;
        const command = new sdk.PutObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          Body: Readable.from(readFile(file.path, watch), { objectMode: false }),
          ContentLength: file.sizeBytes,
          ContentMD5: Buffer.from(file.md5, 'hex').toString('base64'),
          ...(this.#hasConditions && { IfNoneMatch: '*' }),
          ...this.#payer,
        });
        try {
          await client.send(command, { abortSignal: watch.signal });
          return true;
        } catch (error) {
          if (isNamed(error, 'PreconditionFailed')) return false;
          if (!this.#hasConditions || !isNamed(error, 'NotImplemented')) throw error;
          this.#hasConditions = false;
        }
      }
    });
  }

  async #read<T>(
    object: ListedObject,
    signal: AbortSignal | undefined,
    send: (connection: Connection, watch: StallWatch) => Promise<T>,
  ): Promise<T> {
    const attempt = this.#attemptOf('read', object.key);
    try {
      return await this.#request(attempt, signal, send);
    } catch (error) {
      // S3 hides that a key is gone from those who may list only a prefix: 403 instead of 404.
      const isDenied = error instanceof CurrentsError && error.code === 'SOURCE_ACCESS_DENIED';
      if (isDenied && (await this.#isGone(object.key, signal))) throw gone(attempt, error);
      throw error;
    }
  }

  close(): void {
    // A connection that failed to open has nothing to close, and its error went to who asked for it.
    this.#client?.then(({ client }) => client.destroy()).catch(ignore);
    this.#client = undefined;
  }

  /** Whether a listing no longer has the key; false as well when it cannot be listed. */
  async #isGone(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      const { value } = await this.list({ prefix: key, ...(signal && { signal }) }).next();
      return value?.[0]?.key !== key; // of all keys that begin with it, the key itself is the first
    } catch {
      return false; // the refusal of the download says what is wrong
    }
  }

  async *#listPages(options: ListOptions & { delimiter?: string }): AsyncGenerator<FolderListing> {
    const { prefix, startAfter, delimiter, signal } = options;
    let token: string | undefined;
    do {
      const continuation =
        token === undefined ? { StartAfter: startAfter } : { ContinuationToken: token };
      const attempt = this.#attemptOf('list', prefix);
      const answer = await this.#request(attempt, signal, async ({ client, sdk }, watch) => {
        this.requestCounts.list++;
        const command = new sdk.ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: prefix,
          Delimiter: delimiter,
          MaxKeys: KEYS_PER_PAGE,
          EncodingType: 'url', // XML cannot carry every character that a key may have
          ...continuation,
          ...this.#payer,
        });
        const taken = takeObjects(command, watch);
        const page = await client.send(command, { abortSignal: watch.signal });
        return { page: parsePage(page, taken), next: nextTokenOf(page, attempt) };
      });
      token = answer.next;
      yield answer.page;
    } while (token !== undefined);
  }

  /** One download, complete and verified, of the version that is there now. */
  async #fetchOnce(
    object: ListedObject,
    connection: Connection,
    watch: StallWatch,
  ): Promise<FetchedObject> {
    const download = await this.#openOnce(object, connection, watch);
    try {
      const { version } = download;
      const bytes = allocateBody({ sizeBytes: version.sizeBytes, url: this.urlOf(object.key) });
      await download.fill(bytes, watch);
      return { ...version, bytes };
    } finally {
      download.close();
    }
  }

  /** Sends one request for the version that is there now; its body waits to be read. */
  async #openOnce(
    object: ListedObject,
    connection: Connection,
    watch: StallWatch,
    asksChecksum = !isMd5(object.etag) || this.#hasRandomEtags || this.#seesKmsObjects,
  ): Promise<S3Download> {
    this.requestCounts.fetch++;
    const { client, sdk } = connection;
    const command = new sdk.GetObjectCommand({
      Bucket: this.#bucket,
      Key: object.key,
      ...(asksChecksum && { ChecksumMode: 'ENABLED' as const }),
      ...this.#payer,
    });
    const answer = await client.send(command, { abortSignal: watch.signal });
    const url = this.urlOf(object.key);
    const version = describeAnswer(object, answer);
    const stream = answer.Body as Readable;
    if (version.etag === object.etag && version.sizeBytes !== object.sizeBytes) {
      stream.destroy();
      const found = `${version.sizeBytes} bytes were announced (${object.sizeBytes} by the listing)`;
      throw wrongBytes(url, found);
    }
    const isEncrypted = isEncryptedByKey(answer);
    this.#seesKmsObjects ||= isEncrypted;
    const hasMd5 = isMd5(version.etag) && !isEncrypted && !this.#hasRandomEtags;
    if (!hasMd5 && !asksChecksum) {
      // The ETag says nothing about the bytes. Asked again, and others from now on at once, with S3's
      // checksum, which the SDK compares. What was uploaded without one has only its length.
      stream.destroy();
      return this.#openOnce(object, connection, watch, true);
    }
    const body = new BodyReader({ stream, sizeBytes: version.sizeBytes, url });
    return new S3Download(version, body, url, hasMd5);
  }

  /** Runs one request until it works, with our errors and the caller's signal. */
  async #request<T>(
    attempt: S3Attempt,
    signal: AbortSignal | undefined,
    send: (connection: Connection, watch: StallWatch) => Promise<T>,
  ): Promise<T> {
    const { maxAttempts = DEFAULT_ATTEMPTS, retryWaitMs = DEFAULT_RETRY_WAIT_MS } = this.#settings;
    const tryOnce = async (): Promise<T> =>
      this.#watched(attempt, signal, async (watch) => {
        this.#client ??= connect(this.#settings);
        return send(await this.#client, watch);
      });
    try {
      return await pRetry(tryOnce, {
        retries: maxAttempts - 1,
        minTimeout: retryWaitMs,
        maxTimeout: retryWaitMs * LONGEST_WAIT_FACTOR,
        randomize: true,
        shouldRetry: ({ error }) => !signal?.aborted && isTransient(error),
        ...(signal && { signal }),
      });
    } catch (error) {
      if (signal?.aborted) throw interruptionOf(signal, `${attempt.doing} ${attempt.url}`);
      throw error;
    }
  }

  /** Once, with an error of ours when it fails or nothing happens any more. */
  async #watched<T>(
    attempt: S3Attempt,
    signal: AbortSignal | undefined,
    work: (watch: StallWatch) => Promise<T>,
  ): Promise<T> {
    const { stallTimeoutMs = 30_000 } = this.#settings;
    const watch = startStallWatch(stallTimeoutMs, signal);
    try {
      return await work(watch);
    } catch (error) {
      if (signal?.aborted) throw interruptionOf(signal, `${attempt.doing} ${attempt.url}`);
      throw watch.hasStalled ? stalled(attempt, stallTimeoutMs) : translateS3Error(error, attempt);
    } finally {
      watch.close();
    }
  }

  #attemptOf(doing: S3Attempt['doing'], key: string): S3Attempt {
    const url = this.urlOf(key);
    return { doing, bucket: this.#bucket, url, ...(doing !== 'list' && { key }) };
  }
}

/** A body that is compared with its MD5 sum while it is read, where the ETag is one. */
class S3Download {
  readonly version: ListedObject;
  readonly #body: BodyReader;
  readonly #url: string;
  readonly #md5: Hash | undefined;
  #left: number;

  constructor(version: ListedObject, body: BodyReader, url: string, hasMd5: boolean) {
    this.version = version;
    this.#body = body;
    this.#url = url;
    this.#md5 = hasMd5 ? createHash('md5') : undefined;
    this.#left = version.sizeBytes;
  }

  async fill(into: Buffer, watch: StallWatch): Promise<void> {
    await this.#body.fill(into, watch);
    this.#md5?.update(into);
    this.#left -= into.length;
    if (this.#left > 0 || this.#md5 === undefined) return;
    if (this.#md5.digest('hex') !== this.version.etag) {
      throw wrongBytes(this.#url, 'the bytes do not fit the ETag (its MD5 sum)');
    }
  }

  close(): void {
    this.#body.close();
  }
}

interface Connection {
  readonly sdk: typeof import('@aws-sdk/client-s3');
  readonly client: S3Client;
}

async function connect(settings: S3Settings): Promise<Connection> {
  const sdk = await import('@aws-sdk/client-s3');
  const { region, endpoint, pathStyle, connectTimeoutMs = 10_000, concurrency = 50 } = settings;
  const client = new sdk.S3Client({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(pathStyle !== undefined && { forcePathStyle: pathStyle }),
    maxAttempts: 1,
    // Checksums only where we ask: computing one for every object costs more than the MD5 that we have,
    // and some stores refuse requests that carry them.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      httpAgent: { maxSockets: concurrency },
      httpsAgent: { maxSockets: concurrency },
      logger: SILENT,
    },
    logger: SILENT,
  });
  return { sdk, client };
}

/** Objects are read off the answer before the SDK sees it; filled when the command has been sent. */
function takeObjects(command: ListObjectsV2Command, watch: StallWatch): ListedObject[] {
  const taken: ListedObject[] = [];
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { statusCode: number; body: Readable | Buffer };
      if (response.statusCode !== 200) return result;
      const chunks: Buffer[] = [];
      for await (const chunk of addAbortSignal(watch.signal, response.body as Readable)) {
        watch.touch();
        chunks.push(chunk as Buffer);
      }
      const body = Buffer.concat(chunks);
      const split = takeContents(body.toString('utf8'));
      taken.push(...(split?.objects ?? []));
      response.body = split === undefined ? body : Buffer.from(split.rest);
      return result;
    },
    { step: 'deserialize', priority: 'low' }, // next to the network, before the SDK's own parser
  );
  return taken;
}

function parsePage(
  page: ListObjectsV2CommandOutput,
  taken: readonly ListedObject[],
): FolderListing {
  // Stores that do not know the encoding do not confirm it, and send keys as they are.
  const decode = page.EncodingType === 'url' ? decodeKey : (key: string): string => key;
  const objects = [...taken, ...(page.Contents ?? []).map(parseListed)];
  return {
    folders: (page.CommonPrefixes ?? []).map(({ Prefix = '' }) => decode(Prefix)),
    objects: objects.map((object) => ({ ...object, key: decode(object.key) })),
  };
}

function parseListed(object: _Object): ListedObject {
  return {
    key: object.Key ?? '',
    etag: unquote(object.ETag ?? ''),
    sizeBytes: object.Size ?? 0,
    lastModified: object.LastModified ?? new Date(0),
  };
}

/** Form encoding: a space is a plus, a plus is %2B. */
function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}

/** An empty body parses as an empty page: without the field that every page has, it is no page. */
function nextTokenOf(page: ListObjectsV2CommandOutput, attempt: S3Attempt): string | undefined {
  const { IsTruncated: hasMore, NextContinuationToken: token } = page;
  if (hasMore === false) return undefined;
  if (hasMore && token) return token;
  const found = hasMore
    ? 'a page has no continuation token'
    : 'a page does not say whether it is last';
  throw new CurrentsError({
    code: 'SOURCE_UNAVAILABLE',
    transient: true,
    message: `cannot list ${attempt.url}: ${found} (an answer of ListObjectsV2)`,
  });
}

/** What was really sent: the listed version, or the one that has replaced it since. */
function describeAnswer(object: ListedObject, answer: GetObjectCommandOutput): ListedObject {
  const etag = answer.ETag === undefined ? object.etag : unquote(answer.ETag);
  const isListed = etag === object.etag;
  return {
    key: object.key,
    etag,
    sizeBytes: answer.ContentLength ?? object.sizeBytes,
    // The header has whole seconds, the listing thousandths.
    lastModified: isListed ? object.lastModified : (answer.LastModified ?? object.lastModified),
  };
}

/** Plain MD5 sums have no part count; S3 user guide, "Checking object integrity", 2026-09. */
function isMd5(etag: string): boolean {
  return /^[0-9a-f]{32}$/.test(etag);
}

function isEncryptedByKey(answer: GetObjectCommandOutput): boolean {
  return (
    answer.ServerSideEncryption?.startsWith('aws:kms') === true ||
    answer.SSECustomerAlgorithm !== undefined
  );
}

/** An upload that gets on is none that has stalled. */
async function* readFile(path: string, watch: StallWatch): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { highWaterMark: UPLOAD_CHUNK_BYTES })) {
    watch.touch();
    yield chunk as Buffer;
  }
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

function wrongBytes(url: string, found: string): CurrentsError {
  return new CurrentsError({
    code: 'OBJECT_INCOMPLETE',
    transient: true,
    message: `cannot read ${url}: ${found}`,
  });
}

function gone({ url, bucket, key }: S3Attempt, cause: CurrentsError): CurrentsError {
  return new CurrentsError({
    code: 'OBJECT_MISSING',
    message: `cannot read ${url}: the object is gone (it was there when it was listed)`,
    context: { source: `s3://${bucket}`, ...(key !== undefined && { key }) },
    cause,
  });
}

function stalled(attempt: S3Attempt, stallTimeoutMs: number): CurrentsError {
  return new CurrentsError({
    code: 'SOURCE_UNAVAILABLE',
    transient: true,
    message: `cannot ${attempt.doing} ${attempt.url}: nothing came for ${stallTimeoutMs / 1000} s`,
  });
}

function ignore(): void {}
