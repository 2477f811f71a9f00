/**
 * The documentation and the code tell the same: every command, option, setting, table column and error
 * code is found in docs/, and what docs/ name exists.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { buildProgram } from '../../src/cli/run.ts';
import { Session } from '../../src/cli/session.ts';
import { ERROR_CODES } from '../../src/errors.ts';
import { FAULT_PLAN } from '../../src/sandbox/braze/faults.ts';
import { RULES } from '../../src/sandbox/braze/rules.ts';
import { NAMED_SECTIONS, SETTINGS, type Setting } from '../../src/settings.ts';
import { Database } from '../../src/warehouse/database.ts';
import { migrate, OBJECT_STATUSES } from '../../src/warehouse/migrations.ts';

const program = buildProgram(new Session(new AbortController().signal));

function readDoc(name: string): string {
  return readFileSync(path.join('docs', name), 'utf8');
}

/** The part of a page under a heading, down to the next one of the same level. */
function section(page: string, heading: string): string {
  const level = heading.split(' ')[0] ?? '';
  const start = page.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`no heading ${heading}`);
  const rest = page.slice(start + heading.length + 2);
  const end = rest.search(new RegExp(`^#{1,${level.length}} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** Flags of a command and all below it, without those of settings, which docs/settings.md has. */
function listOwnFlags(command: Command): string[] {
  const settings = new Set(SETTINGS.flatMap(({ flag }) => [flag, `--no-${flag.slice(2)}`]));
  const own = command.options
    .map((option) => option.long ?? '')
    .filter((flag) => !settings.has(flag));
  return [...own, ...command.commands.flatMap(listOwnFlags)];
}

describe('docs/commands.md', () => {
  const page = readDoc('commands.md');
  const commands = program.commands.filter((command) => command.name() !== 'help');

  it.each(commands.map((command) => [command.name(), command] as const))(
    'describes %s with every option',
    (name, command) => {
      const text = section(page, `## \`${name}\``);
      for (const flag of listOwnFlags(command))
        expect(text).toMatch(new RegExp(`\`[^\`]*${flag}\\b`));
      for (const child of command.commands) expect(text).toContain(`${name} ${child.name()}`);
    },
  );

  it('describes no command and no option that does not exist', () => {
    const headings = [...page.matchAll(/^## `(.+)`$/gm)].map(([, name]) => name);
    expect(headings).toEqual(commands.map((command) => command.name()));
    const flags = new Set(
      [program, ...commands, ...commands.flatMap((command) => command.commands)].flatMap(
        (command) => command.options.map((option) => option.long),
      ),
    );
    for (const [, flag] of page.matchAll(/`(--[a-z-]+)/g))
      expect([...flags, '--help'], `${flag}`).toContain(flag);
  });

  it('describes what every command accepts', () => {
    for (const { long } of program.options) expect(page).toContain(`\`${long}`);
  });
});

function formatDefault(written: Setting['default']): string {
  if (written === undefined) return 'none';
  return `\`${Array.isArray(written) ? '[]' : String(written)}\``;
}

describe('docs/sandbox.md', () => {
  const page = readDoc('sandbox.md');

  it('has every rule with what it says and its source, and no other', () => {
    const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (.+) \| (.+) \|$/gm)];
    const described = rows.map(([, rule = '', says, source]) => [rule, { says, source }] as const);
    const rules = Object.entries(RULES).map(([rule, { says, source }]) => [rule, { says, source }]);
    expect(Object.fromEntries(described)).toEqual(Object.fromEntries(rules));
  });

  it('has every kind of fault', () => {
    const kinds = FAULT_PLAN.shape.next
      .unwrap()
      .element.shape.fault.options.map((fault) => fault.shape.kind.value);
    const rows = [...section(page, '## Faults').matchAll(/^\| `([a-z-]+)` \| /gm)];
    expect(rows.map(([, kind]) => kind).filter((kind) => kind !== 'kind')).toEqual(kinds);
  });

  it('has every endpoint of the admin', () => {
    const source = readFileSync('src/sandbox/braze/admin.ts', 'utf8');
    const routes = [...source.matchAll(/app\.(get|post|put|patch|delete)\('([^':]+)/g)];
    expect(routes.length).toBeGreaterThan(10);
    for (const [, method = '', route] of routes)
      expect(page).toContain(`${method.toUpperCase()} ${route}`);
  });
});

describe('docs/settings.md', () => {
  const page = readDoc('settings.md');

  it.each(SETTINGS.map((setting) => [setting.path, setting] as const))(
    'describes %s with its names and its default',
    (settingPath, setting) => {
      const text = section(page, `### \`${settingPath}\``);
      expect(text).toContain(setting.description);
      expect(text).toContain(`\`${setting.flag}\` · \`${setting.env}\``);
      expect(text).toContain(`default: ${formatDefault(setting.default)}`);
    },
  );

  it('describes no setting that does not exist', () => {
    const headings = [...page.matchAll(/^### `(.+)`$/gm)].map(([, name]) => name);
    expect(headings).toEqual([
      ...SETTINGS.map((setting) => setting.path),
      ...NAMED_SECTIONS.map((named) => named.name),
    ]);
  });

  it.each(NAMED_SECTIONS.map((named) => [named.name, named] as const))(
    'describes the entries of %s, field by field, with the example that init writes',
    (name, { description, example, fields }) => {
      const text = section(page, `### \`${name}\``);
      expect(text).toContain(description);
      expect(text).toContain([`${name}:`, ...example.map((line) => `  ${line}`)].join('\n'));
      const rows = [...text.matchAll(/^\| `(.+?)` \| (.+) \|$/gm)].map((row) => row.slice(1));
      expect(rows).toEqual(fields.map((field) => [field.name, field.description]));
    },
  );

  it('has each flag on some command', () => {
    const flags = new Set(
      [
        program,
        ...program.commands,
        ...program.commands.flatMap((command) => command.commands),
      ].flatMap((command) => command.options.map((option) => option.long)),
    );
    for (const { flag } of SETTINGS) expect(flags).toContain(flag);
  });
});

describe('docs/errors.md', () => {
  const headings = [...readDoc('errors.md').matchAll(/^### `(.+)`$/gm)].map(([, code]) => code);

  it('has one entry for each code, and no other', () => {
    expect(new Set(headings)).toEqual(new Set(Object.keys(ERROR_CODES)));
    expect(headings).toHaveLength(Object.keys(ERROR_CODES).length);
  });
});

describe('docs/operations.md', () => {
  it('explains every exit code', () => {
    const text = section(readDoc('operations.md'), '## Exit codes');
    const codes = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(codes).toEqual(Object.values(EXIT_CODES));
  });
});

describe('docs/tables.md', () => {
  const page = readDoc('tables.md');
  let database: Database;
  let columns: { table_name: string; column_name: string }[];
  const schemas = ['ops', 'sync', 'c360'];
  /** Described on the page of audiences. */
  const elsewhere = ['c360.audiences', 'c360.audience_members'];

  beforeAll(async () => {
    database = await Database.open({ path: ':memory:' });
    await migrate(database);
    columns = await database.rows(
      `select schema_name || '.' || table_name as table_name, column_name from duckdb_columns()
       where schema_name in (${schemas.map((name) => `'${name}'`).join(', ')})`,
    );
  });

  afterAll(() => database.close());

  /** The part of the page under the heading that names this table. */
  function sectionOf(table: string): string {
    const heading = page
      .split('\n')
      .find((line) => /^## /.test(line) && line.includes(`\`${table}\``));
    return heading === undefined ? '' : section(page, heading);
  }

  function documentedColumns(text: string): string[] {
    const tables = text.split('| `status` | Means |')[0] ?? '';
    return [...tables.matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, names]) =>
      [...(names ?? '').matchAll(/`([a-z_][a-z0-9_]*)`/g)].map(([, name]) => name ?? ''),
    );
  }

  it('describes every column of our own tables and no other', () => {
    const tables = new Set(columns.map((column) => column.table_name));
    for (const table of elsewhere) tables.delete(table);
    for (const table of tables) {
      const own = columns.filter((column) => column.table_name === table);
      const documented = documentedColumns(sectionOf(table));
      for (const { column_name } of own) expect(documented, `${table}`).toContain(column_name);
    }
    const known = new Set(columns.map((column) => column.column_name));
    for (const [, table] of page.matchAll(/^## .*?`((?:ops|sync|c360)\.[a-z_]+)`/gm))
      for (const name of documentedColumns(sectionOf(table ?? '')))
        expect(known, `${table}.${name}`).toContain(name);
  });

  it('explains every status of an object', () => {
    for (const status of OBJECT_STATUSES)
      expect(sectionOf('ops.objects')).toMatch(new RegExp(`^\\| \`${status}\` \\|`, 'm'));
  });
});

describe('README.md', () => {
  const page = readFileSync('README.md', 'utf8');

  it('names every command and every page of docs/', () => {
    for (const command of program.commands.filter((found) => found.name() !== 'help'))
      expect(page).toContain(command.name());
    for (const file of readdirSync('docs').filter((name) => name.endsWith('.md')))
      expect(page).toContain(`docs/${file}`);
  });

  it('names code and tests that exist for each promise', () => {
    const files = [...page.matchAll(/`((?:src|test)\/[\w./-]+\.ts)`/g)].map(
      ([, file]) => file ?? '',
    );
    expect(files.length).toBeGreaterThan(9);
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
  });
});
