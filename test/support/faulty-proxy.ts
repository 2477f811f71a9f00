/**
 * An HTTP proxy that stands before an S3 server and breaks a share of the answers, as networks and
 * stores do: the same seed and the same order of requests break the same ones.
 *
 * Each request meets at most one fault. Bytes are flipped only in the bodies of objects: nothing could
 * notice a wrong letter within a listing, while TCP and TLS keep both from happening.
 */

import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  request as sendRequest,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from './seeded-random.ts';

/** What happens to an answer. */
export const FAULTS = {
  serverError: '500 InternalError instead of the answer',
  slowDown: '503 SlowDown instead of the answer',
  tooManyRequests: '429 instead of the answer',
  reset: 'the connection is reset before the answer',
  truncated: 'the connection ends within the body',
  stalled: 'the body stops half-way and the connection stays',
  slow: 'the body comes in pieces with waits between them, complete and right',
  tooShort: 'Content-Length and body agree on fewer bytes than the object has',
  tooLong: 'Content-Length announces more bytes than come',
  flipped: 'one bit of the body of an object is another',
} as const;

export type Fault = keyof typeof FAULTS;

export interface FaultyProxyOptions {
  readonly upstream: string;
  readonly seed: number;
  /** Share of the requests that meet each fault, from 0 to 1; together at most 1. */
  readonly rates: Partial<Readonly<Record<Fault, number>>>;
  /**
   * Looks at each request before chance does. What it returns is answered instead; it may also do
   * something first and let the request go on, or not return as long as the client is to wait.
   */
  readonly intercept?: (request: ProxiedRequest) => Promise<Refusal | undefined>;
  /** Added to every answer that comes through: what the server behind does not say. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
}

interface ProxiedRequest {
  readonly isListing: boolean;
  /** Below the bucket; empty for listings. */
  readonly key: string;
}

/** An error of S3, such as 403 and AccessDenied. */
interface Refusal {
  readonly status: number;
  readonly code: string;
}

export interface FaultyProxy {
  readonly endpoint: string;
  readonly requestCount: number;
  /** How often each fault was inflicted. */
  readonly faultCounts: Readonly<Record<Fault, number>>;
  stop(): Promise<void>;
}

export async function startFaultyProxy(options: FaultyProxyOptions): Promise<FaultyProxy> {
  const random = createRandom(options.seed);
  const faultCounts = Object.fromEntries(Object.keys(FAULTS).map((fault) => [fault, 0])) as Record<
    Fault,
    number
  >;
  let requestCount = 0;
  let stopping: Promise<void> | undefined;

  const server = createServer((request, response) => {
    requestCount++;
    const chance = random();
    const position = random();
    const fault = drawFault(options.rates, chance);
    Promise.resolve(options.intercept?.(describeRequest(request)))
      .then((refusal) => {
        if (refusal === undefined) return answer(request, response, options, fault, position);
        sendError(response, refusal.status, refusal.code);
        return undefined;
      })
      .then((inflicted) => {
        if (inflicted !== undefined) faultCounts[inflicted]++;
      })
      // The client left, or the server behind is gone: either way this connection is over.
      .catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    get requestCount() {
      return requestCount;
    },
    faultCounts,
    // A test may stop it in the middle of something and once more at the end.
    stop: () => (stopping ??= close(server)),
  };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** As the client means it; path style. */
function describeRequest({ url = '' }: IncomingMessage): ProxiedRequest {
  const { pathname, searchParams } = new URL(url, 'http://proxy');
  const isListing = searchParams.has('list-type');
  const key = isListing ? '' : decodeURIComponent(pathname.replace(/^\/[^/]+\/?/, ''));
  return { isListing, key };
}

/** Answers one request and returns the fault that it met, if there was one. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { upstream, answerHeaders }: FaultyProxyOptions,
  fault: Fault | undefined,
  position: number,
): Promise<Fault | undefined> {
  const sent = await buffer(request);
  switch (fault) {
    case 'serverError':
      sendError(response, 500, 'InternalError');
      return fault;
    case 'slowDown':
      sendError(response, 503, 'SlowDown');
      return fault;
    case 'tooManyRequests':
      sendError(response, 429, 'TooManyRequests');
      return fault;
    case 'reset':
      request.socket.resetAndDestroy();
      return fault;
    default:
      break;
  }

  const forwarded = sendRequest(upstream + request.url, {
    method: request.method,
    headers: request.headers,
    agent: false,
  });
  forwarded.end(sent);
  const [received] = (await once(forwarded, 'response')) as [IncomingMessage];
  const body = await buffer(received);
  const status = received.statusCode ?? 502;
  const headers = { ...received.headers, ...answerHeaders };
  delete headers['transfer-encoding'];
  delete headers.connection;
  const head = (sizeBytes: number): ServerResponse =>
    response.writeHead(status, { ...headers, 'content-length': String(sizeBytes) });

  // A cut needs a body to cut; within it, any place but its ends.
  const isObject = request.method === 'GET' && !describeRequest(request).isListing;
  const canBreak = request.method === 'GET' && status === 200 && body.length > 1;
  const cut = 1 + Math.floor(position * (body.length - 1));
  switch (canBreak ? fault : undefined) {
    case 'truncated':
      head(body.length).write(body.subarray(0, cut), () => response.destroy());
      return fault;
    case 'stalled':
      head(body.length).write(body.subarray(0, cut));
      return fault;
    case 'slow':
      head(body.length);
      for (const part of [body.subarray(0, cut), body.subarray(cut)]) {
        await sleep(20);
        response.write(part);
      }
      response.end();
      return fault;
    case 'tooShort':
      head(cut).end(body.subarray(0, cut));
      return fault;
    case 'tooLong':
      head(body.length + 1 + cut).write(body, () => response.destroy());
      return fault;
    case 'flipped': {
      if (!isObject) break;
      const flipped = Buffer.from(body);
      const index = cut - 1;
      flipped.writeUInt8(flipped.readUInt8(index) ^ 1, index);
      head(body.length).end(flipped);
      return fault;
    }
    default:
      break;
  }
  if (headers['content-length'] === undefined && body.length === 0) {
    response.writeHead(status, headers).end();
  } else {
    // A HEAD answer announces a length and has no body.
    head(Number(headers['content-length'] ?? body.length)).end(body);
  }
  return undefined;
}

function sendError(response: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>made up</Message></Error>`;
  response
    .writeHead(status, { 'content-type': 'application/xml', 'content-length': String(body.length) })
    .end(body);
}

function drawFault(rates: FaultyProxyOptions['rates'], chance: number): Fault | undefined {
  let threshold = 0;
  for (const [fault, rate] of Object.entries(rates) as [Fault, number][]) {
    threshold += rate;
    if (chance < threshold) return fault;
  }
  return undefined;
}
