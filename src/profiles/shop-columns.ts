/**
 * Purchases: how many, revenue by currency exact to the cent, and scores by recency, frequency and money.
 *
 * Scores are fixed bands, not quantiles over everybody: a person's score depends on nobody else, so a refresh
 * of a few people gives what a rebuild of all gives. The bands of recency are the edges of the windows, for
 * only there does a person without news change. docs/profiles.md shows quantiles as a query.
 *
 * Amounts of different currencies are never added. Where one number is wanted it is the revenue in
 * main_currency, the currency of most of a person's orders in the last 365 days.
 */
import { listCodes, listEventTypes } from './channels.ts';
import type { ProfileColumn, ProfilePart } from './profile-column.ts';
import { WINDOW_DAYS } from './windows.ts';

const PURCHASE_EVENTS = listEventTypes(({ metric }) => metric === 'purchased');

const AMOUNT = 'decimal(38, 4)';

const AMOUNTS = ['amount', ...WINDOW_DAYS.map((days) => `amount_${days}d`)];

/** Orders in 365 days from which each score begins, for scores 2 to 5. */
const FREQUENCY_BANDS = [2, 3, 5, 10] as const;
/** Revenue in 365 days, in main_currency, from which each score begins, for scores 2 to 5. */
const MONETARY_BANDS = [25, 100, 250, 1000] as const;

const RECENCY_SCORE = WINDOW_DAYS.map(
  (days, band) => `when sum(n_${days}d) > 0 then ${WINDOW_DAYS.length + 1 - band}`,
).join(' ');

function score(value: string, bands: readonly number[]): string {
  return bands.map((least) => `(${value} >= ${least})::integer`).join(' + ');
}

const FREQUENCY_SCORE = `1 + ${score('any_value(orders_365d)', FREQUENCY_BANDS)}`;
const MONETARY_SCORE = `1 + ${score('coalesce(any_value(main_amount_365d), 0)', MONETARY_BANDS)}`;

/** What the activity log knows of purchases. */
export const PURCHASE_PART: ProfilePart = {
  name: 'purchases',
  from: `(from portion_counts where kind in (${listCodes(({ metric }) => metric === 'purchased')}))`,
  sections: [
    {
      title: 'Purchases',
      columns: [
        column('first_purchase_at', 'timestamp', 'Their first purchase.', 'min(first_at)', 'UTC'),
        column('last_purchase_at', 'timestamp', 'Their last purchase.', 'max(last_at)', 'UTC'),
        column(
          'recency_score',
          'integer',
          `5 for a purchase in the last ${WINDOW_DAYS[0]} days, 4 for ${WINDOW_DAYS[1]}, 3 for ${WINDOW_DAYS[2]}, 2 for ${WINDOW_DAYS[3]}, 1 for an older one; null without any.`,
          `case ${RECENCY_SCORE} else 1 end`,
          'score from 1 to 5',
        ),
      ],
    },
  ],
};

/** What the prices tell. */
export const REVENUE_PART: ProfilePart = {
  name: 'revenue',
  from: 'portion_revenue',
  stored: [
    {
      name: 'revenue_amounts',
      type: `map(varchar, struct(${AMOUNTS.map((name) => `${name} ${AMOUNT}`).join(', ')}))`,
      sql: `map_from_entries(list_sort(list({'key': currency, 'value': {${AMOUNTS.map((name) => `'${name}': ${name}`).join(', ')}}})
        filter (currency is not null)))`,
    },
  ],
  sections: [
    {
      title: 'Revenue',
      columns: [
        revenueColumn('', 'What they paid in all'),
        ...WINDOW_DAYS.map((days) =>
          revenueColumn(`_${days}d`, `What they paid in the ${days} days up to as_of`),
        ),
        column(
          'main_currency',
          'varchar',
          'The currency of most of their orders in the 365 days up to as_of; of two with as many, that of the greater amount.',
          'any_value(main_currency)',
        ),
        column(
          'frequency_12m',
          'integer',
          'How many orders they placed in the 365 days up to as_of: purchases of the same second are one order.',
          'any_value(orders_365d)',
          'orders',
        ),
        column(
          'monetary_12m',
          AMOUNT,
          'What they paid in main_currency in the 365 days up to as_of.',
          'any_value(main_amount_365d)',
          'units of main_currency',
        ),
        column(
          'frequency_score',
          'integer',
          `By frequency_12m: 2 from ${FREQUENCY_BANDS[0]} orders on, 3 from ${FREQUENCY_BANDS[1]}, 4 from ${FREQUENCY_BANDS[2]}, 5 from ${FREQUENCY_BANDS[3]}, else 1; null without any purchase ever.`,
          FREQUENCY_SCORE,
          'score from 1 to 5',
        ),
        column(
          'monetary_score',
          'integer',
          `By monetary_12m: 2 from ${MONETARY_BANDS[0]} on, 3 from ${MONETARY_BANDS[1]}, 4 from ${MONETARY_BANDS[2]}, 5 from ${MONETARY_BANDS[3]}, else 1; null without any purchase ever. Not converted between currencies.`,
          MONETARY_SCORE,
          'score from 1 to 5',
        ),
        column(
          'last_purchase_amount',
          AMOUNT,
          'What their last purchase cost.',
          'any_value(last.amount)',
          'units of last_purchase_currency',
        ),
        column(
          'last_purchase_currency',
          'varchar',
          'The currency of their last purchase.',
          'any_value(last.currency)',
        ),
        column(
          'last_product_id',
          'varchar',
          'What they bought last.',
          'any_value(last.product_id)',
        ),
      ],
    },
  ],
};

function revenueColumn(suffix: string, meaning: string): ProfileColumn {
  return {
    name: `revenue${suffix}`,
    type: `map(varchar, ${AMOUNT})`,
    meaning: `${meaning}, by currency: revenue${suffix}['EUR']. Exact: the shortest decimal of each price, never a sum of floats.`,
    unit: 'units of each currency',
    events: PURCHASE_EVENTS,
    takenBy: `coalesce(map_from_entries(list_transform(
      list_filter(map_entries(revenue_amounts), lambda entry: entry.value.amount${suffix} is not null),
      lambda entry: {'key': entry.key, 'value': entry.value.amount${suffix}})), map {})`,
  };
}

function column(
  name: string,
  type: string,
  meaning: string,
  sql: string,
  unit?: string,
): ProfileColumn {
  return {
    name,
    type,
    meaning,
    sql,
    events: PURCHASE_EVENTS,
    ...(unit === undefined ? {} : { unit }),
  };
}
