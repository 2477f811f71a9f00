/**
 * Global set-up of the integration tests: one S3-compatible server for all files, whose address they
 * get with `inject('s3Endpoint')`. Each test makes its own bucket.
 */

import type { TestProject } from 'vitest/node';
import { startS3Server } from './s3-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    s3Endpoint: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startS3Server();
  project.provide('s3Endpoint', server.endpoint);
  return () => server.stop();
}
