/** Objects read straight off a listing's XML, and the answers that are left to the SDK. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { takeContents } from '../../../src/discovery/listed-contents.ts';
import type { ListedObject } from '../../../src/discovery/object-store.ts';
import { openS3Bucket } from '../../../src/discovery/s3-bucket.ts';

const LISTED: ListedObject = {
  key: 'a/b.avro',
  etag: '0123',
  sizeBytes: 7,
  lastModified: new Date('2026-09-01T10:20:30.123Z'),
};
const FIELDS =
  '<Key>a/b.avro</Key><LastModified>2026-09-01T10:20:30.123Z</LastModified><ETag>&quot;0123&quot;</ETag><Size>7</Size>';

function anAnswer(contents: string, more = '<IsTruncated>false</IsTruncated>'): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>acme</Name>${more}${contents}</ListBucketResult>`;
}

function escapeXml(text: string): string {
  return text.replace(
    /[&<>"'\r\u{10000}-\u{10ffff}]/gu,
    (sign) => `&#x${sign.codePointAt(0)?.toString(16)};`,
  );
}

describe('the objects of an answer', () => {
  it('are taken, and everything else is left', () => {
    const contents = `<Contents>${FIELDS}<Owner><ID>x</ID><DisplayName>y</DisplayName></Owner></Contents>`;
    const folder = '<CommonPrefixes><Prefix>a/c/</Prefix></CommonPrefixes>';
    expect(takeContents(anAnswer(`${contents}${folder}${contents}`))).toEqual({
      objects: [LISTED, LISTED],
      rest: anAnswer(folder),
    });
    expect(takeContents(anAnswer(folder))).toEqual({ objects: [], rest: anAnswer(folder) });
  });

  it('have the keys and ETags that were written, whatever is in them', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1 }),
        fc.string({ unit: 'grapheme' }),
        (key, etag) => {
          const fields = `<Key>${escapeXml(key)}</Key><LastModified>2026-09-01T10:20:30.123Z</LastModified><ETag>${escapeXml(`"${etag}"`)}</ETag><Size>7</Size>`;
          const taken = takeContents(anAnswer(`<Contents>${fields}</Contents>`));
          expect(taken?.objects).toEqual([{ ...LISTED, key, etag }]);
        },
      ),
    );
  });

  it.each([
    ['CDATA', FIELDS.replace('a/b.avro', '<![CDATA[a/b.avro]]>')],
    ['a comment', `${FIELDS}<!-- <Key>c</Key> -->`],
    ['an element within the key', FIELDS.replace('a/b.avro', 'a<b/>')],
    ['two keys', `${FIELDS}<Key>c</Key>`],
    ['no key', FIELDS.replace(/<Key>.*<\/Key>/, '')],
    ['no ETag', FIELDS.replace(/<ETag>.*<\/ETag>/, '')],
    ['no size', FIELDS.replace(/<Size>.*<\/Size>/, '')],
    ['a size that is none', FIELDS.replace('>7<', '>-7<')],
    ['a time without a zone', FIELDS.replace('Z<', '<')],
    ['a time that does not exist', FIELDS.replace('2026-09-01', '2026-13-01')],
  ])('are all left to the SDK when one has %s', (_what, fields) => {
    const sound = `<Contents>${FIELDS}</Contents>`;
    expect(takeContents(anAnswer(`${sound}<Contents>${fields}</Contents>`))).toBeUndefined();
  });

  it('are not taken from where an answer was cut off', () => {
    const whole = anAnswer(`<Contents>${FIELDS}</Contents><Contents>${FIELDS}</Contents>`);
    for (let length = 0; length < whole.length; length += 1) {
      const split = takeContents(whole.slice(0, length));
      // What is left must show the SDK that something is missing.
      expect(split?.rest.endsWith('</ListBucketResult>')).not.toBe(true);
    }
  });
});

describe('a bucket', () => {
  beforeEach(() => {
    vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    return () => vi.unstubAllEnvs();
  });

  it('lists the same whether an answer is plain or left to the SDK', async () => {
    const encoded = FIELDS.replace('a/b.avro', 'a%2Fb+%2B.avro');
    const more = '<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>';
    const plain = anAnswer(`<Contents>${encoded}</Contents>`, more);
    const odd = anAnswer(`<!-- odd --><Contents>${encoded}</Contents>`, more);
    const expected = [[{ ...LISTED, key: 'a/b +.avro' }]];
    expect(await listFrom(plain)).toEqual(expected);
    expect(await listFrom(odd)).toEqual(expected);
  });

  it('takes an answer that is cut off for a failure that may pass', async () => {
    const whole = anAnswer(`<Contents>${FIELDS}</Contents><Contents>${FIELDS}</Contents>`);
    for (const end of [whole.lastIndexOf('</Size>'), whole.lastIndexOf('</ListBucketResult>')]) {
      await expect(listFrom(whole.slice(0, end))).rejects.toMatchObject({
        code: 'SOURCE_UNAVAILABLE',
        transient: true,
      });
    }
  });

  it('gives up an answer that stalls half-way', async () => {
    const answer = anAnswer(`<Contents>${FIELDS}</Contents>`);
    await expect(listFrom(answer.slice(0, 200), answer.length)).rejects.toMatchObject({
      code: 'SOURCE_UNAVAILABLE',
      message: expect.stringContaining('nothing came for 1 s'),
    });
  });
});

/** Lists a bucket whose server always gives this answer, or goes silent when it announces more. */
async function listFrom(answer: string, announced?: number): Promise<unknown[]> {
  const server = createServer((_request, response) => {
    response.writeHead(200, {
      'content-type': 'application/xml',
      'content-length': announced ?? Buffer.byteLength(answer),
    });
    response.write(answer);
    if (announced === undefined) response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const bucket = openS3Bucket('acme', '', {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-central-1',
    pathStyle: true,
    maxAttempts: 1,
    ...(announced !== undefined && { stallTimeoutMs: 1000 }),
  });
  onTestFinished(() => bucket.close());
  const pages: unknown[] = [];
  for await (const page of bucket.list({ prefix: '' })) pages.push(page);
  return pages;
}
