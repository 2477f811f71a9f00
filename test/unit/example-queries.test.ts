/**
 * Every query of docs/queries.md on generated events: it runs, and what it says makes sense to a marketer.
 *
 * One database for all of them, filled by the generator and the real cycle. Sense is what has to hold
 * whatever the data: nobody opens more than was delivered, a funnel only narrows, shares are of a whole.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { openStore } from '../../src/discovery/open-store.ts';
import { runCycle } from '../../src/pipeline.ts';
import { generateBucket } from '../../src/sandbox/generate-bucket.ts';
import { Database } from '../../src/warehouse/database.ts';
import { refuseWriting } from '../../src/warehouse/refuse-writing.ts';

type Row = Readonly<Record<string, number>>;

const DAYS = 5;

let folder: string;
let database: Database;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'currents-queries-'));
  const bucket = path.join(folder, 'bucket');
  const store = openStore(bucket, { pathStyle: false, requesterPays: false, concurrency: 8 });
  await generateBucket(store, {
    events: 12_000,
    users: 250,
    hours: DAYS * 24,
    seed: 7,
    release: 'v10',
    eventTypes: [
      'users.messages.email.*',
      'users.messages.pushnotification.*',
      'users.campaigns.*',
      'users.behaviors.CustomEvent',
      'users.behaviors.Purchase',
      'users.behaviors.app.SessionStart',
    ],
  });
  store.close();
  const file = path.join(folder, 'test.duckdb');
  await runCycle(
    loadConfig({ env: {}, cwd: folder, flags: { 'source.url': bucket, database: file } }),
  );
  database = await Database.open({ path: file, readOnly: true });
}, 120_000);

afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

/** What has to hold of the rows; without an entry a query would run and never be looked at. */
const SENSE: Readonly<Record<string, (rows: readonly Row[]) => void>> = {
  'Campaign report': (rows) => {
    for (const row of rows) {
      expect(row.delivered).toBeLessThanOrEqual(row.sent ?? 0);
      expect(row.opened).toBeLessThanOrEqual(row.delivered ?? 0);
      expect(row.clicked).toBeLessThanOrEqual(row.delivered ?? 0);
      expect(row.delivered_percent ?? 0).toBeLessThanOrEqual(100);
    }
    expect(total(rows, 'sent')).toBeGreaterThan(1000);
  },
  'Message funnel by channel': (rows) => {
    expect(rows.length).toBe(2);
    for (const row of rows) expectFalling([row.sent, row.delivered, row.opened]);
    for (const row of rows) expectFalling([row.delivered, row.clicked]);
    expect(total(rows, 'converted')).toBeGreaterThan(0);
  },
  'Shop funnel': ([row]) => {
    expectFalling([row?.viewed, row?.added_to_cart, row?.bought]);
    expect(row?.bought).toBeGreaterThan(0);
  },
  'Cohort retention': (rows) => {
    const first = rows.filter((row) => row.periods_later === 0);
    expect(first.every((row) => row.percent === 100)).toBe(true);
    expect(rows.every((row) => (row.percent ?? 0) > 0 && (row.percent ?? 0) <= 100)).toBe(true);
    expect(rows.length).toBeGreaterThan(first.length);
    expect(first.length).toBeLessThanOrEqual(DAYS + 1);
    expect(total(first, 'people')).toBeLessThanOrEqual(250);
  },
  'Recency, frequency, monetary value': (rows) => {
    for (const row of rows)
      for (const score of [row.recency, row.frequency, row.monetary]) {
        expect(score).toBeGreaterThanOrEqual(1);
        expect(score).toBeLessThanOrEqual(5);
      }
    expect(total(rows, 'people')).toBeGreaterThan(20);
  },
  'Best hour to send': (rows) => {
    expect(rows.length).toBeGreaterThan(5);
    for (const { local_hour = -1, sent = 0, opened = 0 } of rows) {
      expect(local_hour).toBeGreaterThanOrEqual(0);
      expect(local_hour).toBeLessThan(24);
      expect(opened).toBeLessThanOrEqual(sent);
    }
    expect(total(rows, 'opened')).toBeGreaterThan(0);
  },
  'Time to open and to click': (rows) => {
    expect(rows.length).toBeGreaterThanOrEqual(3);
    for (const row of rows) {
      expect(row.median_minutes).toBeGreaterThan(0);
      expect(row.slowest_tenth_minutes).toBeGreaterThanOrEqual(row.median_minutes ?? 0);
    }
  },
  Fatigue: (rows) => {
    expect(rows.length).toBeGreaterThan(1);
    for (const row of rows) expect(row.engaged_percent ?? 0).toBeLessThanOrEqual(100);
    expect(total(rows, 'people')).toBeLessThanOrEqual(250);
  },
  'Revenue by message': (rows) => {
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) {
      expect(row.purchases).toBeGreaterThan(0);
      expect(row.revenue).toBeGreaterThan(0);
    }
  },
  'Machine opens': (rows) => {
    expect(total(rows, 'machine_opens')).toBeGreaterThan(0);
    for (const row of rows) expectFalling([row.delivered, row.opened_by_people]);
  },
  'Variations against the control group': (rows) => {
    expect(rows.some((row) => Boolean(row.is_control))).toBe(true);
    for (const row of rows) expectFalling([row.people, row.converted]);
  },
  'Silent people': (rows) => {
    expect(rows.every((row) => (row.messages ?? 0) >= 5)).toBe(true);
  },
};

const QUERIES = [
  ...readFileSync('docs/queries.md', 'utf8').matchAll(/^## (.+?)$[\s\S]*?```sql\n([\s\S]*?)```/gm),
].map(([, title = '', sql = '']) => [title, sql] as const);

describe('every query of docs/queries.md', () => {
  it('is looked at', () => {
    expect(QUERIES.map(([title]) => title)).toEqual(Object.keys(SENSE));
  });

  it.each(QUERIES)('%s runs, only reads and makes sense', async (title, sql) => {
    await refuseWriting(database, sql);
    const rows = await database.rows<Record<string, unknown>>(
      `select * replace (${await numbersOf(sql)}) from (${sql})`,
    );
    // Few people are silent in five days.
    expect(rows.length).toBeGreaterThanOrEqual(title === 'Silent people' ? 0 : 1);
    SENSE[title]?.(rows as Row[]);
  });
});

describe('the views on the same events', () => {
  it('leave no event out: counts are those of the tables', async () => {
    const [row] = await database.rows<Record<string, bigint>>(`
      select (select sum(sent) from c360.campaign_performance where channel = 'email')::bigint as sent,
        (select count(*) from events.users_messages_email_send) as send_events,
        (select sum(opens + machine_opens) from c360.campaign_performance where channel = 'email')::bigint as opens,
        (select count(*) from events.users_messages_email_open) as open_events,
        (select sum(conversions) from c360.campaign_performance)::bigint as conversions,
        (select count(*) from events.users_campaigns_conversion) as conversion_events,
        (select sum(sent) from c360.engagement_daily where channel = 'email')::bigint as daily_sent,
        (select sum(events_without_send) from c360.campaign_performance)::bigint as without_send`);
    expect(row?.sent).toBe(row?.send_events);
    expect(row?.daily_sent).toBe(row?.send_events);
    expect(row?.conversions).toBe(row?.conversion_events);
    expect(row?.without_send).toBe(0n);
    expect(row?.opens).toBe(row?.open_events);
  });
});

function total(rows: readonly Row[], column: string): number {
  return rows.reduce((sum, row) => sum + (row[column] ?? 0), 0);
}

function expectFalling(steps: readonly (number | undefined)[]): void {
  for (const [index, step = 0] of steps.slice(1).entries())
    expect(step).toBeLessThanOrEqual(steps[index] ?? 0);
}

/** Every number as a double, so that JavaScript can compare it. */
async function numbersOf(sql: string): Promise<string> {
  const columns = await database.rows<{ column_name: string; column_type: string }>(
    `describe ${sql}`,
  );
  const numbers = columns.filter(({ column_type }) => /INT|DECIMAL|DOUBLE/.test(column_type));
  return numbers.map(({ column_name }) => `${column_name}::double as ${column_name}`).join(', ');
}
