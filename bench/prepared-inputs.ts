/**
 * Inputs, each generated when it is first asked for and kept for as long as the bench runs: several
 * measurements load the same one.
 *
 * An input is ingested once, unmeasured: that warms the file cache, shows that the ingest loads what the
 * generator told, and makes the rows that the floor starts from.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type Codec, generateInput, type InputName } from './inputs.ts';
import type { Measurement } from './measure.ts';
import { readStorageVersion } from './read-database.ts';
import { type ExpectedRows, readExpectedRows } from './row-counts.ts';
import { runScript } from './run-contender.ts';
import type { InputSize } from './summary.ts';

export interface PreparedInput {
  /** Folder with the objects. */
  readonly objects: string;
  /** A database with its rows. */
  readonly reference: string;
  readonly storageVersion: string;
  readonly expected: ExpectedRows;
  readonly size: InputSize;
  /** What the first ingest cost. */
  readonly firstIngest: Measurement;
}

export interface PrepareOptions {
  readonly folder: string;
  /** Distinct events of each input, more or less. */
  readonly events: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export class PreparedInputs {
  readonly #options: PrepareOptions;
  readonly #inputs = new Map<string, Promise<PreparedInput>>();

  constructor(options: PrepareOptions) {
    this.#options = options;
  }

  /** @throws Error when the first ingest did not load what was generated */
  get(name: InputName, codec: Codec): Promise<PreparedInput> {
    const title = `${name}-${codec}`;
    const known = this.#inputs.get(title) ?? this.#prepare(name, codec, title);
    this.#inputs.set(title, known);
    return known;
  }

  async #prepare(name: InputName, codec: Codec, title: string): Promise<PreparedInput> {
    const { folder, events, signal, say } = this.#options;
    const objects = path.join(folder, title);
    const reference = path.join(folder, `${title}.duckdb`);
    await mkdir(objects);
    say(`${name}, ${codec}: generating about ${events.toLocaleString('en-US')} events`);
    const told = await generateInput(name, codec, events, objects);
    const firstIngest = await runScript(
      'ours.ts',
      { input: objects, database: reference, reference, storageVersion: '' },
      signal,
    );
    return {
      objects,
      reference,
      storageVersion: await readStorageVersion(reference),
      expected: await readExpectedRows(reference, told.byEventType),
      size: {
        objects: told.objects,
        bytes: told.bytes,
        events: told.events + told.duplicates,
        rows: told.events,
      },
      firstIngest,
    };
  }
}
