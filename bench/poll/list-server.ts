/**
 * The server of the poll benchmark, a process of its own: so much of S3's protocol as an ingest needs to
 * list a made-up bucket (bucket-keys.ts) and to fetch from it, and no more. It is a fixture, not a store:
 * nothing can be written, nothing is checked, every object has the same bytes.
 *
 * ListObjectsV2 with prefix, delimiter, start-after, continuation-token, max-keys and URL encoding, from
 * keys that are computed, so its own cost per page is small and the same however large the bucket is.
 * Sends its port to the process that started it, and the number of list requests whenever it is asked.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatKey, planTypes } from './bucket-keys.ts';
import { anObject } from './made-up-object.ts';

const keys = Number(process.argv[2]);
const types = planTypes(keys);
const { bytes } = await anObject();
let listRequests = 0;

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://bucket');
  if (url.searchParams.get('list-type') === '2') {
    listRequests += 1;
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(formatPage(url.searchParams));
    return;
  }
  const key = decodeURIComponent(url.pathname).split('/').slice(2).join('/');
  const number = findFrom(key);
  if (keyAt(number) !== key) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { etag: `"${etagOf(number)}"`, 'content-length': bytes.length });
  response.end(bytes);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('message', () => process.send?.({ listRequests }));
process.on('disconnect', () => process.exit());

function formatPage(asked: URLSearchParams): string {
  const prefix = asked.get('prefix') ?? '';
  const delimiter = asked.get('delimiter');
  const token = asked.get('continuation-token');
  const limit = Number(asked.get('max-keys') ?? 1000);
  const startAfter = asked.get('start-after');
  let next = token === null ? findFrom(prefix) : Number(token);
  // The key itself is left out: U+0000 makes the least text that comes after it.
  if (token === null && startAfter) next = Math.max(next, findFrom(`${startAfter}\0`));

  const parts: string[] = [];
  while (parts.length < limit && keyAt(next).startsWith(prefix) && next < keys) {
    const key = keyAt(next);
    const end = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    if (delimiter && end >= 0) {
      const folder = key.slice(0, end + delimiter.length);
      parts.push(`<CommonPrefixes><Prefix>${encodeURIComponent(folder)}</Prefix></CommonPrefixes>`);
      next = findFrom(`${folder}\uffff`);
    } else {
      parts.push(formatObject(key, next));
      next += 1;
    }
  }
  const hasMore = next < keys && keyAt(next).startsWith(prefix);
  return `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix>${encodeURIComponent(prefix)}</Prefix><KeyCount>${parts.length}</KeyCount><MaxKeys>${limit}</MaxKeys><EncodingType>url</EncodingType><IsTruncated>${hasMore}</IsTruncated>${hasMore ? `<NextContinuationToken>${next}</NextContinuationToken>` : ''}${parts.join('')}</ListBucketResult>`;
}

function formatObject(key: string, number: number): string {
  return `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>2026-07-01T00:00:00.000Z</LastModified><ETag>&quot;${etagOf(number)}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>${bytes.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
}

/** As of an upload in parts: it does not claim to be the MD5 sum of the bytes. */
function etagOf(number: number): string {
  return `${createHash('md5').update(String(number)).digest('hex')}-1`;
}

/** The number of the first key that is not less than this; `keys` when there is none. */
function findFrom(text: string): number {
  let low = 0;
  let high = keys;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyAt(middle) < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Empty after the last one. */
function keyAt(number: number): string {
  const index = Math.floor((number * types.length) / keys);
  // Rounding may have put it into a neighbour.
  for (const type of types.slice(Math.max(0, index - 1), index + 2)) {
    const position = number - type.first;
    if (position >= 0 && position < type.count) return formatKey(type, position);
  }
  return '';
}
