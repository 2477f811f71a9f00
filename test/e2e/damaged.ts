/**
 * A thousand damaged files among good ones, in one bucket, through the built `ingest`: each either decodes
 * to the truth or is in quarantine with its reason, and nothing else happens.
 *
 * Damaged are all parts of a container, in all codecs, in many ways (damage-container.ts), and there are
 * small files that ask for much (container-bombs.ts). The truth is what fastavro reads from the same bytes;
 * where it and we disagree about whether a file is sound, a rule here says who is right and why. Files are
 * written by fastavro, so no code of ours judges itself.
 *
 *     npx tsx test/e2e/damaged.ts --files 1000 --seed 1 [--keep FOLDER]
 *
 * With --keep the bucket stays there, with what became of each object in verdicts.txt.
 */

import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { IngestResult } from '../../src/ingest-result.ts';
import { Checks } from './checks.ts';
import type { Bomb } from './container-bombs.ts';
import { ingest, runCurrents } from './currents-command.ts';
import { makeDamagedBucket, type PlacedObject } from './damaged-bucket.ts';
import { type MeasuredOutcome, measureCurrents } from './measured-command.ts';
import { runPython } from './python-tools.ts';
import { withTemporaryFolder } from './temporary-folder.ts';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
  },
});
const fileCount = Number(values.files);
const seed = Number(values.seed);

const TIME_LIMIT_MS = 300_000;
/** What an ingest may need, whatever is in the bucket; three times what one object may decompress to. */
const MAX_PEAK_BYTES = 1.5 * 2 ** 30;
/** Texts of all events begin with it (write_originals.py). */
const MARKER = 'Zx9';

interface Verdict {
  readonly status: string | null;
  readonly code: string | null;
  readonly reason: string | null;
  readonly block: number | null;
  readonly record: number | null;
  readonly rows: number;
  /** `before`: records that fastavro had read when it gave up; null when it did not, or in the header. */
  readonly oracle: { readonly error: string | null; readonly before: number | null };
  readonly differences: string | null;
}

interface Judged {
  readonly object: PlacedObject;
  readonly verdict: Verdict;
}

/**
 * Files that fastavro reads and we refuse, by our reason. Each breaks a rule of the Avro specification that
 * fastavro does not check, so the file is damaged and its records are what chance made of them.
 */
const FASTAVRO_IS_LENIENT: Readonly<Record<string, RegExp>> = {
  'any magic': /the file begins with/,
  'a negative number of records ends the file': /announces -?\d+ records/,
  'a file may end where a block begins':
    /ends inside block \d+, at byte \d+ \(expected the record count/,
  'bytes left over in a block': /bytes are left over in the block/,
  'ints of any size': /an int has more than 32 bits/,
  'longs of any size': /a long has more than 64 bits|takes more than 10 bytes/,
  'any byte as a boolean': /a boolean is \d+/,
  'branches and symbols from the end': /(union branch|symbol) -\d+/,
  'lengths of blocks of items': /items end at byte|a length is -/,
  'a checksum of snappy': /the CRC is wrong/,
  'bytes left over behind a compressed block': /left over behind the stream/,
  'a record without fields': /has no "fields"/,
  'two fields of a name, of which the second counts': /has two fields/,
};

/** Files that we load and fastavro refuses, by its error, and why they are sound all the same. */
const FASTAVRO_IS_STRICT: Readonly<Record<string, RegExp>> = {
  // Our entry `avro.x` holds one byte, 0xff; values of metadata are bytes, not text.
  'metadata of others need not be text': /^UnicodeDecodeError.*0xff in position 0/,
  // We read by the writer's schema alone; defaults are for readers with another one.
  'defaults do not matter to a reader without a schema of its own':
    /^SchemaParseException: Default value/,
};

const checks = new Checks(`${fileCount} damaged files, seed ${seed}`);

await withTemporaryFolder('damaged', async (folder) => {
  const bucket = path.join(folder, 'bucket');
  const database = path.join(folder, 'damaged.duckdb');
  const flags = ['--source', bucket, '--database', database];
  const objects = await makeDamagedBucket(bucket, path.join(folder, 'sound'), fileCount, seed);

  let run: MeasuredOutcome | undefined;
  await checks.check('a run ends in time, in little memory, and with exit code 3', async () => {
    const args = ['ingest', '--json', '--log-level', 'info', ...flags];
    run = await measureCurrents(args, TIME_LIMIT_MS);
    const peak = `${Math.round(run.peakBytes / 2 ** 20)} MB, ${run.seconds.toFixed(1)} s`;
    assert.ok(!run.timedOut, `still running after ${TIME_LIMIT_MS} ms`);
    assert.equal(run.exitCode, 3, run.stderr.slice(-1000));
    assert.ok(run.peakBytes > 0 && run.peakBytes < MAX_PEAK_BYTES, peak);
    return peak;
  });

  const { verdicts, strangers } = await runPython<{
    readonly verdicts: readonly Verdict[];
    readonly strangers: number;
  }>('judge_damaged.py', {
    database,
    // Some of the small files that ask for much get it from fastavro.
    objects: objects.map(({ key, path: file, bomb }) => ({ key, path: file, read: !bomb })),
  });
  const judged = objects.map((object, index) => ({
    object,
    verdict: verdicts[index] as Verdict,
  }));
  if (values.keep !== undefined) {
    await cp(bucket, values.keep, { recursive: true });
    await writeFile(path.join(values.keep, 'verdicts.txt'), judged.map(describe).join('\n'));
  }
  const loaded = judged.filter(({ verdict }) => verdict.status === 'loaded');
  const quarantined = judged.filter(({ verdict }) => verdict.status === 'quarantined');

  await checks.check('every object is loaded or quarantined, and counted', () => {
    const lost = judged.filter((one) => !loaded.includes(one) && !quarantined.includes(one));
    assert.deepEqual(lost.map(describe), []);
    const result = JSON.parse(run?.stdout ?? '') as IngestResult;
    assert.equal(result.objects.discovered, objects.length);
    assert.equal(result.objects.loaded, loaded.length);
    assert.equal(result.objects.quarantined, quarantined.length);
    assert.equal(result.objects.pending, 0);
    return `${loaded.length} loaded, ${quarantined.length} quarantined`;
  });

  await checks.check('every good object is loaded', () => {
    const bad = judged.filter(
      ({ object, verdict }) => object.isGood && verdict.status !== 'loaded',
    );
    assert.deepEqual(bad.map(describe), []);
  });

  await checks.check('no row of a quarantined object is in any table', () => {
    assert.deepEqual(quarantined.filter(({ verdict }) => verdict.rows > 0).map(describe), []);
    assert.equal(strangers, 0, 'rows of no object of the ledger');
  });

  await checks.check('what is loaded is what fastavro reads', () => {
    const read = loaded.filter(({ verdict }) => verdict.oracle.error === null);
    assert.deepEqual(read.filter(({ verdict }) => verdict.differences !== null).map(describe), []);
    return `${read.length} objects`;
  });

  await checks.check('what fastavro refuses is loaded only where we know why', () => {
    const refused = loaded.filter(
      ({ verdict, object }) => verdict.oracle.error !== null && !object.bomb,
    );
    return explain(refused, FASTAVRO_IS_STRICT, ({ oracle }) => oracle.error);
  });

  await checks.check('what fastavro reads is quarantined only where we know why', () => {
    const read = quarantined.filter(
      ({ verdict, object }) => verdict.oracle.error === null && !object.bomb,
    );
    return explain(read, FASTAVRO_IS_LENIENT, ({ reason }) => reason);
  });

  await checks.check('what is certainly broken is quarantined', () => {
    const fatal = judged.filter(({ object }) => object.isFatal);
    assert.deepEqual(
      fatal.filter(({ verdict }) => verdict.status !== 'quarantined').map(describe),
      [],
    );
    return `${fatal.length} objects`;
  });

  await checks.check('small files that ask for much get what they deserve', () => {
    const bombs = judged.filter(({ object }) => object.bomb);
    const wrong = bombs.filter(({ object: { bomb }, verdict }) => {
      const { code = null, block, record, rows = 0 } = bomb as Bomb;
      return (
        verdict.code !== code ||
        verdict.rows !== rows ||
        (block !== undefined && verdict.block !== block) ||
        (record !== undefined && verdict.record !== record)
      );
    });
    assert.deepEqual(wrong.map(describe), []);
    return `${bombs.length} objects`;
  });

  await checks.check('every reason says what is wrong and where', async () => {
    const { stdout } = await runCurrents(['quarantine', 'list', '--json', '--database', database]);
    const listed = (JSON.parse(stdout) as { objects: Verdict[] }).objects;
    assert.equal(listed.length, quarantined.length);
    const vague = quarantined.filter(({ verdict }) => !isExplained(verdict));
    assert.deepEqual(vague.map(describe), []);
    const codes = new Map<string | null, number>();
    for (const { verdict } of quarantined) {
      codes.set(verdict.code, (codes.get(verdict.code) ?? 0) + 1);
    }
    return [...codes].map(([code, count]) => `${code} ${count}`).join(', ');
  });

  await checks.check('damage to a record is met no later than fastavro meets it', () => {
    const late = quarantined.filter(
      ({ verdict: { code, record, oracle } }) =>
        code === 'RECORD_INVALID' && oracle.before !== null && Number(record) > oracle.before,
    );
    assert.deepEqual(late.map(describe), []);
  });

  await checks.check('no value of an event is in a reason or in the log', () => {
    assert.ok(!JSON.stringify(quarantined.map(({ verdict }) => verdict.reason)).includes(MARKER));
    assert.ok(!run?.stderr.includes(MARKER));
    assert.ok(!run?.stdout.includes(MARKER));
  });

  await checks.check('a second run loads nothing', async () => {
    const again = await ingest([...flags, '--full']);
    assert.equal(again.objects.discovered, 0);
    assert.equal(again.objects.loaded, 0);
    assert.equal(again.objects.unchanged, objects.length);
    assert.equal(again.events.read, 0);
  });
});
checks.finish();

/** What was done to an object and what became of it. */
function describe({ object, verdict }: Judged): string {
  const { status, code, reason, rows, oracle, differences } = verdict;
  const fate = code === null ? `${status} with ${rows} rows` : `${code}, ${reason}`;
  const second = oracle.error ?? 'reads it';
  return `${object.name} (${object.key}): ${fate}; fastavro: ${second}; ${differences ?? 'no differences'}`;
}

/** Fails unless a rule covers each; returns how often each rule did. */
function explain(
  judged: readonly Judged[],
  rules: Readonly<Record<string, RegExp>>,
  textOf: (verdict: Verdict) => string | null,
): string {
  const counts = new Map<string, number>();
  const unexplained: string[] = [];
  for (const one of judged) {
    const text = textOf(one.verdict) ?? '';
    const [rule] = Object.entries(rules).find(([, pattern]) => pattern.test(text)) ?? [];
    if (rule === undefined) unexplained.push(describe(one));
    else counts.set(rule, (counts.get(rule) ?? 0) + 1);
  }
  assert.deepEqual(unexplained, []);
  return [...counts].map(([rule, count]) => `${rule}: ${count}`).join('; ');
}

/** A sentence as all our errors, and the block and record that it speaks of. */
function isExplained({ code, reason, block, record }: Verdict): boolean {
  if (code === null || !/^cannot .+: .+ \(.+\)$/s.test(reason ?? '')) return false;
  const [, spoken] = /\bblock (\d+)/.exec(reason ?? '') ?? [];
  if (spoken !== undefined && block !== Number(spoken)) return false;
  return code !== 'RECORD_INVALID' || (block !== null && record !== null);
}
