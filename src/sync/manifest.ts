/**
 * The manifest of a run: its files with rows, bytes and SHA-256, written after the last of them. Where it is,
 * the run is complete; where it is not, files of that name belong to a run that goes on or was stopped.
 * Pure, and holds nothing about people.
 */
import type { DeliveryRun } from './destination.ts';
import type { StageFormat } from './stage-names.ts';

export interface StagedFile {
  readonly key: string;
  readonly rows: number;
  readonly bytes: number | null;
  readonly sha256: string | null;
}

/** JSON, the same bytes for the same run. */
export function formatManifest(
  { sync, destination, runId, startedAt }: DeliveryRun,
  format: StageFormat,
  files: readonly StagedFile[],
): string {
  const manifest = {
    sync,
    destination,
    runId,
    startedAt: startedAt.toISOString(),
    format,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + (file.bytes ?? 0), 0),
    files: files.map(({ key, rows, bytes, sha256 }) => ({ key, rows, bytes, sha256 })),
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
