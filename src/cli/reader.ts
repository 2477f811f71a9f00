/** The database for commands that only look: opened read-only, closed whatever happens. */
import { CurrentsError } from '../errors.ts';
import type { Database } from '../warehouse/database.ts';
import type { Context } from './session.ts';

/** How long to wait for a database that is being written: most batches are done by then. */
const READER_WAIT_MS = 5000;

/**
 * Runs `work` with the database open. A stop signal interrupts the statement that is running.
 *
 * @throws CurrentsError DATABASE_MISSING, or DATABASE_BUSY naming the holder after a few seconds
 */
export async function withReader<Result>(
  { config, signal }: Context,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const { Database } = await import('../warehouse/database.ts');
  const { memoryLimitBytes, threads } = config.load;
  const database = await Database.open({
    path: config.database,
    readOnly: true,
    waitMs: READER_WAIT_MS,
    memoryLimitBytes,
    ...(threads === undefined ? {} : { threads }),
    signal,
  });
  function interrupt(): void {
    database.interrupt();
  }
  signal.addEventListener('abort', interrupt);
  try {
    return await work(database);
  } catch (error) {
    // A table that is missing may mean that the file is not ours at all; that says more.
    if (error instanceof CurrentsError && error.code === 'DATABASE_FAILED') {
      const { checkFormat } = await import('../warehouse/migrations.ts');
      await checkFormat(database);
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', interrupt);
    database.close();
  }
}
