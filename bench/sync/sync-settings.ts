/**
 * The settings file of the measured syncs: the same people to a folder in each format, and over REST.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PEOPLE_TABLE } from './made-up-people.ts';

export const FORMATS = ['json', 'csv', 'parquet'] as const;

export type Format = (typeof FORMATS)[number];

/** What Braze documents: 3,000 requests in 3 seconds, 75 people each; "API limits", 2026-09. */
export const DOCUMENTED_LIMIT = 1000;
export const PEOPLE_PER_REQUEST = 75;

/** The name of a sync, and of its destination. */
export type SyncName = Format | 'rest';

/** Where the files of a sync are staged. */
export function stageFolder(folder: string, format: Format): string {
  return path.join(folder, `stage-${format}`);
}

interface RestWay {
  readonly endpoint: string;
  /** What the sync takes the limit for. */
  readonly requestsPerSecond: number;
}

/** The variable that the settings name as that of the API key; the sandbox takes any. */
export const KEY_VARIABLE = 'BENCH_BRAZE_KEY';

/**
 * @param people only the first so many; default all of them
 * @returns the path of the file
 */
export async function writeSettings(
  folder: string,
  rest: RestWay = { endpoint: 'http://127.0.0.1:9', requestsPerSecond: DOCUMENTED_LIMIT },
  people?: number,
): Promise<string> {
  const rows = people === undefined ? '' : ` where number <= ${people}`;
  const query = `select * exclude (number) from ${PEOPLE_TABLE}${rows}`;
  const names: readonly SyncName[] = [...FORMATS, 'rest'];
  const file = path.join(folder, 'currents.yaml');
  await writeFile(
    file,
    `attributes:
  people: { identifier: external_id, query: "${query}", sets: [favourite_categories] }
syncs:
${names.map((name) => `  ${name}: { send: [people], to: ${name} }`).join('\n')}
destinations:
${FORMATS.map((format) => `  ${format}: { kind: files, url: "${stageFolder(folder, format)}", format: ${format} }`).join('\n')}
  rest:
    kind: rest
    instance: ${rest.endpoint}
    apiKey: { env: ${KEY_VARIABLE} }
    requestsPerSecond: ${rest.requestsPerSecond}
`,
  );
  return file;
}
