/**
 * Durations (`48h`) and sizes (`64MB`) as people write them in settings and on the command line, to and
 * from milliseconds and bytes.
 *
 * Pure. What does not read as a whole quantity is `undefined`, never a guess: `5` is not a duration, since
 * nobody can say five of what. Sizes follow DuckDB: MB is 10^6 bytes, MiB is 2^20.
 */

const DURATION_UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const AGE_UNITS = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
] as const;

const SIZE_UNITS_BYTES = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
} as const;

export const DURATION_PATTERN = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/;
export const SIZE_PATTERN = /^(\d+(?:\.\d+)?) ?([KMGTkmgt][Ii]?[Bb]|[Bb])$/;

/** Milliseconds of "90s", "15m", "48h", "7d" or "1.5h"; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION_PATTERN.exec(text);
  if (match === null) return undefined;
  const unitMs = DURATION_UNITS_MS[match[2] as keyof typeof DURATION_UNITS_MS];
  return Math.round(Number(match[1]) * unitMs);
}

/** For people: whole units of the largest that fits, so 7300 s is "2 hours". */
export function formatAge(seconds: number): string {
  const [unitSeconds, unit] = AGE_UNITS.find(([least]) => seconds >= least) ?? [1, 'second'];
  const count = Math.floor(seconds / unitSeconds);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** Bytes of "512MB", "64 MiB" or "1.5GB"; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const match = SIZE_PATTERN.exec(text);
  if (match === null) return undefined;
  const unitBytes = SIZE_UNITS_BYTES[match[2]?.toUpperCase() as keyof typeof SIZE_UNITS_BYTES];
  return Math.round(Number(match[1]) * unitBytes);
}

/** For people: three digits at most, so 1234567 is "1.23 MB". Exact only where that many digits suffice. */
export function formatSize(sizeBytes: number): string {
  let count = sizeBytes;
  for (const unit of ['B', 'KB', 'MB', 'GB'] as const) {
    if (count < 999.5) return `${Number(count.toPrecision(3))} ${unit}`;
    count /= 1000;
  }
  return `${Number(count.toPrecision(3))} TB`;
}
