/**
 * Queries whose plans hold on to what a scan gave them: each once over `currents_batch`, whose texts point
 * into an arena that is emptied at the scanning thread's next call, and once over an ordinary table of the
 * same rows. The results have to be the same.
 */

import assert from 'node:assert/strict';
import { openContainer } from '../../src/avro/container-reader.ts';
import { writeContainer } from '../../src/avro/container-writer.ts';
import type { BatchScan } from '../../src/warehouse/batch-scan.ts';
import { BatchSource, type ScanObject } from '../../src/warehouse/batch-source.ts';
import type { Database } from '../../src/warehouse/database.ts';
import { ROOMY } from './avro-read.ts';
import { type ExactScan, planFor } from './exact-scan.ts';

/** Joins as they are written: what stands on the right is what is built into a table. */
const AS_WRITTEN = `set disabled_optimizers = 'join_order,build_side_probe_side'`;

/** From the rows to be read to a query; `words` and `few` are ordinary tables beside them. */
const PIPELINES: Readonly<Record<string, (rows: string) => string>> = {
  'all columns': (rows) => `select * exclude (_row) from ${rows}`,
  'a filter': (rows) => `select id, text, tags from ${rows} where text like '%7%' and n % 3 > 0`,
  'functions of texts': (rows) =>
    `select substr(text, 20) as a, text[10:], upper(id), tags[2:], properties->>'name', trim(text),
       list_transform(tags, lambda tag: tag[5:]), concat(text, id), regexp_extract(text, 'of .*')
     from ${rows}`,
  'a hash join with the rows on the left': (rows) =>
    `select r.id, r.text, r.tags, r.bytes, w.word from ${rows} r join words w on r.n = w.n`,
  'a hash join with the rows on the right': (rows) =>
    `select w.word, r.id, r.text, r.tags, r.symbol from words w join ${rows} r on r.n = w.n`,
  'a join of the rows with themselves': (rows) =>
    `select a.text, b.text as other, b.tags from ${rows} a join ${rows} b on a.id = b.id`,
  'a left join by text': (rows) =>
    `select r.text, w.word from ${rows} r left join words w on r.text = w.word`,
  'a full join by text': (rows) =>
    `select r.text, r.id, w.word from words w full join ${rows} r on r.text = w.word`,
  'a semi join': (rows) => `select id, text from ${rows} where n in (select n from words)`,
  'an anti join': (rows) =>
    `select id, text from ${rows} where text not in (select word from words)`,
  'a nested loop join': (rows) =>
    `select r.id, r.text, f.pattern from ${rows} r join few f on r.text like f.pattern`,
  'a nested loop join with the rows on the right': (rows) =>
    `select r.id, r.text, f.pattern from few f left join ${rows} r on r.text like f.pattern`,
  'a join by inequalities': (rows) =>
    `select r.text, w.word from ${rows} r join words w on r.text < w.word and r.id < w.word
     where r.n < 20`,
  'a cross product': (rows) => `select r.text, r.tags, f.pattern from few f, ${rows} r`,
  'an asof join': (rows) =>
    `select r.id, r.text, w.word from ${rows} r asof join words w on r.text >= w.word`,
  'a positional join': (rows) =>
    `select count(*), count(r.text) from words positional join ${rows} r`,
  'order by': (rows) =>
    `select text, id, row_number() over () as place from (select * from ${rows} order by text, id)`,
  'order by with a limit': (rows) =>
    `select text, id, tags from ${rows} order by text desc, id limit 50`,
  'a large limit': (rows) => `select count(*) from (select text from ${rows} limit 5000)`,
  'a limit with an offset': (rows) =>
    `select min(length(text)) >= 0 from (select text from ${rows} limit 300 offset 4000)`,
  'a window': (rows) =>
    `select id, lag(text) over w as before, lead(text, 3) over w as after, last_value(tags) over w as last
     from ${rows} window w as (partition by symbol order by id)`,
  'group by a text': (rows) => `select symbol, text, count(*), sum(n) from ${rows} group by all`,
  'aggregates that keep texts': (rows) =>
    `select symbol, min(text), max(id), arg_max(text, id), mode(symbol), max(text, 3), min_by(text, id, 4),
       list(text order by id), string_agg(id, ',' order by id), list_sort(histogram(text).map_keys()), max(bytes)
     from ${rows} group by symbol`,
  'texts kept without a group': (rows) =>
    `select min(text), max(text), arg_min(tags, id), list(id order by id), count(distinct text) from ${rows}`,
  distinct: (rows) => `select distinct text, symbol from ${rows}`,
  'distinct on': (rows) =>
    `select distinct on (symbol) symbol, text, tags from ${rows} order by symbol, id`,
  'union all': (rows) => `select text from ${rows} union all select id from ${rows}`,
  union: (rows) => `select text from ${rows} union select word from words`,
  intersect: (rows) => `select text from ${rows} intersect all select word from words`,
  except: (rows) => `select text from ${rows} except all select word from words`,
  'a materialized CTE': (rows) =>
    `with kept as materialized (select id, text, tags from ${rows})
     select a.id, a.text, b.tags from kept a join kept b on a.id = b.id
     union all select id, text, tags from kept`,
  'a recursive CTE': (rows) =>
    `with recursive steps(text, step) as (
       select text, 0 from ${rows} union all select text[2:], step + 1 from steps where step < 2)
     select text, step from steps`,
  unnest: (rows) => `select id, unnest(tags) as tag, text from ${rows}`,
  'a correlated subquery': (rows) =>
    `select r.text, (select max(w.word) from words w where w.n = r.n) as word from ${rows} r`,
  'grouping sets': (rows) =>
    `select symbol, n % 5 as rest, max(text) from ${rows} group by grouping sets ((symbol), (rest), ())`,
};

/** Names whose order depends on which thread comes first: over one thread only. */
const ORDERED = new Set(['a positional join']);

const SCHEMA = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'text', type: ['null', 'string'] },
    { name: 'tags', type: { type: 'array', items: ['null', 'string'] } },
    { name: 'bytes', type: 'bytes' },
    { name: 'properties', type: ['null', 'string'] },
    {
      name: 'symbol',
      type: { type: 'enum', name: 'S', symbols: ['short', 'a_symbol_of_more_than_twelve_bytes'] },
    },
    { name: 'n', type: 'int' },
  ],
};

/** Objects with rows for a few chunks; texts of all lengths, most of them longer than a cell. */
export async function openPipelineObjects(rowsPerObject: number): Promise<readonly ScanObject[]> {
  const json = JSON.stringify(SCHEMA);
  const objects: ScanObject[] = [];
  for (let objectId = 0; objectId < 3; objectId++) {
    const records = Array.from({ length: rowsPerObject }, (_, row) => {
      const n = objectId * rowsPerObject + row;
      const text = `the text of row ${n % 997} ${'é'.repeat(n % 41)}`;
      return {
        id: `${String(n).padStart(12, '0')}-of-all-the-rows`,
        text: n % 11 === 0 ? null : n % 7 === 0 ? String(n) : text,
        tags: Array.from({ length: n % 4 }, (__, tag) =>
          n % 13 === 0 ? null : `tag ${tag} of ${n}`,
        ),
        bytes: Buffer.from(`bytes ${n}`.repeat(1 + (n % 3))),
        properties: n % 5 === 0 ? null : `{"name": "the name of row ${n}"}`,
        symbol: n % 2 === 0 ? 'short' : 'a_symbol_of_more_than_twelve_bytes',
        n: n % 500,
      };
    });
    const file = await writeContainer(json, records, { recordsPerBlock: 700 });
    objects.push({ objectId, container: await openContainer(file, ROOMY) });
  }
  return objects;
}

/** Runs every pipeline both ways and asserts that the results are the same, whatever their order. */
export async function runPipelines(
  database: Database,
  scan: BatchScan,
  exact: ExactScan,
  objects: readonly ScanObject[],
  threads: number,
): Promise<number> {
  const table = planFor(objects.map(({ container }) => container));
  const source = new BatchSource(table, objects);
  exact.source = new BatchSource(table, objects);
  await database.run(`set threads = ${threads}`);
  await database.run('create or replace table plain as select * from exact_batch(0)');
  await database.run(
    `create or replace table words as
       select (range * 7) % 600 as n, 'the text of row ' || range || ' ' || repeat('é', range::integer % 41) as word
       from range(300)`,
  );
  await database.run(
    `create or replace table few as select * from (values ('%row 1%'), ('%éééé%')) v(pattern)`,
  );
  let count = 0;
  for (const settings of ['reset disabled_optimizers', AS_WRITTEN]) {
    await database.run(settings);
    for (const [name, build] of Object.entries(PIPELINES)) {
      if (threads > 1 && ORDERED.has(name)) continue;
      await scan.withSource(source, async (rows) => {
        await database.run(`create or replace table got as from (${build(rows)})`);
      });
      assert.equal(source.failure, undefined, name);
      await database.run(`create or replace table wanted as from (${build('plain')})`);
      const different = await database.row<{ rows: bigint; all: bigint }>(
        `select count(*) as rows, (select count(*) from wanted) as all from (
           (from got except all from wanted) union all (from wanted except all from got))`,
      );
      assert.deepEqual({ name, rows: different.rows }, { name, rows: 0n });
      assert.ok(different.all > 0n, `${name} has no rows`);
      count++;
    }
  }
  await database.run('reset disabled_optimizers');
  return count;
}
