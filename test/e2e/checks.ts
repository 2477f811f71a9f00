/**
 * Named checks of an end-to-end script, counted. Each is a function that throws when it finds something
 * wrong; the others go on. The script ends with `finish`, whose line `N passed, N failed` is the last of
 * its output and is what `.ci/run` adds up.
 */

import { AssertionError } from 'node:assert';

/** Characters; a comparison of two large tables can be megabytes. */
const MAX_REASON = 1500;

export class Checks {
  readonly #startedAt = Date.now();
  #passed = 0;
  #failed = 0;

  constructor(title: string) {
    console.log(`# ${title}`);
  }

  /** Runs one check. A text that `body` returns or resolves with is printed beside the name. */
  async check(name: string, body: () => unknown): Promise<void> {
    const startedAt = Date.now();
    try {
      const note = await body();
      this.#passed += 1;
      console.log(
        `  ok ${name}${typeof note === 'string' ? ` (${note})` : ''} ${Date.now() - startedAt} ms`,
      );
    } catch (error) {
      this.#failed += 1;
      const reason = error instanceof AssertionError ? error.message : describe(error);
      console.log(`  FAILED ${name}: ${reason.slice(0, MAX_REASON)}`);
    }
  }

  /** Prints the sum and sets the exit code. */
  finish(): void {
    console.log(`${Math.round((Date.now() - this.#startedAt) / 1000)} s`);
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    process.exitCode = this.#failed === 0 ? 0 : 1;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
