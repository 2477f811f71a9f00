/** docs/views.md and the comments in the database say the same of every view and column. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { refreshViews } from '../../../src/profiles/refresh-views.ts';
import { TestWarehouse } from '../../support/test-warehouse.ts';

it('every view and column is described in docs/views.md by its comment', async () => {
  const { database } = await TestWarehouse.forTest();
  await refreshViews(database);
  const page = readFileSync('docs/views.md', 'utf8');
  const sections = page.split(/^## /m).slice(1);
  const documented = sections.map((text) => {
    const [heading = '', comment] = text.split('\n\n');
    const rows = [...text.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map((row) => row.slice(1));
    return { view: heading.replace(/`|c360\./g, ''), comment, rows };
  });
  const views = await database.rows<{ view: string; comment: string }>(
    "select view_name as view, comment from duckdb_views() where schema_name = 'c360'",
  );
  const expected = [];
  for (const { view, comment } of views) {
    const rows = await database.rows<{ column_name: string; comment: string }>(
      "select column_name, comment from duckdb_columns() where schema_name = 'c360' and table_name = $1 order by column_index",
      [view],
    );
    expected.push({ view, comment, rows: rows.map((row) => [row.column_name, row.comment]) });
  }
  expect(documented).toEqual(expect.arrayContaining(expected.filter(({ view }) => OURS.has(view))));
  expect(new Set(documented.map(({ view }) => view))).toEqual(OURS);
});

const OURS = new Set(['timeline', 'campaign_performance', 'engagement_daily']);
