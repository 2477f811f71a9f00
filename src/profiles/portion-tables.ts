/**
 * The state of a few ten thousand people as temporary tables, which every part of a profile is computed
 * from. Everything later than the instant is left out here, so no column can see it.
 *
 *     portion_users      user_no, person_no           everybody who is one of these people now
 *     portion_activity   person_no, time, kind, message_no
 *     portion_counts     person_no, kind, first_at, last_at, n, n_7d, n_30d, n_90d, n_365d
 *     portion_facts      person_no, name, key, value, text, first_ms, time_ms, own_ms
 *     portion_conversions  person_no, channel, time, n   the channel that last reached them before
 *     portion_revenue    one row for each person and currency, with what is the same for all of a person's
 *     portion_hours      person_no, zone, hour, n        what they did of their own accord, by their clock
 *
 * A portion is chosen so that its tables fit in memory; larger ones spill to DuckDB's temporary file.
 */
import { isOwnDoing, listCodes, REACHING_KINDS } from './channels.ts';
import { WINDOW_DAYS } from './windows.ts';

/** `n, n_7d, …`: how many of the rows are in each window, weighted by `weight`. */
function countWindows(asOf: string, weight: string): string {
  const windows = WINDOW_DAYS.map(
    (days) =>
      `coalesce(sum(${weight}) filter (time > ${asOf} - to_days(${days})), 0)::integer as n_${days}d`,
  );
  return [`sum(${weight})::integer as n`, ...windows].join(',\n    ');
}

/** A conversion counts for the campaign or the whole Canvas; those of an experiment step come on top. */
const IS_CONVERSION = listCodes(({ metric }) => metric === 'converted');

/**
 * Statements that fill the tables for the people of one portion.
 *
 * @param state the schema of the state tables
 * @param users a query of user_no and person_no
 * @param asOf SQL of a timestamp
 */
export function listPortionStatements(
  state: string,
  users: string,
  asOf: string,
): readonly string[] {
  const within = (days: number) => `time > ${asOf} - to_days(${days})`;
  const reaching = [...REACHING_KINDS]
    .map(([code, channel]) => `when ${code} then '${channel}'`)
    .join(' ');
  return [
    `create or replace temp table portion_users as ${users}`,
    `create or replace temp table portion_activity as
    select person_no, time, kind, message_no
    from ${state}.activity join portion_users using (user_no) where time <= ${asOf}`,
    `create or replace temp table portion_counts as
    select person_no, kind, min(time) as first_at, max(time) as last_at,
    ${countWindows(asOf, '1')}
    from portion_activity group by person_no, kind`,
    // Of several rows for one thing the greatest counts: the order in which they were written does not.
    `create or replace temp table portion_facts as
    select person_no, name, key, last.value as value, last.value->>'$' as text, first_ms, last.time_ms as time_ms, own_ms
    from (
      select person_no, name, key, min(first_ms) as first_ms,
        max({'time_ms': time_ms, 'value': value}) as last,
        max(time_ms) filter (user_no = person_no) as own_ms
      from ${state}.facts join portion_users using (user_no)
      where time_ms <= epoch_ms(${asOf}) group by person_no, name, key)`,
    // Two of the same second are told apart by the kind, so that the answer is always the same.
    `create or replace temp table portion_conversions as
    with conversions as (
      select person_no, time, message_no, count(*) as n from portion_activity
      where kind in (${IS_CONVERSION}) group by all),
    touches as (
      select person_no, time, message_no, kind from portion_activity
      where kind in (${[...REACHING_KINDS.keys()].join(', ')})
        and person_no in (select person_no from conversions))
    select c.person_no, c.time, any_value(c.n) as n,
      case max({'time': t.time, 'kind': t.kind}).kind ${reaching} end as channel
    from conversions c left join touches t
      on t.person_no = c.person_no and t.message_no = c.message_no and t.time <= c.time
    group by c.person_no, c.time, c.message_no`,
    `create or replace temp table portion_conversion_counts as
    select person_no, coalesce(channel, '') as channel, ${countWindows(asOf, 'n')}, max(time) as last_at
    from portion_conversions group by all`,
    `create or replace temp table portion_revenue as
    with purchases as (
      select person_no, time, currency, amount, product_id, event_id
      from ${state}.purchases join portion_users using (user_no) where time <= ${asOf}),
    amounts as (
      select person_no, currency, sum(amount) as amount,
        ${WINDOW_DAYS.map((days) => `sum(amount) filter (${within(days)}) as amount_${days}d`).join(', ')},
        count(distinct time) filter (${within(365)}) as orders_365d
      from purchases group by all),
    people as (
      select person_no, count(distinct time) filter (${within(365)}) as orders_365d,
        max({'time': time, 'event_id': event_id, 'product_id': product_id, 'currency': currency, 'amount': amount}) as last
      from purchases group by all),
    mains as (
      select person_no, max({'orders': orders_365d, 'amount': amount_365d, 'currency': currency}) as main
      from amounts where currency is not null and orders_365d > 0 group by all)
    select amounts.* exclude (orders_365d), people.orders_365d, people.last,
      main.currency as main_currency, main.amount as main_amount_365d
    from amounts join people using (person_no) left join mains using (person_no)`,
    `create or replace temp table portion_hours as
    with own as (
      select person_no, lower(text) as own_zone from portion_facts
      where name = 'attribute' and key = 'timezone'),
    zoned as (
      select person_no, name as zone, from_time, until_time, shift
      from (select distinct person_no from portion_users) left join own using (person_no)
      join zone_shifts on zone = case
        when own_zone in (select zone from zone_shifts) then own_zone else 'utc' end)
    select person_no, zone, hour(time + to_seconds(shift))::integer as hour, count(*) as n
    from portion_activity join zoned using (person_no)
    where kind in (${listCodes(isOwnDoing)}) and ${within(365)} and time >= from_time and time < until_time
    group by all`,
  ];
}
