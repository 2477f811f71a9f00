/** A sandbox Braze with the smallest of clients, closed after each test. */
import { afterEach, expect } from 'vitest';
import {
  type BrazeSandbox,
  type BrazeSandboxOptions,
  type SandboxProfile,
  startBrazeSandbox,
} from '../../src/index.ts';

export interface BrazeAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

export interface BrazeClient {
  readonly sandbox: BrazeSandbox;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<BrazeAnswer>;
  /** Sends attributes objects and expects that none is refused. */
  set(...attributes: object[]): Promise<void>;
  /** Sends one attributes object and expects that it is refused; gives the `type` of the error. */
  refusal(object: object): Promise<string>;
  /** Custom attributes of the person with the external id `a`. */
  custom(): SandboxProfile['custom_attributes'];
  person(externalId?: string): SandboxProfile | undefined;
  /** How often a rule lost something in silence. */
  silent(rule: string): number;
}

const open: BrazeSandbox[] = [];

afterEach(async () => {
  for (const sandbox of open.splice(0)) await sandbox.close();
});

export async function openBraze(options: BrazeSandboxOptions = {}): Promise<BrazeClient> {
  const sandbox = await startBrazeSandbox(options);
  open.push(sandbox);
  const post: BrazeClient['post'] = async (path, body, headers = {}) => {
    const answer = await fetch(`${sandbox.url}${path}`, {
      method: 'POST',
      headers: {
        authorization: 'Bearer test-key',
        'content-type': 'application/json',
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') === true;
    return {
      status: answer.status,
      headers: answer.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  };
  const person = (externalId = 'a') => sandbox.find({ kind: 'external_id', value: externalId });
  return {
    sandbox,
    post,
    set: async (...attributes) => {
      const { status, body } = await post('/users/track', { attributes });
      expect({ status, body }).toEqual({
        status: 201,
        body: { message: 'success', attributes_processed: attributes.length },
      });
    },
    refusal: async (object) => {
      const { body } = await post('/users/track', {
        attributes: [{ external_id: 'sound' }, object],
      });
      expect(body).toEqual({
        message: 'success',
        attributes_processed: 1,
        errors: [{ type: expect.any(String), input_array: 'attributes', index: 1 }],
      });
      return body.errors[0].type;
    },
    custom: () => person()?.custom_attributes,
    person,
    silent: (rule) => sandbox.counts().silent[rule] ?? 0,
  };
}
