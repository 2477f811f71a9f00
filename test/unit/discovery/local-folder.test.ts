/** A folder keeps the promises of an object store. Each test has a folder of its own. */

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLocalFolder } from '../../../src/discovery/local-folder.ts';
import type {
  ListOptions,
  ObjectReading,
  ObjectStore,
} from '../../../src/discovery/object-store.ts';
import { aLocalFile } from '../../support/local-file.ts';

let root: string;
let store: ObjectStore;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'currents-folder-'));
  store = openLocalFolder(root);
});

afterEach(() => {
  store.close();
  rmSync(root, { recursive: true, force: true });
});

describe('list', () => {
  it('lists in the order of UTF-8 bytes, where a folder stands by its name with the slash', async () => {
    const keys = ['a-b', 'a.avro', 'a/1', 'a/2/x', 'a0', 'Ａ', '🎉'];
    for (const key of keys.toReversed()) await store.put(key, Buffer.from(key));
    expect(await listKeys({ prefix: '' })).toEqual(keys);
  });

  it('takes names as they are', async () => {
    const keys = ['quote\'s "x" %20+&=', 'back\\slash', 'line\nbreak/x', 'ü/ß'];
    for (const key of keys) await store.put(key, Buffer.from('x'));
    const listed = await listKeys({ prefix: '' });
    expect(listed.toSorted()).toEqual(keys.toSorted());
    for (const key of listed) expect((await store.fetch(anObject(key))).bytes.toString()).toBe('x');
  });

  it('leaves out hidden and temporary files', async () => {
    write('.DS_Store', '.git/config', 'part.avro.tmp', 'a/.part.avro', 'a.tmp/x.avro', 'a/x.avro');
    expect(await listKeys({ prefix: '' })).toEqual(['a/x.avro']);
  });

  it('keeps to the prefix, which need not end at a folder', async () => {
    write('ab/1', 'abc/2', 'abd', 'b/3');
    expect(await listKeys({ prefix: 'ab' })).toEqual(['ab/1', 'abc/2', 'abd']);
    expect(await listKeys({ prefix: 'ab/' })).toEqual(['ab/1']);
    expect(await listKeys({ prefix: 'nothing/here/' })).toEqual([]);
  });

  it('begins after the key it is given, which need not exist', async () => {
    write('t/date=01/x', 't/date=02/x', 't/date=03/x', 't/date=03/y');
    expect(await listKeys({ prefix: 't/', startAfter: 't/date=02' })).toEqual([
      't/date=02/x',
      't/date=03/x',
      't/date=03/y',
    ]);
    expect(await listKeys({ prefix: 't/', startAfter: 't/date=03/x' })).toEqual(['t/date=03/y']);
    expect(await listKeys({ prefix: 't/', startAfter: 'u' })).toEqual([]);
  });

  it('does not read folders that lie before the start or outside the prefix', async () => {
    for (let day = 10; day < 30; day++) write(`t/date=${day}/x`, `u/date=${day}/x`);
    await listKeys({ prefix: 't/', startAfter: 't/date=28' });
    // t/ and the two last days.
    expect(store.requestCounts.list).toBe(3);
  });

  it('hands out pages of at most a thousand', async () => {
    write(...Array.from({ length: 2001 }, (_, n) => `x${n}`));
    const lengths: number[] = [];
    for await (const page of store.list({ prefix: '' })) lengths.push(page.length);
    expect(lengths).toEqual([1000, 1000, 1]);
  });

  it('follows links, but not around in circles', async () => {
    write('real/x.avro', 'other/y.avro');
    symlinkSync('real', path.join(root, 'linked'));
    symlinkSync('..', path.join(root, 'real', 'up'));
    symlinkSync('/', path.join(root, 'real', 'top'));
    symlinkSync('self', path.join(root, 'self'));
    symlinkSync('nowhere', path.join(root, 'broken'));
    symlinkSync('../other', path.join(root, 'real', 'side'));
    symlinkSync('../real', path.join(root, 'other', 'side'));
    expect(await listKeys({ prefix: '' })).toEqual([
      'linked/side/y.avro',
      'linked/x.avro',
      'other/side/x.avro',
      'other/y.avro',
      'real/side/y.avro',
      'real/x.avro',
    ]);
  });

  it('says that a folder is missing, or is a file', async () => {
    const missing = openLocalFolder(path.join(root, 'nope'));
    await expect(missing.list({ prefix: '' })[Symbol.asyncIterator]().next()).rejects.toMatchObject(
      {
        code: 'SOURCE_NOT_FOUND',
        hint: expect.stringContaining('mkdir -p'),
      },
    );
    write('file');
    await expect(openLocalFolder(path.join(root, 'file')).listFolder('')).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      message: expect.stringContaining('it is a file'),
    });
  });

  it('stops when asked to', async () => {
    write('a/x', 'b/x');
    await expect(listKeys({ prefix: '', signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });

  it.skipIf(process.getuid?.() === 0)('says which folder it may not read', async () => {
    write('closed/x');
    chmodSync(path.join(root, 'closed'), 0);
    await expect(listKeys({ prefix: '' })).rejects.toMatchObject({ code: 'SOURCE_ACCESS_DENIED' });
    chmodSync(path.join(root, 'closed'), 0o700);
  });
});

describe('listFolder', () => {
  it('tells folders and objects of one level apart', async () => {
    write('a/b/c', 'a/x.avro', 'a/y/z');
    const listing = await store.listFolder('a/');
    expect(listing.folders).toEqual(['a/b/', 'a/y/']);
    expect(listing.objects.map((object) => object.key)).toEqual(['a/x.avro']);
  });
});

describe('fetch', () => {
  it('returns the bytes with what the listing said', async () => {
    await store.put('a/x', Buffer.from('hello'));
    const [listed] = await listAll({ prefix: '' });
    expect(await store.fetch(listed ?? anObject('a/x'))).toEqual({
      ...listed,
      bytes: Buffer.from('hello'),
    });
  });

  it('returns a newer version under its own ETag', async () => {
    await store.put('x', Buffer.from('old'));
    const [listed] = await listAll({ prefix: '' });
    await store.put('x', Buffer.from('newer'));
    const fetched = await store.fetch(listed ?? anObject('x'));
    expect(fetched.bytes.toString()).toBe('newer');
    expect(fetched.sizeBytes).toBe(5);
    expect(fetched.etag).not.toBe(listed?.etag);
  });

  it('gives another ETag to other bytes of the same length', async () => {
    await store.put('x', Buffer.from('one'));
    const [before] = await listAll({ prefix: '' });
    await store.put('x', Buffer.from('two'));
    utimesSync(path.join(root, 'x'), 1_700_000_000, 1_700_000_000.001);
    const [after] = await listAll({ prefix: '' });
    expect(after?.etag).not.toBe(before?.etag);
  });

  it('says that an object is gone', async () => {
    await expect(store.fetch(anObject('gone'))).rejects.toMatchObject({
      code: 'OBJECT_MISSING',
      transient: false,
      context: { key: 'gone' },
    });
  });
});

describe('open', () => {
  const read = async (into: Buffer, reading: ObjectReading, pieceBytes: number) => {
    for (let at = 0; at < into.length; at += pieceBytes) {
      await reading.fill(into.subarray(at, at + pieceBytes));
    }
  };

  it('returns the bytes piece by piece, with what the listing said', async () => {
    await store.put('a/x', Buffer.from('hello world'));
    const [listed] = await listAll({ prefix: '' });
    const reading = await store.open(listed ?? anObject('a/x'));
    expect(reading).toMatchObject({ ...listed });
    const bytes = Buffer.alloc(reading.sizeBytes);
    await read(bytes, reading, 4);
    await reading.close();
    expect(bytes.toString()).toBe('hello world');
  });

  it.each([
    ['shorter', 'hello'],
    ['longer', 'hello world again'],
    ['another of the same size', 'HELLO WORLD'],
  ])('gives no last byte of a file that has become %s', async (_, later) => {
    await store.put('x', Buffer.from('hello world'));
    const reading = await store.open(anObject('x'));
    await reading.fill(Buffer.alloc(4));
    writeFileSync(path.join(root, 'x'), later);
    await expect(read(Buffer.alloc(7), reading, 4)).rejects.toMatchObject({
      code: 'OBJECT_INCOMPLETE',
      transient: true,
    });
    await reading.close();
  });

  it('says that an object is gone', async () => {
    await expect(store.open(anObject('gone'))).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  });
});

describe('put', () => {
  it('leaves nothing behind but the object', async () => {
    await store.put('a/b/x', Buffer.from('1'));
    await store.put('a/b/x', Buffer.from('2'));
    expect(readdirSync(path.join(root, 'a', 'b'))).toEqual(['x']);
  });

  it('leaves nothing behind when it fails', async () => {
    mkdirSync(path.join(root, 'taken', 'x'), { recursive: true });
    await expect(store.put('taken', Buffer.from('1'))).rejects.toMatchObject({
      code: 'SOURCE_UNAVAILABLE',
    });
    expect(readdirSync(root)).toEqual(['taken']);
  });

  it.each(['../escaped', 'a/../../escaped', './x', '..'])('refuses the key %s', async (key) => {
    await expect(store.put(key, Buffer.from('1'))).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('putFile', () => {
  it('makes one object of a file, and leaves nothing else behind', async () => {
    const file = aLocalFile('hello');
    expect(await store.putFile('a/b/x', file)).toBe(true);
    expect(readdirSync(path.join(root, 'a', 'b'))).toEqual(['x']);
    expect((await store.fetch(anObject('a/b/x'))).bytes.toString()).toBe('hello');
  });

  it('never replaces an object', async () => {
    await store.put('x', Buffer.from('first'));
    expect(await store.putFile('x', aLocalFile('second'))).toBe(false);
    expect((await store.fetch(anObject('x'))).bytes.toString()).toBe('first');
    expect(readdirSync(root)).toEqual(['x']);
  });

  it('says which file could not be written', async () => {
    await store.put('taken', Buffer.from('x'));
    await expect(store.putFile('taken/x', aLocalFile('y'))).rejects.toMatchObject({
      context: { key: 'taken/x' },
    });
  });
});

function write(...keys: string[]): void {
  for (const key of keys) {
    mkdirSync(path.dirname(path.join(root, key)), { recursive: true });
    writeFileSync(path.join(root, key), key);
  }
}

function anObject(key: string) {
  return { key, etag: '', sizeBytes: 0, lastModified: new Date(0) };
}

async function listAll(options: ListOptions) {
  const objects = [];
  for await (const page of store.list(options)) objects.push(...page);
  return objects;
}

async function listKeys(options: ListOptions): Promise<string[]> {
  return (await listAll(options)).map((object) => object.key);
}
