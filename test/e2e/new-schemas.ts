/**
 * Schemas that nobody has announced, through the built command: in `evolve` they load without a change of
 * code, in `freeze` they wait in quarantine, in `rescue` the tables stay as they are; and no value is lost.
 *
 * Every value that was written is looked for in its row. Columns, reported changes and refusals are
 * compared with what expected-tables.ts says, in several orders of arrival.
 *
 *     npx tsx test/e2e/new-schemas.ts --seed 1
 */

import assert from 'node:assert/strict';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../support/seeded-random.ts';
import { Checks } from './checks.ts';
import { compareRow } from './compare-values.ts';
import { runCurrents } from './currents-command.ts';
import {
  describeRefusal,
  expectEvolved,
  expectRescued,
  formatTables,
  listKnownTables,
  parseChange,
  sortChanges,
} from './expected-tables.ts';
import { type EditedSchema, type Edition, isInvented } from './newer-schemas.ts';
import { SchemaBucket } from './schema-bucket.ts';
import { withTemporaryFolder } from './temporary-folder.ts';
import { writeEvents } from './written-events.ts';

type Rounds = readonly (readonly Edition[])[];

const EDITIONS: readonly Edition[] = ['known', 'next', 'afterNext'];
/** New to us, and a table sees nothing of it: dropped, moved, loosened, tightened and narrowed fields. */
const HARMLESS = ['users.messages.email.Open next', 'users.messages.whatsapp.InboundReceive next'];

const { values: flags } = parseArgs({ options: { seed: { type: 'string', default: '1' } } });
const seed = Number(flags.seed);
const checks = new Checks(`New schemas, seed ${seed}`);
const written = await writeEvents(seed);
const random = createRandom(seed);

await withTemporaryFolder('schemas', async (folder) => {
  const inFolder = (name: string) => new SchemaBucket(path.join(folder, name), written, random);
  const knownFirst = inFolder('known first');
  await evolve(knownFirst, [['known'], ['next'], ['afterNext']]);
  await evolve(inFolder('newest first'), [['afterNext'], ['next'], ['known']]);
  await evolve(inFolder('mixed in one batch'), [EDITIONS]);
  await evolve(inFolder('mixed in small batches'), [EDITIONS], ['--batch-rows', '40']);
  await freeze(inFolder('frozen, known first'), [['known'], ['next', 'afterNext']]);
  await freeze(inFolder('frozen, newest first'), [['next', 'afterNext'], ['known']]);
  await rescue(inFolder('rescued, known first'), [['known'], ['next'], ['afterNext']]);
  await rescue(inFolder('rescued, mixed'), [EDITIONS]);
  await checkNews(knownFirst);
  await tellTheStory();
});
checks.finish();

async function evolve(bucket: SchemaBucket, rounds: Rounds, more: readonly string[] = []) {
  await checks.check(`${bucket.name}: evolve loads everything and reports it`, async () => {
    const reported = [];
    let loaded = 0;
    for (const round of rounds) {
      await bucket.add(round);
      const result = await bucket.ingest(...more);
      assert.equal(result.exitCode, 0);
      reported.push(...result.schemaChanges);
      loaded += result.events.loaded;
    }
    assert.equal(loaded, written.events.size);
    const { tables, changes } = expectEvolved(new Map(), await bucket.readArrivals());
    assert.deepEqual(await bucket.readTables(), formatTables(tables));
    assert.deepEqual(await bucket.readChanges(), changes);
    assert.deepEqual(sortChanges(reported.map((one) => parseChange({ ...one }))), changes);
    return `${changes.length} changes`;
  });
  await checkValues(bucket, () => true);
}

async function freeze(bucket: SchemaBucket, rounds: Rounds): Promise<void> {
  const refused = written.objects.filter(({ schema }) => isRefused(schema));
  await checks.check(`${bucket.name}: freeze refuses what is new and says what`, async () => {
    for (const round of rounds) {
      await bucket.add(round);
      const result = await bucket.ingest('--schema-changes', 'freeze');
      const here = refused.filter(({ schema }) => round.includes(schema.edition));
      assert.equal(result.objects.quarantined, here.length);
      assert.equal(result.exitCode, here.length > 0 ? 3 : 0);
    }
    assert.deepEqual(await bucket.readTables(), formatTables(listKnownTables()));
    await checkReasons(bucket);
    return `${refused.length} objects refused`;
  });
  await checkValues(bucket, (schema) => !isRefused(schema));
  await checkNews(bucket);

  await checks.check(`${bucket.name}: a retry in evolve loads what was refused`, async () => {
    const retry = ['quarantine', 'retry', '--all', '--schema-changes', 'evolve', '--json'];
    bucket.release();
    const { exitCode, stdout } = await runCurrents([...retry, ...bucket.flags]);
    assert.equal(exitCode, 0, stdout);
    assert.equal((JSON.parse(stdout) as { requeued: number }).requeued, refused.length);
    const { tables, changes } = expectEvolved(listKnownTables(), await bucket.readArrivals());
    assert.deepEqual(await bucket.readTables(), formatTables(tables));
    assert.deepEqual(await bucket.readChanges(), changes);
  });
  await checkValues(bucket, () => true);
}

async function rescue(bucket: SchemaBucket, rounds: Rounds): Promise<void> {
  await checks.check(`${bucket.name}: rescue leaves the tables as they are`, async () => {
    const seen: Record<string, string>[] = [];
    for (const round of rounds) {
      await bucket.add(round);
      const result = await bucket.ingest('--schema-changes', 'rescue');
      assert.equal(result.exitCode, 0);
      seen.push(await bucket.readWholeTables());
    }
    const tables = formatTables(expectRescued(await bucket.readArrivals()));
    assert.deepEqual(await bucket.readTables(), tables);
    // Not even `_rescued` comes later: it is there from the first object on.
    for (const table of Object.keys(seen[0] ?? {})) {
      assert.equal(seen.at(-1)?.[table], seen[0]?.[table]);
    }
    const changes = await bucket.readChanges();
    const kinds = new Set(changes.map(([, change]) => change));
    assert.deepEqual([...kinds].sort(), ['field rescued', 'table created']);
    for (const field of ['score', 'speed', 'altitude', 'items', 'price', 'cache_hit']) {
      assert.ok(
        changes.some(([, , column]) => column === field),
        `${field} is not reported`,
      );
    }
    return `${changes.length} changes`;
  });
  await checkValues(bucket, () => true);
}

/** Every value of the events that should be in is in its place; a second run loads nothing. */
async function checkValues(bucket: SchemaBucket, isLoaded: (schema: EditedSchema) => boolean) {
  await checks.check(`${bucket.name}: every value is in its place`, async () => {
    const expected = [...written.events.values()].filter(({ schema }) => isLoaded(schema));
    const counts = { values: 0, rescued: 0 };
    let rowCount = 0;
    for (const eventType of new Set(expected.map(({ schema }) => schema.eventType))) {
      const columns = await bucket.readColumnTypes(eventType);
      for (const row of await bucket.readRows(eventType)) {
        const event = written.events.get(String(row.id)) ?? assert.fail('nobody wrote this event');
        compareRow(event, row, columns, counts);
        rowCount += 1;
      }
    }
    assert.equal(rowCount, expected.length);
    const again = await bucket.ingest('--full');
    assert.equal(again.events.read, 0);
    assert.deepEqual(again.schemaChanges, []);
    return `${rowCount} events, ${counts.values} values, ${counts.rescued} of them rescued`;
  });
}

/** Each reason names every field that is in the way, with what was found and what was expected. */
async function checkReasons(bucket: SchemaBucket): Promise<void> {
  const known = listKnownTables();
  for (const { schema, code, reason } of await bucket.readRefusals()) {
    assert.equal(code, 'SCHEMA_CHANGE_REFUSED');
    const said = reason.replaceAll('\\', '').replaceAll('"', '');
    if (isInvented(schema.eventType)) assert.match(said, /: new event type \(/);
    else {
      for (const field of schema.fields) {
        const expected = describeRefusal(field, known.get(schema.eventType)?.get(field.name));
        if (expected === undefined) continue;
        assert.ok(said.includes(expected.replaceAll('"', '')), `"${reason}" lacks ${expected}`);
      }
    }
  }
}

function isRefused({ eventType, edition }: EditedSchema): boolean {
  return edition !== 'known' && !HARMLESS.includes(`${eventType} ${edition}`);
}

async function tellTheStory(): Promise<void> {
  await checks.check('schemas diff tells what a release changed', async () => {
    assert.equal(
      await askSchemas('diff', 'users.messages.email.Click', 'v1', 'v2'),
      [
        'users.messages.email.Click, v1 → v2: 2 changes',
        '  is_suspected_bot_click was added: null | boolean',
        '  suspected_bot_click_reason was added: null | array<string>',
      ].join('\n'),
    );
    assert.equal(
      await askSchemas('diff', 'users.messages.rcs.InboundReceive', 'v3', 'v10'),
      [
        'users.messages.rcs.InboundReceive, v3 → v10: 3 changes',
        '  user_id can be null now: string → null | string',
        '  canvas_variation_name was added: null | string',
        '  canvas_id was added: null | string',
      ].join('\n'),
    );
  });
  await checks.check('schemas show describes the fields', async () => {
    const shown = await askSchemas('show', 'users.behaviors.Purchase');
    assert.match(shown, /^price +float /m);
    assert.match(shown, /^properties +string /m);
  });
}

/** What objects brought, loaded or refused, told by their fingerprints. */
async function checkNews(bucket: SchemaBucket): Promise<void> {
  const eventType = 'users.canvas.Entry';
  await checks.check(`${bucket.name}: schemas seen and diff tell what is new`, async () => {
    bucket.release();
    const ask = async (...args: string[]) => askSchemas(...args, '--database', bucket.database);
    const seen = JSON.parse(await ask('seen', eventType, '--json')) as {
      readonly schemas: readonly {
        readonly fingerprint: string;
        readonly version: string | null;
        readonly firstKey: string;
      }[];
    };
    const editions = seen.schemas.map(({ firstKey, version }) => [firstKey.split('/')[5], version]);
    assert.deepEqual(Object.fromEntries(editions), { known: 'v1', next: null, afterNext: null });
    assert.equal(editions.length, 3);
    const [next = '', afterNext = ''] = ['/next/', '/afterNext/'].map((edition) =>
      seen.schemas.find(({ firstKey }) => firstKey.includes(edition))?.fingerprint.slice(0, 12),
    );
    assert.equal(
      await ask('diff', eventType, 'v1', next),
      [
        `${eventType}, v1 → ${next}: 2 changes`,
        '  in_control_group can be null now: boolean → null | boolean',
        '  entry_count was added: int',
      ].join('\n'),
    );
    assert.equal(
      await ask('diff', eventType, next, afterNext),
      [
        `${eventType}, ${next} → ${afterNext}: 2 changes`,
        '  entry_count can hold more: int → long',
        '  time has another type: int → string',
      ].join('\n'),
    );
    assert.match(await ask('show', eventType, '--release', afterNext), /^time +string/m);
    assert.match(await ask('show', 'users.messages.telepathy.Send'), /^thought +(string|int)/m);
  });
}

async function askSchemas(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCurrents(['schemas', ...args]);
  assert.equal(exitCode, 0, stderr);
  return stdout.trimEnd();
}
