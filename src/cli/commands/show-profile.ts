/** `currents profiles show`: one person on one screen. */
import type { Command } from 'commander';
import type { PersonReport } from '../../person-report.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { parseHour } from '../option-values.ts';
import { type Cell, formatFacts, formatTable, showControls } from '../output.ts';
import { withReader } from '../reader.ts';
import type { Session } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';

export function addShowProfileCommand(profiles: Command, session: Session): void {
  const show = describeCommand(
    profiles.command('show <id>'),
    'Shows one person: who, consent, counts, last events, audiences, what Braze has.',
    'currents profiles show 5f0c8e6a2b7d4c0012ab34cd',
    'currents profiles show customer-4711 --json',
  ).option(
    '--as-of <instant>',
    'As they were then (default: at the last refresh), as 2026-09-01T12',
    parseHour,
  );
  addSettingOptions(show, ['load.memoryLimit', 'load.threads']).action(
    session.action<{ readonly asOf?: Date }>(async (context, options, id = '') => {
      const { readPerson } = await import('../../person-report.ts');
      const report = await withReader(context, async (database) =>
        readPerson(database, id, options),
      );
      context.output.write(report, () => formatPerson(report));
      return EXIT_CODES.done;
    }),
  );
}

type Profile = PersonReport['profile'];

function formatPerson({ profile, events, audiences, braze }: PersonReport): string {
  return [
    formatHead(profile),
    formatColumns(profile, WHO),
    formatCounts(profile),
    formatColumns(profile, HABITS),
    formatList(
      'Last events',
      ['time (UTC)', 'what', 'campaign or Canvas', 'detail'],
      events.map(({ time, channel, action, eventType, source, detail }) => [
        time,
        action === null ? eventType : [channel, action].filter((word) => word !== null).join(' '),
        source,
        shorten(detail),
      ]),
    ),
    formatList(
      'Audiences',
      ['audience', 'since'],
      audiences.map(({ name, enteredAt }) => [name, enteredAt]),
    ),
    formatList(
      'What Braze has of our syncs',
      ['sync', 'attribute', 'value', 'accepted'],
      braze.map(({ sync, attribute, value, acceptedAt }) => [
        sync,
        attribute,
        shorten(value ?? '(answer lost)'),
        acceptedAt,
      ]),
    ),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function formatHead(profile: Profile): string {
  const name = [profile.first_name, profile.last_name].map(formatValue).join(' ').trim();
  const externalId = formatValue(profile.external_id);
  const known = externalId === '' ? 'anonymous' : `external id ${externalId}`;
  const ids = `${known}, Braze id ${formatValue(profile.person_id)}`;
  return showControls(name === '' ? ids : `${name} (${ids})`);
}

const WHO = [
  'former_external_ids',
  'former_user_ids',
  'email_address',
  'phone_number',
  'country',
  'home_city',
  'language',
  'timezone',
  'custom_attributes',
  'email_consent',
  'push_consent',
  'sms_consent',
  'whatsapp_consent',
  'rcs_consent',
  'line_consent',
  'platforms',
  'app_versions',
  'uninstalled_at',
  'first_seen_at',
  'last_seen_at',
  'last_session_at',
  'as_of',
] as const;

const HABITS = [
  'revenue',
  'last_purchase_at',
  'recency_score',
  'frequency_score',
  'monetary_score',
  'preferred_channel',
  'best_hour',
  'best_hour_timezone',
  'messages_per_week',
  'fatigue',
] as const;

/** What is known of these columns. */
function formatColumns(profile: Profile, names: readonly string[]): string {
  const facts = names
    .map((name) => [name, formatValue(profile[name])] as const)
    .filter(([, value]) => value !== '');
  return facts.length === 0 ? '' : formatFacts(facts);
}

/** Every count that is not zero, in total and by window. */
function formatCounts(profile: Profile): string {
  const rows = Object.keys(profile)
    .filter((name) => `${name}_365d` in profile && typeof profile[name] === 'number')
    .filter((name) => profile[name] !== 0)
    .map((name): Cell[] => [
      name,
      ...['', '_365d', '_90d', '_30d', '_7d'].map((suffix) => Number(profile[`${name}${suffix}`])),
    ]);
  return formatList('Counts', ['', 'in all', '365 days', '90 days', '30 days', '7 days'], rows);
}

function formatList(
  title: string,
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
): string {
  return rows.length === 0 ? '' : `${title}\n${formatTable(head, rows)}`;
}

/** Lists with commas, maps and objects as `name value`; nothing known is the empty text. */
function formatValue(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(formatValue).join(', ');
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, inner]) => `${name} ${formatValue(inner)}`)
      .join(', ');
  return String(value as string | number | boolean);
}

const SHOWN_CHARACTERS = 48;

function shorten(text: string | null): string | null {
  return text !== null && text.length > SHOWN_CHARACTERS
    ? `${text.slice(0, SHOWN_CHARACTERS - 1)}…`
    : text;
}
