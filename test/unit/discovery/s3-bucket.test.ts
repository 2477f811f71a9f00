/**
 * What is sent to S3 and what is made of its answers, where the real server of the integration tests
 * has no such case: encodings, KMS, requester pays, retries.
 */

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openS3Bucket, type S3Settings } from '../../../src/discovery/s3-bucket.ts';
import { aLocalFile } from '../../support/local-file.ts';

const s3 = mockClient(S3Client);

beforeEach(() => {
  s3.reset();
  vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('list', () => {
  it('decodes keys only where the answer says that they are encoded', async () => {
    s3.on(ListObjectsV2Command)
      .resolvesOnce({
        IsTruncated: true,
        NextContinuationToken: 'next',
        EncodingType: 'url',
        Contents: [{ Key: 'a+b%2Bc%25%0A%C3%BC', ETag: '"e"', Size: 1 }],
      })
      .resolvesOnce({ IsTruncated: false, Contents: [{ Key: 'a+b%2B', ETag: '"e"', Size: 1 }] });
    expect(await listKeys({ prefix: 'p/', startAfter: 'p/x' })).toEqual(['a b+c%\nü', 'a+b%2B']);
    expect(s3.commandCalls(ListObjectsV2Command).map((call) => call.args[0].input)).toMatchObject([
      { Bucket: 'acme', Prefix: 'p/', StartAfter: 'p/x', EncodingType: 'url', MaxKeys: 1000 },
      { Bucket: 'acme', Prefix: 'p/', ContinuationToken: 'next' },
    ]);
  });

  it('takes an answer that does not say whether it is the last for broken, and asks again', async () => {
    s3.on(ListObjectsV2Command)
      .resolvesOnce({})
      .resolvesOnce({ IsTruncated: true })
      .resolves({ IsTruncated: false, Contents: [{ Key: 'k' }] });
    expect(await listKeys({ prefix: '' })).toEqual(['k']);
  });

  it('pays when told to', async () => {
    s3.on(ListObjectsV2Command).resolves({ IsTruncated: false });
    s3.on(PutObjectCommand).resolves({});
    const store = aBucket({ requesterPays: true });
    await store.listFolder('');
    await store.put('k', Buffer.from('x'));
    expect(s3.calls().map((call) => call.args[0].input)).toMatchObject([
      { RequestPayer: 'requester', Delimiter: '/' },
      { RequestPayer: 'requester', ContentMD5: 'ndTkYSaMgDT1yFZOFVxnpg==' },
    ]);
  });
});

describe('putFile', () => {
  it('streams the file under the condition that there is nothing yet', async () => {
    s3.on(PutObjectCommand).resolves({});
    expect(await aBucket().putFile('k', aLocalFile('hello'))).toBe(true);
    const [call] = s3.commandCalls(PutObjectCommand);
    expect(call?.args[0].input).toMatchObject({
      Key: 'k',
      ContentLength: 5,
      ContentMD5: 'XUFAKrxLKna5cZ2REBfFkg==',
      IfNoneMatch: '*',
    });
    expect(await text(call?.args[0].input.Body as Readable)).toBe('hello');
  });

  it('says when there is an object already', async () => {
    s3.on(PutObjectCommand).rejects(named('PreconditionFailed', 412));
    expect(await aBucket().putFile('k', aLocalFile('hello'))).toBe(false);
    expect(s3.calls()).toHaveLength(1);
  });

  it('asks for no condition where the store has none', async () => {
    s3.on(PutObjectCommand, { IfNoneMatch: '*' }).rejects(named('NotImplemented', 501));
    s3.on(PutObjectCommand, { IfNoneMatch: undefined }).resolves({});
    const store = aBucket();
    const file = aLocalFile('hello');
    expect(await store.putFile('k', file)).toBe(true);
    expect(await store.putFile('l', file)).toBe(true);
    expect(s3.calls()).toHaveLength(3);
  });

  it('reads the file anew for each attempt', async () => {
    s3.on(PutObjectCommand).rejectsOnce(named('SlowDown', 503)).resolves({});
    expect(await aBucket({ retryWaitMs: 1 }).putFile('k', aLocalFile('hello'))).toBe(true);
    const bodies = s3.commandCalls(PutObjectCommand).map((call) => call.args[0].input.Body);
    expect(new Set(bodies).size).toBe(2);
  });
});

function named(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error('made up'), { name, $metadata: { httpStatusCode } });
}

describe('fetch', () => {
  it('compares the bytes with an ETag that is their MD5 sum', async () => {
    s3.on(GetObjectCommand).callsFake(() => anAnswer('hellO', { ETag: md5Of('hello') }));
    await expect(aBucket({ maxAttempts: 1 }).fetch(anObject('hello'))).rejects.toMatchObject({
      code: 'OBJECT_INCOMPLETE',
      transient: true,
      context: { source: 's3://acme', key: 'k' },
    });
  });

  it('asks for the checksum where the ETag is no MD5 sum', async () => {
    s3.on(GetObjectCommand).callsFake(() => anAnswer('hello', { ETag: '"0123-2"' }));
    const object = { ...anObject('hello'), etag: '0123-2' };
    expect((await aBucket().fetch(object)).bytes.toString()).toBe('hello');
    expect(checksumModes()).toEqual(['ENABLED']);
  });

  it('asks again with the checksum when KMS turns out to have made the ETag, then always', async () => {
    const kms = { ETag: md5Of('something else'), ServerSideEncryption: 'aws:kms' as const };
    s3.on(GetObjectCommand).callsFake(() => anAnswer('hello', kms));
    const store = aBucket();
    const object = { ...anObject('hello'), etag: md5Of('something else').replaceAll('"', '') };
    await store.fetch(object);
    await store.fetch(object);
    expect(checksumModes()).toEqual([undefined, 'ENABLED', 'ENABLED']);
  });

  it('does not take the random ETags of directory buckets for MD5 sums', async () => {
    s3.on(GetObjectCommand).callsFake(() => anAnswer('hello', { ETag: md5Of('random') }));
    const store = openS3Bucket('acme--euc1-az1--x-s3', '', { region: 'eu-central-1' });
    expect((await store.fetch(anObject('hello'))).bytes.toString()).toBe('hello');
    expect(checksumModes()).toEqual(['ENABLED']);
  });

  it('returns a newer version under its own ETag, size and time', async () => {
    const lastModified = new Date('2026-09-10T12:00:00Z');
    const newer = { ETag: md5Of('newer!'), LastModified: lastModified };
    s3.on(GetObjectCommand).callsFake(() => anAnswer('newer!', newer));
    expect(await aBucket().fetch(anObject('hello'))).toEqual({
      key: 'k',
      etag: md5Of('newer!').replaceAll('"', ''),
      sizeBytes: 6,
      lastModified,
      bytes: Buffer.from('newer!'),
    });
  });

  it.each([
    ['fewer bytes than announced', 'hell', 5],
    ['more bytes than announced', 'hello, world', 5],
    ['another length than listed', 'hello!', 6],
  ])('refuses %s', async (_name, body, announced) => {
    s3.on(GetObjectCommand).callsFake(() =>
      anAnswer(body, { ETag: md5Of('hello'), ContentLength: announced }),
    );
    await expect(aBucket({ maxAttempts: 1 }).fetch(anObject('hello'))).rejects.toMatchObject({
      code: 'OBJECT_INCOMPLETE',
      transient: true,
    });
  });

  it('stops reading at the first byte too many', async () => {
    let pieces = 0;
    const endless = Readable.from(
      (function* () {
        for (;;) {
          pieces++;
          yield Buffer.alloc(1000);
        }
      })(),
      { highWaterMark: 1 },
    );
    s3.on(GetObjectCommand).callsFake(() => anAnswer('hello', { Body: asBody(endless) }));
    await expect(aBucket({ maxAttempts: 1 }).fetch(anObject('hello'))).rejects.toMatchObject({
      message: expect.stringContaining('more bytes came (5 were announced)'),
    });
    expect(pieces).toBeLessThan(5);
    expect(endless.destroyed).toBe(true);
  });

  it('tells a missing object from a missing right, both of which S3 may answer with 403', async () => {
    s3.on(GetObjectCommand).rejects(Object.assign(new Error(), { name: 'AccessDenied' }));
    const neighbour = { Key: 'k2', ETag: '"e"', Size: 1 };
    s3.on(ListObjectsV2Command).resolvesOnce({ IsTruncated: false, Contents: [neighbour] });
    await expect(aBucket().fetch(anObject('hello'))).rejects.toMatchObject({
      code: 'OBJECT_MISSING',
      context: { source: 's3://acme', key: 'k' },
    });
    const contents = [{ Key: 'k', ETag: '"e"', Size: 1 }, neighbour];
    s3.on(ListObjectsV2Command).resolvesOnce({ IsTruncated: false, Contents: contents });
    await expect(aBucket().fetch(anObject('hello'))).rejects.toMatchObject({
      code: 'SOURCE_ACCESS_DENIED',
    });
    s3.on(ListObjectsV2Command).rejects(Object.assign(new Error(), { name: 'AccessDenied' }));
    await expect(aBucket().fetch(anObject('hello'))).rejects.toMatchObject({
      code: 'SOURCE_ACCESS_DENIED',
    });
  });

  it('says how to restore an archived object', async () => {
    s3.on(GetObjectCommand).rejects(Object.assign(new Error(), { name: 'InvalidObjectState' }));
    await expect(aBucket().fetch(anObject('hello'))).rejects.toMatchObject({
      code: 'OBJECT_ARCHIVED',
      hint: "aws s3api restore-object --bucket acme --key 'k' --restore-request Days=7",
    });
    expect(s3.calls()).toHaveLength(1);
  });
});

describe('retries', () => {
  it('go on until it works', async () => {
    const slowDown = Object.assign(new Error(), { name: 'SlowDown' });
    s3.on(GetObjectCommand)
      .rejectsOnce(slowDown)
      .rejectsOnce(slowDown)
      .callsFake(() => anAnswer('hello'));
    const store = aBucket();
    expect((await store.fetch(anObject('hello'))).bytes.toString()).toBe('hello');
    expect(store.requestCounts.fetch).toBe(3);
  });

  it('end after as many attempts as allowed', async () => {
    s3.on(ListObjectsV2Command).rejects(Object.assign(new Error(), { name: 'SlowDown' }));
    const store = aBucket({ maxAttempts: 3 });
    await expect(store.listFolder('')).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' });
    expect(store.requestCounts.list).toBe(3);
  });

  it('are not made for what waiting does not change', async () => {
    s3.on(ListObjectsV2Command).rejects(Object.assign(new Error(), { name: 'AccessDenied' }));
    const store = aBucket();
    await expect(store.listFolder('')).rejects.toMatchObject({ code: 'SOURCE_ACCESS_DENIED' });
    expect(store.requestCounts.list).toBe(1);
  });

  it('end when asked to stop, without waiting', async () => {
    s3.on(ListObjectsV2Command).rejects(Object.assign(new Error(), { name: 'SlowDown' }));
    const stop = new AbortController();
    const listing = aBucket({ maxAttempts: 100 }).listFolder('', stop.signal);
    setTimeout(() => stop.abort(), 20);
    await expect(listing).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

it('a body that stalls is given up', async () => {
  const stalled = new Readable({ read: () => undefined });
  s3.on(GetObjectCommand).callsFake(() => anAnswer('hello', { Body: asBody(stalled) }));
  const store = aBucket({ maxAttempts: 1, stallTimeoutMs: 30 });
  await expect(store.fetch(anObject('hello'))).rejects.toMatchObject({
    code: 'SOURCE_UNAVAILABLE',
    transient: true,
    message: 'cannot read s3://acme/k: nothing came for 0.03 s',
  });
  expect(stalled.destroyed).toBe(true);
});

function aBucket(settings: S3Settings = {}) {
  return openS3Bucket('acme', '', { region: 'eu-central-1', ...settings });
}

function anObject(body: string) {
  return {
    key: 'k',
    etag: md5Of(body).replaceAll('"', ''),
    sizeBytes: body.length,
    lastModified: new Date(0),
  };
}

function anAnswer(body: string, more: Partial<GetObjectCommandOutput> = {}) {
  return {
    Body: asBody(Readable.from([Buffer.from(body)])),
    ContentLength: body.length,
    ETag: md5Of(body),
    ...more,
  };
}

/** The SDK adds methods to the stream that we do not use. */
function asBody(stream: Readable): NonNullable<GetObjectCommandOutput['Body']> {
  return stream as unknown as NonNullable<GetObjectCommandOutput['Body']>;
}

function md5Of(body: string): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

function checksumModes() {
  return s3.commandCalls(GetObjectCommand).map((call) => call.args[0].input.ChecksumMode);
}

async function listKeys(options: { prefix: string; startAfter?: string }): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of aBucket().list(options)) keys.push(...page.map((object) => object.key));
  return keys;
}
