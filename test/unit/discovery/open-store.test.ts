/** Which store a URL opens. */

import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../../src/discovery/open-store.ts';

describe('openStore', () => {
  it.each([
    ['s3://acme', 's3://acme', ''],
    ['s3://acme/', 's3://acme', ''],
    ['s3://acme/currents', 's3://acme', 'currents/'],
    ['s3://acme/a b/c+d/', 's3://acme', 'a b/c+d/'],
    ['S3://acme/x', 's3://acme', 'x/'],
    [
      's3://arn:aws:s3:eu-central-1:123456789012:accesspoint/mine/currents',
      's3://arn:aws:s3:eu-central-1:123456789012:accesspoint/mine',
      'currents/',
    ],
  ])('opens the bucket of %s', (url, name, prefix) => {
    const store = openStore(url);
    expect({ name: store.name, prefix: store.prefix }).toEqual({ name, prefix });
    expect(store.urlOf('k')).toBe(`${name}/k`);
  });

  it('opens a folder by path or file URL, relative to where we are', () => {
    const absolute = path.resolve('some folder');
    const name = pathToFileURL(absolute).href;
    expect(openStore('some folder').name).toBe(name);
    expect(openStore(name).name).toBe(name);
    expect(openStore('./some folder/').name).toBe(name);
    expect(openStore(name).urlOf('a/b.avro')).toBe(path.join(absolute, 'a', 'b.avro'));
  });

  it.each(['', 's3://', 's3:///key', 'gs://bucket/prefix', 'https://host/x', 'file://host/x'])(
    'refuses %j and says what it takes',
    (url) => {
      expect(() => openStore(url)).toThrow(
        expect.objectContaining({
          code: 'SETTINGS_INVALID',
          message: expect.stringContaining('s3://bucket/prefix, a folder, or file:///folder'),
        }),
      );
    },
  );
});
