/** Cycles in which something is wrong: with objects, with the machine, or with our own death. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type CodecName, writeContainer } from '../../../src/avro/container-writer.ts';
import { Database } from '../../../src/warehouse/database.ts';
import { requeueObjects } from '../../../src/warehouse/object-ledger.ts';
import { anEvent, aRecord, aSchema, events } from '../../support/event-builders.ts';
import { aKey, TestBucket } from '../../support/test-bucket.ts';

const SCHEMA = aSchema();

async function aContainer(codec: CodecName = 'null', schema = SCHEMA): Promise<Buffer> {
  return writeContainer(schema, events(100, 110), { codec, recordsPerBlock: 5 });
}

function replaced(bytes: Buffer, found: string, by: string): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(found, by), 'latin1');
}

describe('a damaged object', () => {
  const DAMAGES: Readonly<Record<string, readonly [code: string, bytes: () => Promise<Buffer>]>> = {
    'is empty': ['CONTAINER_INVALID', async () => Buffer.alloc(0)],
    'is no container': [
      'CONTAINER_INVALID',
      async () => Buffer.from('{"id":"person@example.com"}'),
    ],
    'is cut short': ['CONTAINER_INVALID', async () => (await aContainer()).subarray(0, -20)],
    'is cut between its blocks and the end': [
      'CONTAINER_INVALID',
      async () => Buffer.concat([await aContainer(), Buffer.from([4])]),
    ],
    'has another sync marker': [
      'CONTAINER_INVALID',
      async () => {
        const bytes = await aContainer();
        bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
        return bytes;
      },
    ],
    'has a codec that nobody knows': [
      'CODEC_UNSUPPORTED',
      async () => replaced(await aContainer('snappy'), 'snappy', 'zippyy'),
    ],
    'has a schema that is none': [
      'SCHEMA_INVALID',
      async () => replaced(await aContainer(), '"record"', '"recurd"'),
    ],
    'has text that is not UTF-8': [
      'RECORD_INVALID',
      async () => replaced(await aContainer(), 'event-107', 'event\xff107'),
    ],
  };

  it.each(Object.entries(DAMAGES))(
    'that %s is set aside, and the others load',
    async (_name, [code, make]) => {
      const bucket = new TestBucket();
      await bucket.put(aKey(1), SCHEMA, events(0, 2));
      bucket.putBytes(aKey(2), await make());
      await bucket.put(aKey(3), SCHEMA, events(2, 4));
      const result = await bucket.cycle();
      expect(result.objects).toMatchObject({ loaded: 2, quarantined: 1, pending: 0 });
      expect(result.problems).toMatchObject([{ key: aKey(2), status: 'quarantined', code }]);
      expect(result.events).toEqual({ read: 4, loaded: 4, duplicates: 0, erased: 0 });
      expect(JSON.stringify(result)).not.toMatch(/event-|person@/);
      expect(await bucket.column('select code from ops.quarantine')).toEqual([code]);
      expect(await bucket.column('select id from events.test_event')).toHaveLength(4);
      // It stays aside without being downloaded again.
      expect((await bucket.cycle()).objects).toMatchObject({ discovered: 0, quarantined: 0 });
    },
  );

  it('loads when it was repaired and is asked for again, or when it was sent again', async () => {
    const bucket = new TestBucket();
    const time = new Date('2026-09-01T12:00:00Z');
    const bytes = await aContainer();
    const broken = replaced(bytes, 'event-107', 'event\xff107');
    bucket.putBytes(aKey(1), broken, time);
    bucket.putBytes(aKey(2), broken, time);
    await bucket.cycle();
    bucket.putBytes(aKey(1), bytes, time);
    expect((await bucket.cycle()).objects.loaded).toBe(0);
    await bucket.withDatabase(async (database) => requeueObjects(database, [aKey(1)]));
    expect((await bucket.cycle()).objects.loaded).toBe(1);
    bucket.putBytes(aKey(2), bytes, new Date('2026-09-01T13:00:00Z'));
    expect((await bucket.cycle()).events).toEqual({
      read: 10,
      loaded: 0,
      duplicates: 10,
      erased: 0,
    });
    expect(await bucket.rows('from ops.quarantine')).toEqual([]);
    expect(await bucket.column('select attempts from ops.objects where object_id = 1')).toEqual([
      2,
    ]);
  });

  it('of a new type, in a bucket of nothing else, leaves no table', async () => {
    const bucket = new TestBucket();
    bucket.putBytes(aKey(1), replaced(await aContainer(), 'event-107', 'event\xff107'));
    expect((await bucket.cycle()).objects).toMatchObject({ loaded: 0, quarantined: 1 });
    expect(await bucket.rows('from ops.event_tables')).toEqual([]);
  });

  it('by the hundred does not keep one sound object back', async () => {
    const bucket = new TestBucket();
    const broken = replaced(await aContainer(), 'event-107', 'event\xff107');
    for (let at = 0; at < 100; at += 1) bucket.putBytes(aKey(at), broken);
    await bucket.put(aKey(200), SCHEMA, [anEvent(1)]);
    expect((await bucket.cycle()).objects).toMatchObject({ loaded: 1, quarantined: 100 });
  });
});

describe('an object that is too large', () => {
  it('for the limits is set aside, and loads under other limits', async () => {
    const bucket = new TestBucket();
    const schema = aSchema({ text: 'string' });
    const records = [anEvent(1, { text: 'a'.repeat(2_000_000) })];
    await bucket.put(aKey(1), schema, records, { codec: 'deflate' });
    await bucket.put(aKey(2), SCHEMA, [anEvent(2)]);
    const tight = await bucket.cycle({}, { 'limits.maxBlockBytes': '1MB' });
    expect(tight.problems).toMatchObject([{ code: 'OBJECT_TOO_LARGE', key: aKey(1) }]);
    await bucket.withDatabase(async (database) => requeueObjects(database, undefined));
    expect((await bucket.cycle()).objects.loaded).toBe(1);
    const listed = await bucket.cycle({}, { 'source.maxObjectBytes': '100' });
    expect(listed.objects.quarantined).toBe(0);
  });

  it('as it lies in the bucket is not even downloaded', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, events(0, 100));
    const result = await bucket.cycle({}, { 'source.maxObjectBytes': '100' });
    expect(result).toMatchObject({ bytes: 0, objects: { quarantined: 1 } });
    expect(result.problems[0]?.hint).toContain('--max-object-bytes');
  });
});

describe('an object that disappears between listing and download', () => {
  it('is missing, and loads when it is there again', async () => {
    const bucket = new TestBucket();
    const time = new Date('2026-09-01T12:00:00Z');
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)], { lastModified: time });
    await bucket.put(aKey(2), SCHEMA, [anEvent(2)]);
    let isGone = false;
    const onProgress = () => {
      if (!isGone) bucket.remove(aKey(1));
      isGone = true;
    };
    const result = await bucket.cycle({}, {}, { onProgress });
    expect(result.objects).toMatchObject({ discovered: 2, loaded: 1, missing: 1, pending: 0 });
    expect(await bucket.ledger()).toEqual([`${aKey(1)} missing`, `${aKey(2)} loaded`]);
    expect((await bucket.cycle()).objects).toMatchObject({ discovered: 0, missing: 0 });
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)], { lastModified: time });
    expect((await bucket.cycle()).objects).toMatchObject({ discovered: 1, loaded: 1 });
  });
});

describe('a cycle that is asked to stop', () => {
  it('commits what is in hand, says so, and the next one goes on', async () => {
    const bucket = new TestBucket();
    for (let at = 0; at < 6; at += 1) await bucket.put(aKey(at), SCHEMA, [anEvent(at)]);
    const controller = new AbortController();
    const result = await bucket.cycle(
      {},
      { 'load.batchRows': '2' },
      {
        signal: controller.signal,
        onProgress: (progress) => {
          if (progress.phase === 'loading' && progress.objects === 2) controller.abort();
        },
      },
    );
    expect(result.interrupted).toBe(true);
    const { loaded, pending } = result.objects;
    expect(loaded).toBeGreaterThanOrEqual(2);
    expect([loaded + pending, pending > 0]).toEqual([6, true]);
    expect(await bucket.column('select id from events.test_event')).toHaveLength(loaded);
    expect(await bucket.column('select status from ops.runs')).toEqual(['interrupted']);
    expect((await bucket.cycle()).objects).toMatchObject({ loaded: pending, pending: 0 });
  });

  it('before it lists stops without a trace', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)]);
    const signal = AbortSignal.abort();
    await expect(bucket.cycle({}, {}, { signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(bucket.hasDatabase).toBe(false);
  });
});

describe('a process that dies', () => {
  const DEATH = new Error('killed');

  /** A bucket with two types, evolution, duplicates, damage and an object that was overwritten. */
  async function prepare(): Promise<TestBucket> {
    const bucket = new TestBucket();
    const time = (second: number) => new Date(Date.UTC(2026, 8, 1, 12, 0, second));
    await bucket.put(aKey(1), SCHEMA, events(0, 5), { lastModified: time(1) });
    await bucket.put(aKey(2), SCHEMA, events(3, 8), { lastModified: time(1) });
    await bucket.cycle();
    await bucket.put(aKey(1), aSchema({ b: 'int' }), [anEvent(20, { b: 1 })], {
      lastModified: time(2),
    });
    const misfit = aSchema({ properties: ['null', 'string'] });
    await bucket.put(aKey(3), misfit, [anEvent(21, { properties: 'x' }), anEvent(5)], {
      lastModified: time(1),
    });
    bucket.putBytes(aKey(4), Buffer.from('Obj'), time(1));
    await bucket.put(aKey(5, '2026-09-01-10', 'new.Type'), SCHEMA, [anEvent(22)], {
      lastModified: time(1),
    });
    return bucket;
  }

  async function readAll(bucket: TestBucket) {
    return {
      rows: await bucket.column('select to_json(t)::varchar from events.test_event t order by id'),
      more: await bucket.column('select to_json(t)::varchar from events.new_type t'),
      ledger: await bucket.column(
        "select concat_ws(' ', key, etag, status, row_count, duplicate_count) from ops.objects order by key, etag",
      ),
      changes: await bucket.column(
        "select concat_ws(' ', event_type, change, column_name) from ops.schema_changes order by all",
      ),
      quarantine: await bucket.column('select code from ops.quarantine'),
    };
  }

  /** From the n-th statement on nothing reaches the database any more, not even a rollback. */
  function dieAtStatement(statement: number) {
    let left = statement;
    const { run, rows } = Object.getOwnPropertyDescriptors(Database.prototype);
    const wrap = (original: unknown) =>
      async function (this: Database, ...args: unknown[]) {
        left -= 1;
        if (left <= 0) throw DEATH;
        return (original as (...given: unknown[]) => Promise<unknown>).apply(this, args);
      };
    const spies = [
      vi.spyOn(Database.prototype, 'run').mockImplementation(wrap(run.value) as Database['run']),
      vi.spyOn(Database.prototype, 'rows').mockImplementation(wrap(rows.value) as Database['rows']),
    ];
    return {
      get isDead() {
        return left <= 0;
      },
      revive: () => {
        for (const spy of spies) spy.mockRestore();
      },
    };
  }

  it('at some statement loses nothing and doubles nothing: the next run ends as if it had lived', async () => {
    const undisturbed = await prepare();
    await undisturbed.cycle();
    const expected = await readAll(undisturbed);
    let deaths = 0;
    // A prime stride visits statements of all kinds; the integration tests kill real processes.
    for (let at = 1; ; at += 59) {
      const bucket = await prepare();
      const death = dieAtStatement(at);
      await bucket.cycle().catch(() => undefined);
      death.revive();
      if (!death.isDead) break;
      deaths += 1;
      await bucket.cycle();
      expect(await readAll(bucket)).toEqual(expected);
    }
    expect(deaths).toBeGreaterThan(1);
  });

  it('leaves a run that the next one calls crashed', async () => {
    const bucket = await prepare();
    const death = dieAtStatement(40);
    await bucket.cycle().catch(() => undefined);
    death.revive();
    await bucket.cycle();
    expect(await bucket.column('select status from ops.runs order by run_id')).toEqual([
      'succeeded',
      'crashed',
      'succeeded',
    ]);
  });
});

describe('a database', () => {
  it('that another process holds is named with its holder, and waited for when asked to', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)]);
    await bucket.cycle();
    const script = `
      import { DuckDBInstance } from '@duckdb/node-api';
      const instance = await DuckDBInstance.create(process.argv[1]);
      process.send('held');
      process.on('message', () => { instance.closeSync(); process.exit(0); });`;
    const holder = spawn(
      process.execPath,
      ['--input-type=module', '-e', script, bucket.databasePath],
      { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    );
    onTestFinished(() => void holder.kill());
    await once(holder, 'message');
    await expect(bucket.cycle()).rejects.toMatchObject({
      code: 'DATABASE_BUSY',
      transient: true,
      context: { holderPid: holder.pid },
      message: expect.stringMatching(new RegExp(`process ${holder.pid} \\(node`)),
    });
    const waiting = bucket.cycle({}, {}, { waitMs: 20_000 });
    holder.send('let go');
    expect((await waiting).objects.loaded).toBe(0);
  });

  it('of a newer release is refused and left alone', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)]);
    await bucket.cycle();
    await bucket.withDatabase(async (database) =>
      database.run('insert into ops.migrations values (999)'),
    );
    await bucket.put(aKey(2), SCHEMA, [anEvent(2)]);
    await expect(bucket.cycle()).rejects.toMatchObject({ code: 'DATABASE_NEWER' });
    expect(await bucket.ledger()).toEqual([`${aKey(1)} loaded`]);
  });

  it('that is no database is refused and left alone', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)]);
    writeFileSync(bucket.databasePath, 'precious notes');
    await expect(bucket.cycle()).rejects.toMatchObject({ code: 'DATABASE_FAILED' });
    expect(readFileSync(bucket.databasePath, 'utf8')).toBe('precious notes');
  });
});

it('values of events stand in no log line and no result, whatever happens to them', async () => {
  const bucket = new TestBucket();
  const secret = 'person@example.com';
  const schema = aRecord({
    id: 'string',
    time: 'long',
    properties: 'string',
    uuid: { type: 'string', logicalType: 'uuid' },
  });
  const record = { id: secret, time: 2n ** 62n, properties: `{${secret}`, uuid: secret };
  await bucket.put(aKey(1), schema, [record]);
  bucket.putBytes(
    aKey(2),
    replaced(await writeContainer(schema, [record]), 'person@', 'person\xff'),
  );
  const lines: unknown[] = [];
  const log = (...line: unknown[]) => void lines.push(line);
  const logger = { trace: log, debug: log, info: log, warn: log, error: log, fatal: log } as never;
  const result = await bucket.cycle({}, {}, { logger });
  expect(result.objects).toMatchObject({ loaded: 1, quarantined: 1 });
  const errors = await bucket.column("select coalesce(error, '') from ops.objects");
  expect(lines.length).toBeGreaterThan(1);
  const everything = JSON.stringify([lines, result, errors], (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  expect(everything).not.toContain('example.com');
  expect(everything).not.toContain(String(2n ** 62n));
});
