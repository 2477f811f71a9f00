/**
 * Names in the stage: one folder for each thing that Braze watches, and one that it does not.
 *
 *     <url>/attributes/20260902T120000123Z-nightly-000012-0001.json   Braze: a sync of attributes
 *     <url>/deletes/20260902T120000123Z-external_id.json              Braze: a sync that deletes users
 *     <url>/manifests/20260902T120000123Z-nightly-000012.json         nobody but us, and whoever audits
 *
 * The manifest must not lie below what Braze watches: each file there is taken for data. A name never
 * comes twice (instant, sync and run), and names sort by the instant. Pure.
 */
import type { DeliveryRun } from './destination.ts';

export type StageFormat = 'json' | 'csv' | 'parquet';

/** What a run is in the names of its files. */
export type StagedRun = Pick<DeliveryRun, 'sync' | 'runId' | 'startedAt'>;

export function formatFileKey(
  prefix: string,
  run: StagedRun,
  fileNumber: number,
  format: StageFormat,
): string {
  return `${prefix}attributes/${formatRunName(run)}-${pad(fileNumber, 4)}.${format}`;
}

/** Of a file that was planned, whatever the settings say by now. */
export function readFormat(key: string): StageFormat {
  return key.slice(key.lastIndexOf('.') + 1) as StageFormat;
}

/** Of people who were erased at this instant. */
export function formatDeletionKey(
  prefix: string,
  at: Date,
  identifierKind: string,
  format: StageFormat,
): string {
  return `${prefix}deletes/${formatInstant(at)}-${identifierKind}.${format}`;
}

export function formatManifestKey(prefix: string, run: StagedRun): string {
  return `${prefix}manifests/${formatRunName(run)}.json`;
}

function formatRunName({ sync, runId, startedAt }: StagedRun): string {
  // A name of the settings may have any letter; one of an object keeps to those that need no quoting.
  return `${formatInstant(startedAt)}-${sync.replace(/[^\w-]/g, '_')}-${pad(runId, 6)}`;
}

function formatInstant(at: Date): string {
  return at.toISOString().replace(/[-:.]/g, '');
}

function pad(number: number, length: number): string {
  return String(number).padStart(length, '0');
}
