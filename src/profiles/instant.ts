/** An instant as SQL: DuckDB takes no bound values in statements that make tables. */

/** `timestamp '2026-09-02 12:00:00.000'`, UTC. */
export function formatInstant(instant: Date): string {
  return `timestamp '${instant.toISOString().replace('T', ' ').slice(0, -1)}'`;
}
