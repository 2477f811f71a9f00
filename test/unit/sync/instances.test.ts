/** What people write for their Braze instance, and where requests go. */
import { describe, expect, it } from 'vitest';
import { CurrentsError } from '../../../src/errors.ts';
import { INSTANCES, resolveInstance } from '../../../src/sync/instances.ts';

function refusal(given: string): CurrentsError {
  try {
    resolveInstance(given);
  } catch (error) {
    if (error instanceof CurrentsError) return error;
  }
  throw new Error(`${given} was not refused`);
}

describe('an instance', () => {
  it('is found by its code, whatever the case', () => {
    expect(resolveInstance('US-03')).toBe('https://rest.iad-03.braze.com');
    expect(resolveInstance(' eu-02 ')).toBe('https://rest.fra-02.braze.eu');
    expect(resolveInstance('us-10')).toBe('https://rest.us-10.braze.com');
  });

  it.each(Object.entries(INSTANCES))(
    '%s is found by its dashboard, its REST endpoint and without a scheme',
    (code, { dashboard, rest }) => {
      const expected = `https://${rest}`;
      expect(resolveInstance(code)).toBe(expected);
      expect(resolveInstance(`https://${dashboard}`)).toBe(expected);
      expect(resolveInstance(`https://${dashboard}/app_settings/keys?locale=en`)).toBe(expected);
      expect(resolveInstance(`https://${rest}/`)).toBe(expected);
      expect(resolveInstance(dashboard)).toBe(expected);
      expect(resolveInstance(rest)).toBe(expected);
    },
  );

  it('that Braze does not list is refused with what there is and the nearest', () => {
    const error = refusal('US-11');
    expect(error.code).toBe('SETTINGS_INVALID');
    expect(error.message).toContain('one of US-01 to US-08, US-10, EU-01, EU-02');
    expect(error.hint).toMatch(/instance: US-\d\d/);
    expect(refusal('US-09').message).toContain('no such instance');
  });

  it('given by its SDK endpoint is refused with the code to use', () => {
    expect(refusal('https://sdk.fra-01.braze.eu').hint).toBe('instance: EU-01');
    expect(refusal('https://sdk.iad-05.braze.com').message).toContain('does not answer REST calls');
  });

  it('that is newer than our list is reached by its REST endpoint', () => {
    expect(resolveInstance('https://rest.us-11.braze.com')).toBe('https://rest.us-11.braze.com');
    expect(refusal('https://dashboard.us-11.braze.com').message).toContain('no such dashboard');
  });

  it('is no address that only looks like Braze', () => {
    const lookalike = 'https://rest.iad-03.braze.com.example.net';
    expect(refusal(lookalike).message).toContain('only looks like Braze');
    expect(refusal('http://rest.iad-03.braze.com').message).toContain('by https');
    expect(refusal('ftp://rest.iad-03.braze.com').message).toContain('no such instance');
  });
});

describe('a server of one’s own', () => {
  it('may be spoken to in plain HTTP on this machine and beside it', () => {
    expect(resolveInstance('http://127.0.0.1:8080/')).toBe('http://127.0.0.1:8080');
    expect(resolveInstance('http://localhost:8080')).toBe('http://localhost:8080');
    expect(resolveInstance('http://[::1]:8080')).toBe('http://[::1]:8080');
    expect(resolveInstance('http://sandbox:8080')).toBe('http://sandbox:8080');
  });

  it('is refused in plain HTTP across a network', () => {
    expect(refusal('http://sandbox.example.net').message).toContain('plain HTTP');
    expect(resolveInstance('https://sandbox.example.net')).toBe('https://sandbox.example.net');
    expect(refusal('https://sandbox.example.net/braze').message).toContain('a path');
  });

  it('is refused with a password in its address, which is not repeated', () => {
    const error = refusal('https://someone:hunter2@127.0.0.1:8080');
    expect(`${error.message} ${error.hint}`).not.toContain('hunter2');
  });
});
