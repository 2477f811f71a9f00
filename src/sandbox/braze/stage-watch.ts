/**
 * Cloud data ingestion over stages: folders or buckets that are listed again and again, in place of the notifications
 * that S3 sends to Braze. Each new file is read once; one that is overwritten is new.
 *
 * As with Braze, only what came after the sync was set up is read (facts 5.1): what lies there at the first listing is
 * remembered and left alone, unless a state file tells of earlier syncs or `takesExisting` is set.
 */

import type { ListedObject, ObjectStore } from '../../discovery/object-store.ts';
import { CurrentsError } from '../../errors.ts';
import { type Ingestion, ingestFile, MAX_FILE_BYTES, refuseFile } from './ingest-file.ts';
import type { Workspace } from './workspace.ts';

export interface Stage {
  /** From `openStore`; closed by whoever opened it. */
  readonly store: ObjectStore;
  /** What its files hold; default `attributes`. One kind a stage, as one data type a sync. */
  readonly kind?: 'attributes' | 'deletions';
  /** The option "Update existing users only" of the integration. */
  readonly isUpdateOnly?: boolean;
  /** Whether files are read that are there already. Default false. */
  readonly takesExisting?: boolean;
}

export class StageWatch {
  readonly #workspace: Workspace;
  readonly #stages: readonly Stage[];
  #timer: NodeJS.Timeout | undefined;
  /** Listings run one after the other. */
  #running: Promise<readonly Ingestion[]> = Promise.resolve([]);
  #isClosed = false;

  constructor(workspace: Workspace, stages: readonly Stage[]) {
    this.#workspace = workspace;
    this.#stages = stages;
  }

  /** Remembers what is there, and lists every so often from then on; never with 0. */
  async start(everyMs: number, isRestored: boolean): Promise<void> {
    for (const stage of this.#stages) {
      if (stage.takesExisting || isRestored) continue;
      for (const object of await listStage(stage))
        this.#workspace.ingestedFiles.add(identify(stage, object));
    }
    if (everyMs > 0 && this.#stages.length > 0) this.#wait(everyMs);
  }

  /** Reads what is new in every stage, now. */
  ingest(): Promise<readonly Ingestion[]> {
    const next = this.#running.then(
      () => this.#ingestAll(),
      () => this.#ingestAll(),
    );
    this.#running = next;
    return next;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#running.catch(() => undefined); // whoever asked for it has the error
  }

  #wait(everyMs: number): void {
    this.#timer = setTimeout(() => {
      const again = () => {
        if (!this.#isClosed) this.#wait(everyMs);
      };
      // What cannot be read now may be readable later; the log says so, once.
      this.ingest()
        .catch((error: unknown) => this.#noteFailure(error))
        .then(again, again);
    }, everyMs);
  }

  #noteFailure(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const { ingestions, settings } = this.#workspace;
    if (ingestions.at(-1)?.reason === reason) return;
    ingestions.push({
      file: '',
      kind: 'attributes',
      status: 'Error',
      sizeBytes: 0,
      rows: 0,
      failedRows: 0,
      reason,
      failures: [],
      at: new Date(settings.clock()).toISOString(),
    });
  }

  async #ingestAll(): Promise<readonly Ingestion[]> {
    const ingestions: Ingestion[] = [];
    for (const stage of this.#stages) {
      for (const object of await listStage(stage)) {
        const id = identify(stage, object);
        if (this.#isClosed || this.#workspace.ingestedFiles.has(id)) continue;
        ingestions.push(await this.#take(stage, object));
        this.#workspace.ingestedFiles.add(id);
        this.#workspace.journal?.({ ingested: id });
      }
    }
    return ingestions;
  }

  async #take(stage: Stage, object: ListedObject): Promise<Ingestion> {
    const { store, kind = 'attributes', isUpdateOnly = false } = stage;
    const file = { name: object.key, kind, isUpdateOnly };
    if (object.sizeBytes > MAX_FILE_BYTES)
      return refuseFile(this.#workspace, file, object.sizeBytes);
    const { bytes } = await store.fetch(object);
    return ingestFile(this.#workspace, { ...file, bytes });
  }
}

/** A stage that nobody has written to yet may not exist. */
async function listStage({ store }: Stage): Promise<readonly ListedObject[]> {
  const objects: ListedObject[] = [];
  try {
    for await (const page of store.list({ prefix: store.prefix })) objects.push(...page);
  } catch (error) {
    if (!(error instanceof CurrentsError) || error.code !== 'SOURCE_NOT_FOUND') throw error;
  }
  return objects;
}

function identify({ store }: Stage, { key, etag }: ListedObject): string {
  return `${store.name} ${key} ${etag}`;
}
