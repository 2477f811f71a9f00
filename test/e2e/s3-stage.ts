/**
 * A generated bucket on an S3 server, the truth about it, and scenes: each with a proxy between the command
 * and the server, which can do anything, and a database of its own.
 *
 * The truth is what the same objects give when they are read from a folder, where nothing goes wrong.
 */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { openLocalFolder } from '../../src/discovery/local-folder.ts';
import type { IngestResult } from '../../src/ingest-result.ts';
import { generateBucket } from '../../src/sandbox/generate-bucket.ts';
import {
  type FaultyProxy,
  type FaultyProxyOptions,
  startFaultyProxy,
} from '../support/faulty-proxy.ts';
import { TEST_S3_ENVIRONMENT, type TestBucket } from '../support/s3-buckets.ts';
import { compareEvents } from './compare-events.ts';
import { ingest, runCurrents } from './currents-command.ts';

export interface Run {
  readonly exitCode: number | null;
  readonly tookMs: number;
  readonly result: IngestResult | undefined;
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}

/** One scenario: a proxy before the server, and a database of its own. */
export interface Scene {
  readonly proxy: FaultyProxy;
  readonly database: string;
  /** `ingest`, or another command. */
  readonly run: (...args: readonly string[]) => Promise<Run>;
}

/** The bucket, the truth about it, and the databases of the scenes. */
export class S3Stage {
  readonly folder: string;
  readonly upstream: string;
  readonly bucket: TestBucket;
  /** Of all objects. */
  readonly keys: string[] = [];
  readonly #copy: string;
  readonly #truth: string;
  readonly #seed: number;
  #sceneCount = 0;

  constructor(folder: string, upstream: string, bucket: TestBucket, seed: number) {
    this.#seed = seed;
    this.folder = folder;
    this.upstream = upstream;
    this.bucket = bucket;
    this.#copy = path.join(folder, 'copy');
    this.#truth = path.join(folder, 'truth.duckdb');
  }

  /** Uploads a generated bucket, and loads a copy in a folder, which no network stands before. */
  async fill(events: number): Promise<void> {
    const copy = openLocalFolder(this.#copy);
    await generateBucket(
      {
        put: async (key, bytes) => {
          this.keys.push(key);
          await copy.put(key, bytes);
        },
      },
      // One release: of two deliveries of an event either may come first, and both have the same fields.
      {
        events,
        users: 200,
        hours: 12,
        seed: this.#seed,
        duplicates: 0.1,
        layout: 'both',
        release: 'v10',
        eventTypes: ['users.messages.email.*', 'users.behaviors.*', 'users.profile.Update'],
      },
    );
    this.keys.sort();
    await this.upload(this.keys);
    await ingest(['--source', this.#copy, '--database', this.#truth]);
    console.log(`${this.keys.length} objects`);
  }

  async upload(keys: readonly string[]): Promise<void> {
    const objects: [string, Buffer][] = [];
    for (const key of keys) objects.push([key, await readFile(path.join(this.#copy, key))]);
    await this.bucket.putAll(objects);
  }

  /** Lets a scene happen with a proxy between the command and the server. */
  async play<Result>(
    options: Partial<FaultyProxyOptions>,
    act: (scene: Scene) => Promise<Result>,
  ): Promise<Result> {
    this.#sceneCount += 1;
    const database = path.join(this.folder, `scene-${this.#sceneCount}.duckdb`);
    const proxy = await startFaultyProxy({
      upstream: this.upstream,
      seed: this.#seed + this.#sceneCount,
      rates: {},
      ...options,
    });
    const run = async (...args: readonly string[]) =>
      this.run(args.length === 0 ? ['ingest'] : args, proxy.endpoint, database);
    try {
      return await act({ proxy, database, run });
    } finally {
      await proxy.stop();
    }
  }

  /** One command with the source and the database in its flags; `--source` in `args` wins. */
  async run(args: readonly string[], endpoint: string, database: string): Promise<Run> {
    const startedAt = Date.now();
    const { exitCode, stdout, stderr } = await runCurrents(
      [
        ...args,
        ...(args.includes('--source') ? [] : ['--source', `s3://${this.bucket.name}/`]),
        ...['--endpoint', endpoint, '--path-style', '--database', database],
        ...['--json', '--log-level', 'error'],
      ],
      { env: TEST_S3_ENVIRONMENT },
    );
    const said = parseOutput(stdout, stderr);
    return {
      exitCode,
      tookMs: Date.now() - startedAt,
      result: 'error' in said ? undefined : 'cycle' in said ? said.cycle : said,
      error: 'error' in said ? said.error : { code: 'none', message: '' },
    };
  }

  /** What is in the tables is right. Returns how many events are missing. */
  async expectNothingWrong(database: string): Promise<number> {
    const { missing, ...wrong } = await compareEvents(this.#truth, database);
    assert.deepEqual(wrong, { wrong: 0, ownerless: 0, miscounted: 0 });
    return missing;
  }

  async expectTruth(database: string): Promise<void> {
    assert.equal(await this.expectNothingWrong(database), 0, 'events are missing');
  }

  /** A run without faults loads what is missing, and one more finds nothing to do. */
  async expectRecovery(database: string): Promise<void> {
    const first = await this.run(['ingest'], this.upstream, database);
    assert.equal(first.exitCode, 0, first.error.message);
    assert.equal(first.result?.objects.pending, 0);
    await this.expectTruth(database);
    const second = await this.run(['ingest', '--full'], this.upstream, database);
    assert.equal(second.exitCode, 0);
    assert.equal(second.result?.events.read, 0);
    assert.equal(second.result?.objects.unchanged, this.keys.length);
  }
}

type Said =
  | IngestResult
  | { readonly cycle: IngestResult }
  | { readonly error: { readonly code: string; readonly message: string } };

function parseOutput(stdout: string, stderr: string): Said {
  try {
    return JSON.parse(stdout) as Said;
  } catch {
    return assert.fail(`no JSON on stdout, and on stderr: ${stderr}`);
  }
}
