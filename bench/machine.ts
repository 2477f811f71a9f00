/**
 * The machine and the versions that figures belong to.
 */
import os from 'node:os';
import { version as duckdbVersion } from '@duckdb/node-api';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
  readonly duckdb: string;
  /** Of the contenders in Python; undefined where they do not take part. */
  readonly readAvroDuckdb: string | undefined;
}

export function describeMachine(readAvroDuckdb: string | undefined): Machine {
  const cpus = os.cpus();
  return {
    cores: cpus.length,
    cpu: cpus[0]?.model ?? 'unknown',
    memoryBytes: os.totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    duckdb: duckdbVersion(),
    readAvroDuckdb,
  };
}
