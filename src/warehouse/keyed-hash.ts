/**
 * HMAC-SHA-256 (RFC 2104) as an SQL expression: the same value gives the same 64 hex digits in every table,
 * and without the key nobody finds the value by trying all the addresses there are.
 *
 * The key never stands in SQL: what is made of it is bound as $1 and $2. `openssl dgst -sha256 -hmac KEY`
 * gives the same hash for the same bytes; nothing is trimmed or lower-cased before.
 */
import { createHash, createHmac } from 'node:crypto';

/** SHA-256 works on blocks of 64 bytes. */
const BLOCK_BYTES = 64;

/** The values of $1 and $2 in a statement that has `keyedHashOf(…)` in it. */
export function hashPads(key: string): readonly [inner: string, outer: string] {
  const bytes = Buffer.from(key);
  const short = bytes.length > BLOCK_BYTES ? createHash('sha256').update(bytes).digest() : bytes;
  const block = Buffer.concat([short, Buffer.alloc(BLOCK_BYTES - short.length)]);
  function pad(mask: number): string {
    return Buffer.from(block.map((byte) => byte ^ mask)).toString('hex');
  }
  return [pad(0x36), pad(0x5c)];
}

/** SQL: the keyed hash of a text, null of null. */
export function keyedHashOf(text: string): string {
  return `sha256(unhex($2) || unhex(sha256(unhex($1) || encode(${text}))))`;
}

/** The same outside of SQL. */
export function computeKeyedHash(key: string, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}
