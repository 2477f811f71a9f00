/**
 * The door to Braze's REST API: one request out, one sorted answer back. The only file that speaks HTTP.
 *
 * It never repeats anything and never throws for what Braze or the network did: whether the request may
 * have arrived is part of the answer, and the caller decides. Connections stay open between requests. The key
 * leaves in a header, to this origin alone, since redirects are not followed; nothing that is thrown or
 * returned holds it. Not by Node's own fetch: with bodies of 60 KB its streams took a third of a sync's time.
 */
import { CurrentsError } from '../errors.ts';
import { parseRateNotice, type RateNotice } from './rate-limit.ts';
import { parseTrackAnswer, type TrackAnswer } from './track-answer.ts';

export interface BrazeAccess {
  /** Origin, as `resolveInstance` returns it. */
  readonly endpoint: string;
  readonly apiKey: string;
  /** From the first byte out to the last byte back. Default 60 seconds. */
  readonly timeoutMs?: number;
}

interface AnsweredRequest {
  readonly answer: TrackAnswer;
  readonly rate: RateNotice;
}

export interface BrazeClient {
  readonly endpoint: string;
  /** `POST /users/track` with this body, JSON in UTF-8. */
  track(body: Buffer): Promise<AnsweredRequest>;
}

/**
 * Opens nothing; the first request does.
 *
 * @throws CurrentsError SETTINGS_INVALID when the key cannot be one; an error of HTTP would show it.
 */
export function createBrazeClient({ endpoint, apiKey, timeoutMs }: BrazeAccess): BrazeClient {
  if (!/^[\x21-\x7e]+$/.test(apiKey.trim())) {
    throw new CurrentsError({
      code: 'SETTINGS_INVALID',
      message: `cannot use the API key of ${endpoint}: ${apiKey.trim() === '' ? 'it is empty' : 'it has spaces, line breaks or other characters in it'} (the key alone, as Braze shows it)`,
      hint: 'check the variable or the file that apiKey names',
      context: { endpoint },
    });
  }
  const headers = {
    authorization: `Bearer ${apiKey.trim()}`,
    'content-type': 'application/json',
    'user-agent': 'currents',
  };
  return {
    endpoint,
    track: async (body) => {
      // Only who sends needs it, and it takes 20 MB.
      const { request } = await import('undici');
      try {
        const response = await request(`${endpoint}/users/track`, {
          method: 'POST',
          headers,
          body,
          signal: AbortSignal.timeout(timeoutMs ?? DEFAULT_TIMEOUT_MS),
        });
        const text = await response.body.text();
        return {
          answer: parseTrackAnswer(endpoint, response.statusCode, text),
          rate: parseRateNotice(response.headers, Date.now()),
        };
      } catch (error) {
        return { answer: sortFailure(endpoint, error), rate: NO_NOTICE };
      }
    },
  };
}

const DEFAULT_TIMEOUT_MS = 60_000;

const NO_NOTICE: RateNotice = {
  remaining: undefined,
  resetInMs: undefined,
  retryInMs: undefined,
};

/** Failures before a connection was there. */
const CONNECT_CODES: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['UND_ERR_CONNECT_TIMEOUT', 'EADDRNOTAVAIL'],
]);

const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_|^EPROTO$/;

function sortFailure(endpoint: string, error: unknown): TrackAnswer {
  const { code, syscall } = partsOf(error);
  if (CERTIFICATE_CODE.test(code)) {
    return {
      kind: 'fatal',
      error: new CurrentsError({
        code: 'BRAZE_REFUSED',
        message: `cannot send to ${endpoint}: no secure connection: ${code} (a certificate that this machine trusts)`,
        hint: 'check instance; for a private authority: export NODE_EXTRA_CA_CERTS=/path/to/ca.pem',
        context: { endpoint },
      }),
    };
  }
  const reason = `the connection failed: ${code}`;
  const isBefore = CONNECT_CODES.has(code) || syscall === 'connect' || syscall === 'getaddrinfo';
  return { kind: isBefore ? 'not-sent' : 'lost', reason };
}

/** Where several addresses were tried, the first of the errors tells. */
function partsOf(error: unknown): { code: string; syscall: string | undefined } {
  const { name, code, syscall, errors } = error as Failure & { errors?: readonly Failure[] };
  const [first] = errors ?? [];
  // A timeout's own code is a number.
  const told = [code, first?.code, name].find((part) => typeof part === 'string');
  return { code: String(told ?? 'unknown'), syscall: syscall ?? first?.syscall };
}

interface Failure {
  readonly name?: string;
  readonly code?: string | number;
  readonly syscall?: string;
}
