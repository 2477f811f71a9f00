/** Where the key of the hashes comes from. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readPrivacyKey } from '../../src/privacy-key.ts';

function aKeyFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'currents-key-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return path.join(folder, 'deep', 'privacy.key');
}

const nobody = () => undefined;

it('a missing key is made once, for its owner only', () => {
  const keyFile = aKeyFile();
  const key = readPrivacyKey({ keyFile, givenKey: nobody }, true);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  expect(readPrivacyKey({ keyFile, givenKey: nobody }, true)).toBe(key);
});

it('a key from the environment beats the file, and makes none', () => {
  const keyFile = aKeyFile();
  expect(readPrivacyKey({ keyFile, givenKey: () => ' sixteen letters! \n' }, true)).toBe(
    'sixteen letters!',
  );
  expect(() => readFileSync(keyFile)).toThrow('ENOENT');
});

it('no key is made for a database that has one', () => {
  const keyFile = aKeyFile();
  expect(() => readPrivacyKey({ keyFile, givenKey: nobody }, false)).toThrow(
    'cannot read the privacy key: there is no file',
  );
});

it('a key that could be guessed is refused without being repeated', () => {
  const keyFile = `${aKeyFile()}.flat`;
  const source = { keyFile, givenKey: () => 'hunter2' };
  expect(() => readPrivacyKey(source, true)).toThrow('it has 7 characters (expected at least 16)');
  expect(() => readPrivacyKey(source, true)).not.toThrow('hunter2');
  const flat = path.join(tmpdir(), `currents-short-${process.pid}.key`);
  onTestFinished(() => rmSync(flat));
  writeFileSync(flat, '\n');
  expect(() => readPrivacyKey({ keyFile: flat, givenKey: nobody }, true)).toThrow('0 characters');
});
