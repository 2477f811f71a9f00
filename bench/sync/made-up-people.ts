/**
 * A million people with 20 attributes each, made by SQL inside of the database that syncs: a mix of types
 * such as a shop has, some values null. The same for the same number of people on every machine.
 *
 * `changePeople` gives new values to one person in a hundred, spread over the whole table, three attributes
 * each: what a day changes.
 */
import type { Database } from '../../src/warehouse/database.ts';

export const PEOPLE_TABLE = 'crm.people';

/** One person in so many is changed. */
const CHANGED_ONE_IN = 100;

/** @param database a migrated one without the table */
export async function makePeople(database: Database, people: number): Promise<void> {
  await database.run(`
    create schema crm;
    create macro crm.draw(number, salt, choices) as (hash(number, salt) % choices)::integer;
    create macro crm.pick(number, salt, choices) as choices[1 + crm.draw(number, salt, len(choices))];
    create table ${PEOPLE_TABLE} as
    select
      number,
      'customer-' || lpad(number::varchar, 8, '0') as external_id,
      crm.pick(number, 1, ['Ada', 'Bob', 'Çelik', 'Dörte', 'Émile', 'Fatima', 'Grace', 'Hiro']) as first_name,
      crm.pick(number, 2, ['Lovelace', 'Núñez', 'Öztürk', 'Smith', 'van den Berg', 'Zhou']) as last_name,
      crm.pick(number, 3, ['Bonn', 'Lisboa', 'New York', 'São Paulo', '東京', null]) as home_city,
      crm.pick(number, 4, ['BR', 'DE', 'JP', 'PT', 'US']) as country,
      crm.pick(number, 5, ['de', 'en', 'ja', 'pt']) as language,
      crm.pick(number, 6, ['bronze', 'silver', 'gold', null]) as loyalty_tier,
      crm.draw(number, 7, 50000) as loyalty_points,
      crm.draw(number, 8, 3) = 0 as is_subscriber,
      crm.draw(number, 9, 60) as opens_30d,
      crm.draw(number, 10, 20) as clicks_30d,
      (crm.draw(number, 11, 1000000) / 100)::decimal(12, 2) as revenue_total,
      crm.draw(number, 12, 1000000007) / 1000000007 as engagement_score,
      case when crm.draw(number, 13, 10) > 0 then crm.draw(number, 13, 20011) / 97 end as average_order,
      (crm.draw(number, 14, 10007) / 10007)::float as churn_risk,
      date '2019-01-01' + crm.draw(number, 15, 2500) as customer_since,
      timestamp '2026-01-01' + to_seconds(crm.draw(number, 16, 15000000)) as last_seen_at,
      case when crm.draw(number, 17, 4) > 0
        then timestamptz '2025-01-01 00:00:00+00' + to_milliseconds(crm.draw(number, 17, 2000000000)) end
        as last_purchase_at,
      md5(number::varchar)::uuid as last_campaign_id,
      list_filter(['books', 'garden', 'music', 'shoes', 'toys'], lambda one: hash(number, one) % 3 = 0)
        as favourite_categories,
      {
        sku: 'SKU-' || crm.draw(number, 19, 40000),
        price: (crm.draw(number, 20, 20000) / 100)::decimal(9, 2),
        is_returned: crm.draw(number, 21, 15) = 0
      } as last_product
    from range(1, ${people + 1}) as people(number);
    checkpoint`);
}

/** How many values there are to be sent; nulls are not. */
export async function countValues(database: Database): Promise<number> {
  const counts = await database.row<Record<string, bigint>>(
    `select count(columns(* exclude (number, external_id))) from ${PEOPLE_TABLE}`,
  );
  return Object.values(counts).reduce((sum, count) => sum + Number(count), 0);
}

/** @returns how many people and values are others now */
export async function changePeople(
  database: Database,
): Promise<{ readonly people: number; readonly values: number }> {
  const changed = `number % ${CHANGED_ONE_IN} = 37`;
  await database.run(`
    update ${PEOPLE_TABLE}
    set opens_30d = opens_30d + 1, last_seen_at = last_seen_at + interval 1 day,
      engagement_score = engagement_score / 2 + 1
    where ${changed};
    checkpoint`);
  const { people } = await database.row<{ people: number }>(
    `select count(*)::double as people from ${PEOPLE_TABLE} where ${changed}`,
  );
  return { people, values: 3 * people };
}
