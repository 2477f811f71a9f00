/**
 * Profiles over restarts. The file has one JSON document a line: profiles as they were at the last orderly end, and
 * after them every change since, written before it was acknowledged. Killing the sandbox loses nothing that it said
 * it had accepted; a last line that was cut short is one that it had not.
 *
 *     open: profiles, then changes ──► append a line for each change ──► close: rewritten as profiles only
 */

import { once } from 'node:events';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { createInterface } from 'node:readline';
import { CurrentsError } from '../../errors.ts';
import { isNested, isObject } from './nested-value.ts';
import {
  type Activity,
  type Alias,
  type Attributes,
  type AttributeValue,
  createAttributes,
  Instant,
  type Profile,
} from './profile-store.ts';
import { applyAccepted } from './track.ts';
import type { Change, Workspace } from './workspace.ts';

/** A profile as a line. Times are `{ "$time": milliseconds }`: no name that Braze allows has a dollar sign. */
interface StoredProfile {
  readonly brazeId: string;
  readonly externalId?: string;
  readonly aliases?: readonly Alias[];
  readonly standard: unknown;
  readonly custom: unknown;
  readonly updatedAt: number;
  readonly events?: readonly [string, Activity][];
  readonly purchases?: readonly [string, Activity][];
}

type Line = Change | { readonly profile: StoredProfile };

export interface StateFile {
  /** Whether there was anything to restore. */
  readonly isRestored: boolean;
  /** Rewrites the file as profiles only. */
  close(): Promise<void>;
}

/**
 * Restores the workspace from the file and journals to it from then on.
 *
 * @throws CurrentsError USAGE if the file is not one of ours.
 */
export async function openStateFile(workspace: Workspace, path: string): Promise<StateFile> {
  const isRestored = existsSync(path);
  if (isRestored) await restore(workspace, path);
  await rewrite(workspace, path); // so that a line cut short is gone before anything is appended
  const file = openSync(path, 'a');
  workspace.journal = (change) => writeSync(file, `${JSON.stringify(change)}\n`);
  return {
    isRestored,
    close: async () => {
      workspace.journal = undefined;
      closeSync(file);
      await rewrite(workspace, path);
    },
  };
}

async function restore(workspace: Workspace, path: string): Promise<void> {
  let number = 0;
  let broken: number | undefined;
  for await (const text of createInterface({ input: createReadStream(path) })) {
    number += 1;
    if (broken !== undefined) break;
    const line = parseLine(text);
    if (line === undefined) broken = number;
    else restoreLine(workspace, line);
  }
  if (broken === undefined || (broken === number && broken > 1)) return;
  throw new CurrentsError({
    code: 'USAGE',
    message: `cannot read the state of the sandbox from ${path}: line ${broken} is not one of ours (a file that a sandbox wrote)`,
    hint: 'name another file, or delete this one if nothing in it is needed',
    context: { path },
  });
}

function parseLine(text: string): Line | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return isObject(line) ? (line as unknown as Line) : undefined;
  } catch {
    return undefined;
  }
}

function restoreLine(workspace: Workspace, line: Line): void {
  const { profiles } = workspace;
  if ('profile' in line) restoreProfile(workspace, line.profile);
  else if ('accepted' in line) for (const one of line.accepted) applyAccepted(workspace, one);
  else if ('ingested' in line) workspace.ingestedFiles.add(line.ingested);
  else if ('deleted' in line) {
    for (const brazeId of line.deleted) {
      const profile = profiles.findByBrazeId(brazeId);
      if (profile !== undefined) profiles.delete(profile);
    }
  }
}

function restoreProfile({ profiles }: Workspace, stored: StoredProfile): void {
  const { brazeId, externalId, aliases = [] } = stored;
  const profile = profiles.restore(brazeId, externalId, aliases);
  Object.assign(profile.custom, decode(stored.custom));
  const standard = decode(stored.standard) as Attributes;
  for (const [name, value] of Object.entries(standard)) {
    if (name === 'email' || name === 'phone') profiles.setContact(profile, name, value as string);
    else profile.standard[name] = value;
  }
  if (stored.events !== undefined || stored.purchases !== undefined)
    profile.activity = { events: new Map(stored.events), purchases: new Map(stored.purchases) };
  profiles.touch(profile, stored.updatedAt);
}

/** Least recently updated first: reading them back in this order keeps who was updated last. */
async function rewrite(workspace: Workspace, path: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const stream = createWriteStream(temporary);
  const write = async (line: Line) => {
    if (!stream.write(`${JSON.stringify(line)}\n`)) await once(stream, 'drain');
  };
  const profiles = [...workspace.profiles].sort((a, b) => a.updateNumber - b.updateNumber);
  for (const profile of profiles) await write({ profile: toStored(profile) });
  for (const ingested of workspace.ingestedFiles) await write({ ingested });
  stream.end();
  await once(stream, 'close');
  renameSync(temporary, path);
}

function toStored(profile: Profile): StoredProfile {
  const { brazeId, externalId, aliases, standard, custom, updatedAt, activity } = profile;
  return {
    brazeId,
    ...(externalId === undefined ? {} : { externalId }),
    ...(aliases.length === 0 ? {} : { aliases }),
    standard: encode(standard),
    custom: encode(custom),
    updatedAt,
    ...(activity === undefined
      ? {}
      : { events: [...activity.events], purchases: [...activity.purchases] }),
  };
}

function encode(value: AttributeValue | undefined): unknown {
  if (value instanceof Instant) return { $time: value.ms };
  if (Array.isArray(value)) return value.map(encode);
  if (!isNested(value)) return value;
  const copy = createAttributes() as Record<string, unknown>;
  for (const name of Object.keys(value)) copy[name] = encode(value[name]);
  return copy;
}

function decode(value: unknown): AttributeValue {
  if (Array.isArray(value)) return value.map(decode);
  if (!isObject(value)) return value as AttributeValue;
  if (typeof value.$time === 'number') return new Instant(value.$time);
  const copy = createAttributes();
  for (const name of Object.keys(value)) copy[name] = decode(value[name]);
  return copy;
}
