/** @throws Error that says what was wrong with a measurement, so that its figure does not count */
export function checkEqual(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`${what}: ${found} (expected ${expected})`);
}
