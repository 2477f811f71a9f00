/**
 * From the text in a setting or on the command line to the store it names: `s3://bucket/prefix`, a
 * folder, or `file://…`. Opening does not touch the network or the disk; the first call does.
 */

import { fileURLToPath } from 'node:url';
import { CurrentsError } from '../errors.ts';
import { openLocalFolder } from './local-folder.ts';
import type { ObjectStore } from './object-store.ts';
import { openS3Bucket, type S3Settings } from './s3-bucket.ts';

/** Bucket names have no slash; the name of an access point has one. */
const S3_URL = /^s3:\/\/(arn:[^/]+\/[^/]+|[^/]+)(?:\/(.*))?$/is;

/**
 * A prefix gets a slash at its end, so that `s3://acme/currents` is not `s3://acme/currents-old`.
 * The settings count for S3 only.
 *
 * @throws CurrentsError SETTINGS_INVALID for any other kind of URL.
 */
export function openStore(url: string, settings: S3Settings = {}): ObjectStore {
  const [, bucket, prefix = ''] = S3_URL.exec(url) ?? [];
  if (bucket !== undefined) return openS3Bucket(bucket, asFolder(prefix), settings);
  if (url.startsWith('file:')) return openLocalFolder(parseFileUrl(url));
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(url)) throw urlError(url, 'not a kind of URL that we read');
  if (url === '') throw urlError(url, 'it is empty');
  return openLocalFolder(url);
}

function asFolder(prefix: string): string {
  return prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
}

function parseFileUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw urlError(url, 'not a local file URL');
  }
}

function urlError(url: string, found: string): CurrentsError {
  return new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot open ${JSON.stringify(url)}: ${found} (s3://bucket/prefix, a folder, or file:///folder)`,
    hint: 'set source.url or --source, for example: --source s3://acme-currents/currents/',
    context: { source: url },
  });
}
