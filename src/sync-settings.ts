/**
 * The section `syncs` of currents.yaml: which attributes and audiences go to which destination, and when.
 * That what a sync names exists is checked over all sections together.
 */
import { Cron } from 'croner';
import { z } from 'zod';
import { entryField, namedEntries } from './named-settings.ts';

export interface SyncConfig {
  /** Names of attribute queries and audiences. */
  readonly send: readonly string[];
  readonly to: string;
  /** `after ingest`, `manual`, or a cron expression, in UTC. */
  readonly schedule: string;
  readonly onNull: 'unset' | 'skip';
  readonly updateExistingOnly: boolean;
  readonly newAttributes: 'refuse' | 'allow';
  readonly onUnknown: UnknownRule;
}

/** What is done with a value that must not be sent twice when its answer was lost. */
export type UnknownRule = 'hold' | 'overwrite' | 'applied' | 'lost';

const UNKNOWN_RULES = ['hold', 'overwrite', 'applied', 'lost'] as const;

const sync = z.strictObject({
  send: entryField(z.array(z.string()).min(1), {
    description: 'Names of entries in `attributes` and `audiences`.',
    expected: 'a list of names of attributes and audiences',
  }),
  to: entryField(z.string(), {
    description: 'Name of an entry in `destinations`.',
    expected: 'the name of a destination',
  }),
  schedule: entryField(z.string().refine(isSchedule).default('manual'), {
    description:
      'When `currents watch` runs it: `after ingest`, a cron expression such as `0 3 * * *` (UTC), or `manual`, which is the default.',
    expected: 'after ingest, manual or a cron expression',
  }),
  onNull: entryField(z.enum(['unset', 'skip']).default('unset'), {
    description:
      'An attribute that became null: `unset` removes it in Braze (the default), `skip` leaves it.',
    expected: 'unset or skip',
  }),
  updateExistingOnly: entryField(z.boolean().default(false), {
    description:
      'Whether people that Braze does not know are left out; otherwise Braze makes a profile for them. False unless said otherwise.',
    expected: 'true or false',
  }),
  newAttributes: entryField(z.enum(['refuse', 'allow']).default('refuse'), {
    description:
      'An attribute that appears after the first run: `refuse` it until it is allowed (the default), or `allow` all.',
    expected: 'refuse or allow',
  }),
  onUnknown: entryField(z.enum(UNKNOWN_RULES).default('hold'), {
    description:
      'When the answer to an `inc` or `$add` was lost: `hold` it until `sync retry` (the default), `overwrite` with the whole value, or take it as `applied` or `lost`.',
    expected: 'one of hold, overwrite, applied, lost',
  }),
});

export const syncsSchema = namedEntries(sync, {
  description: 'What is sent to Braze, where to and when.',
  example: [
    'nightly:',
    '  send: [engagement, lapsing_vips]',
    '  to: stage',
    '  schedule: after ingest',
    '  updateExistingOnly: true',
  ],
});

interface Sections {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly audiences: Readonly<Record<string, unknown>>;
  readonly destinations: Readonly<Record<string, unknown>>;
  readonly syncs: Readonly<Record<string, SyncConfig>>;
}

/** Names in `send` and `to` that no entry has, or that two have. */
export function checkSyncs({ value, issues }: z.core.ParsePayload<Sections>): void {
  function report(path: PropertyKey[], input: string, expected: string): void {
    const message = `found ${JSON.stringify(input)} (expected ${expected})`;
    issues.push({ code: 'custom', input, path: ['syncs', ...path], message });
  }
  const sources = [...Object.keys(value.attributes), ...Object.keys(value.audiences)];
  for (const [name, { send, to }] of Object.entries(value.syncs)) {
    for (const [index, source] of send.entries()) {
      const found = sources.filter((known) => known === source).length;
      if (found === 0) report([name, 'send', index], source, describeNames(sources));
      if (found > 1)
        report([name, 'send', index], source, 'a name that attributes and audiences do not share');
      if (send.indexOf(source) < index) report([name, 'send', index], source, 'each name once');
    }
    const destinations = Object.keys(value.destinations);
    if (!destinations.includes(to)) report([name, 'to'], to, describeNames(destinations));
  }
}

function describeNames(names: readonly string[]): string {
  return names.length === 0 ? 'a name, but there is no such section' : `one of ${names.join(', ')}`;
}

function isSchedule(written: string): boolean {
  if (written === 'after ingest' || written === 'manual') return true;
  try {
    new Cron(written, { paused: true });
    return /\s/.test(written.trim());
  } catch {
    return false;
  }
}
