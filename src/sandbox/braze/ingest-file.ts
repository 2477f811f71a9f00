/**
 * One staged file, taken in as cloud data ingestion does (facts 5.1, 5.3): rows in no order, each judged alone under the
 * rules of `/users/track`, and a line in the sync log.
 *
 *     file ──► refused as a whole: Error
 *       └──► rows, shuffled by seed ──► applied │ refused ──► Success, Partial Success, Error
 */

import { createDraw } from '../world/draw.ts';
import { judgeAttributes } from './apply-attributes.ts';
import { deleteProfiles } from './delete-users.ts';
import { findProfile, isIdentity, readIdentity } from './identity.ts';
import { isObject } from './nested-value.ts';
import type { Profile } from './profile-store.ts';
import { FileRejection, readStagedFile, type StagedRow } from './read-staged-file.ts';
import { RULES, type RuleId } from './rules.ts';
import { type Accepted, accept } from './track.ts';
import type { Workspace } from './workspace.ts';

export interface StagedFile {
  readonly name: string;
  readonly bytes: Buffer;
  readonly kind: 'attributes' | 'deletions';
  /** The option of the integration (facts 5.3): unknown people are left out. */
  readonly isUpdateOnly?: boolean;
}

/** An entry of the sync log; states as Braze names them (facts 5.4). */
export interface Ingestion {
  readonly file: string;
  readonly kind: StagedFile['kind'];
  readonly status: 'Success' | 'Partial Success' | 'Error';
  readonly sizeBytes: number;
  readonly rows: number;
  readonly failedRows: number;
  /** Why the file was refused as a whole. */
  readonly reason?: string;
  /** The first hundred rows that were refused; the row counts from 1. */
  readonly failures: readonly RowFailure[];
  readonly at: string;
}

interface RowFailure {
  readonly row: number;
  readonly rule: RuleId | 'OBJECT_REFUSED';
  readonly reason: string;
}

/** facts 5.1: larger files are an error. Megabytes of 1,000,000 bytes, the stricter reading. */
export const MAX_FILE_BYTES = 512_000_000;

/** facts 5.3; product limitations page, 2026-09-02. */
const MAX_PAYLOAD_BYTES = 1_000_000;
const MAX_KEYS = 250;

const SHOWN_FAILURES = 100;

/** After so many rows, requests get their turn. */
const ROWS_AT_A_TIME = 1000;

/** Takes the file in and writes it into the log; never throws for what is in the file. */
export async function ingestFile(workspace: Workspace, file: StagedFile): Promise<Ingestion> {
  const rows =
    file.bytes.length > MAX_FILE_BYTES
      ? new FileRejection('FILE_TOO_LARGE', `it has ${file.bytes.length} bytes`)
      : await readStagedFile(file.name, file.bytes);
  const refusal = rows instanceof FileRejection ? rows : judgeFile(file, rows);
  if (refusal !== undefined) return log(workspace, file, { rows: 0, failures: [], refusal });
  const failures = await takeRows(workspace, file, rows as readonly StagedRow[]);
  return log(workspace, file, { rows: (rows as readonly StagedRow[]).length, failures });
}

/** Files that are refused without being read: too large to fetch. */
export function refuseFile(
  workspace: Workspace,
  file: Omit<StagedFile, 'bytes'>,
  sizeBytes: number,
): Ingestion {
  const refusal = new FileRejection('FILE_TOO_LARGE', `it has ${sizeBytes} bytes`);
  return log(workspace, { ...file, bytes: Buffer.alloc(0) }, { rows: 0, failures: [], refusal });
}

function judgeFile(file: StagedFile, rows: readonly StagedRow[]): FileRejection | undefined {
  const hasPayload = rows.some((row) => row !== undefined && 'payload' in row);
  return file.kind === 'deletions' && hasPayload
    ? new FileRejection('DELETE_FILE_PAYLOAD', 'it has a column PAYLOAD')
    : undefined;
}

/** facts 5.1: "No ordering within or between files". */
async function takeRows(
  workspace: Workspace,
  file: StagedFile,
  rows: readonly StagedRow[],
): Promise<RowFailure[]> {
  const order = shuffle(rows.length, workspace.settings.seed + workspace.ingestions.length);
  const failures: RowFailure[] = [];
  for (let start = 0; start < order.length; start += ROWS_AT_A_TIME) {
    const accepted: Accepted[] = [];
    const deleted: Profile[] = [];
    for (const at of order.subarray(start, start + ROWS_AT_A_TIME)) {
      const taken = takeRow(workspace, file, rows[at]);
      if ('rule' in taken) failures.push({ row: at + 1, ...taken });
      else if ('profile' in taken) deleted.push(...(taken.profile ? [taken.profile] : []));
      else accepted.push(taken);
    }
    workspace.tally.objects.attributes += accepted.length;
    if (accepted.length > 0) accept(workspace, accepted, 'files');
    deleteProfiles(workspace, [...new Set(deleted)]);
    await new Promise(setImmediate);
  }
  return failures.sort((a, b) => a.row - b.row);
}

function shuffle(length: number, seed: number): Uint32Array {
  const draw = createDraw(seed);
  const order = Uint32Array.from({ length }, (_, at) => at);
  for (let at = length - 1; at > 0; at--) {
    const other = draw.whole(0, at);
    [order[at], order[other]] = [order[other] as number, order[at] as number];
  }
  return order;
}

type Taken = Accepted | { readonly profile: Profile | undefined } | Omit<RowFailure, 'row'>;

function takeRow(workspace: Workspace, file: StagedFile, row: StagedRow): Taken {
  if (row === undefined) return fail('ROW_PAYLOAD_INVALID', 'the row is not an object');
  const identifier = readRowIdentifier(row, file.kind);
  if (typeof identifier === 'string') return fail('ROW_IDENTIFIER', identifier);
  if (file.kind === 'deletions') {
    const identity = readIdentity(identifier);
    if (!isIdentity(identity)) return fail('ROW_IDENTIFIER', identity);
    return { profile: findProfile(workspace.profiles, identity) };
  }
  const payload = readPayload(row.payload);
  if ('rule' in payload) return payload as Omit<RowFailure, 'row'>;
  const only = file.isUpdateOnly ? { _update_existing_only: true } : {};
  const object = { ...payload, ...identifier, ...only };
  const refusal = judgeAttributes(workspace, object);
  if (refusal !== undefined) return { rule: 'OBJECT_REFUSED', reason: refusal };
  return { kind: 'attributes', object };
}

/** The identifier as `/users/track` would have it, or what is wrong. Empty cells are no identifiers. */
function readRowIdentifier(
  row: Exclude<StagedRow, undefined>,
  kind: StagedFile['kind'],
): Readonly<Record<string, unknown>> | string {
  const value = (column: string) => (row[column] === '' ? undefined : (row[column] ?? undefined));
  const [name, label] = [value('alias_name'), value('alias_label')];
  if ((name === undefined) !== (label === undefined))
    return 'ALIAS_NAME and ALIAS_LABEL go together';
  const primary = {
    external_id: value('external_id'),
    braze_id: value('braze_id'),
    user_alias: name === undefined ? undefined : { alias_name: name, alias_label: label },
  };
  const given = Object.entries(primary).filter(([, found]) => found !== undefined);
  const contact = (['email', 'phone'] as const).find((column) => value(column) !== undefined);
  if (given.length + (contact === undefined ? 0 : 1) !== 1) return 'not exactly one identifier';
  if (contact === undefined) return Object.fromEntries(given);
  return kind === 'deletions' ? 'EMAIL and PHONE delete nobody' : { [contact]: value(contact) };
}

const IDENTIFIERS = ['external_id', 'braze_id', 'user_alias', 'alias_name', 'alias_label'];

function readPayload(text: unknown): Readonly<Record<string, unknown>> {
  if (typeof text !== 'string') return fail('ROW_PAYLOAD_INVALID', 'PAYLOAD is not a text');
  if (text.length * 3 > MAX_PAYLOAD_BYTES && Buffer.byteLength(text) > MAX_PAYLOAD_BYTES)
    return fail('ROW_PAYLOAD_TOO_LARGE', 'Payload was greater than 1MB');
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    return fail('ROW_PAYLOAD_INVALID', 'PAYLOAD is not JSON');
  }
  if (!isObject(payload)) return fail('ROW_PAYLOAD_INVALID', 'PAYLOAD is not an object');
  const count = Object.keys(payload).length;
  if (count > MAX_KEYS) return fail('ROW_TOO_MANY_KEYS', `PAYLOAD has ${count} keys`);
  const identifier = IDENTIFIERS.find((name) => name in (payload as object));
  if (identifier !== undefined)
    return fail('ROW_PAYLOAD_IDENTIFIER', `PAYLOAD has the identifier ${identifier}`);
  return payload;
}

function fail(rule: RuleId, reason: string): { rule: RuleId; reason: string } {
  return { rule, reason };
}

function log(
  workspace: Workspace,
  file: StagedFile,
  found: { rows: number; failures: readonly RowFailure[]; refusal?: FileRejection },
): Ingestion {
  const { rows, failures, refusal } = found;
  const isNothingTaken = refusal !== undefined || (rows > 0 && failures.length === rows);
  const ingestion: Ingestion = {
    file: file.name,
    kind: file.kind,
    status: isNothingTaken ? 'Error' : failures.length > 0 ? 'Partial Success' : 'Success',
    sizeBytes: file.bytes.length,
    rows,
    failedRows: failures.length,
    ...(refusal === undefined
      ? {}
      : { reason: `${refusal.rule}: ${RULES[refusal.rule].says} (${refusal.detail})` }),
    failures: failures.slice(0, SHOWN_FAILURES),
    at: new Date(workspace.settings.clock()).toISOString(),
  };
  workspace.ingestions.push(ingestion);
  return ingestion;
}
