/**
 * docs/profiles.md tells every column as the catalogue does, and its queries run. Below the mark the page is
 * written from the catalogue: `npx vitest run -u test/unit/profiles/profile-documentation.test.ts`.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { KEY_COLUMNS, PROFILE_PARTS } from '../../../src/profiles/attributes.ts';
import type { ProfileColumn } from '../../../src/profiles/profile-column.ts';
import { createProfilesTable } from '../../../src/profiles/profiles-table.ts';
import { WINDOW_DAYS } from '../../../src/profiles/windows.ts';
import { openTestDatabase } from '../../support/test-warehouse.ts';

const PAGE = path.resolve('docs/profiles.md');
const MARK = '<!-- from the catalogue -->';

/** A count and its windows are one row. */
function formatSection(title: string, columns: readonly ProfileColumn[]): string {
  const names = new Set(columns.map(({ name }) => name));
  const windows = new Set(
    [...names]
      .filter((name) => names.has(`${name}_${WINDOW_DAYS[0]}d`))
      .flatMap((name) => WINDOW_DAYS.map((days) => `${name}_${days}d`)),
  );
  const rows = columns
    .filter(({ name }) => !windows.has(name))
    .map(({ name, type, meaning, unit, events }) => {
      const more = names.has(`${name}_${WINDOW_DAYS[0]}d`)
        ? `, ${WINDOW_DAYS.map((days) => `\`…_${days}d\``).join(', ')}`
        : '';
      const from = events.map((event) => (event === '*' ? 'every event' : event)).join(', ');
      return `| \`${name}\`${more} | ${type} | ${meaning} | ${unit ?? ''} | ${from} |`;
    });
  return [
    `## ${title}`,
    '',
    '| Column | Type | Means | Unit | From |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

it('describes every column of the catalogue with meaning, unit and event types', async () => {
  const [prose = ''] = readFileSync(PAGE, 'utf8').split(MARK);
  const sections = [
    formatSection('Keys', KEY_COLUMNS),
    ...PROFILE_PARTS.flatMap(({ sections: own }) =>
      own.map(({ title, columns }) => formatSection(title, columns)),
    ),
  ];
  await expect(`${prose}${MARK}\n\n${sections.join('\n\n')}\n`).toMatchFileSnapshot(PAGE);
});

it('has queries that run', async () => {
  const database = await openTestDatabase();
  onTestFinished(() => database.close());
  await createProfilesTable(database, 'c360.profiles');
  const queries = [...readFileSync(PAGE, 'utf8').matchAll(/```sql\n(.+?)```/gs)].flatMap(
    ([, sql]) => (sql ?? '').split(/;\s*\n/).filter((query) => query.trim() !== ''),
  );
  expect(queries.length).toBeGreaterThan(2);
  for (const query of queries) await database.rows(query);
});
