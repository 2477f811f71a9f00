/**
 * A server on loopback in Braze's place that answers each `/users/track` as a test says, and remembers
 * what came and what of it was applied. It judges nothing: what Braze would refuse is the sandbox's
 * business; here the question is what our side makes of an answer.
 */
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { text } from 'node:stream/consumers';

export type SentObject = Readonly<Record<string, unknown>>;

export interface SentRequest {
  readonly number: number;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly objects: readonly SentObject[];
  readonly bodyBytes: number;
  readonly atMs: number;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Which objects count as applied; those without an error of a 2xx when nothing is said. */
  readonly applied?: readonly SentObject[];
  /** The connection ends instead of an answer. */
  readonly isCut?: boolean;
}

export interface ScriptedBraze {
  readonly endpoint: string;
  readonly requests: readonly SentRequest[];
  readonly applied: readonly SentObject[];
  readonly connectionCount: number;
  stop(): Promise<void>;
}

/** What Braze says when all is well. */
export function success(objects: readonly SentObject[], errors: readonly unknown[] = []): Reply {
  const body = { message: 'success', attributes_processed: objects.length - errors.length };
  return { status: 201, body: errors.length === 0 ? body : { ...body, errors } };
}

export async function startScriptedBraze(
  answer: (request: SentRequest) => Reply | Promise<Reply>,
): Promise<ScriptedBraze> {
  const requests: SentRequest[] = [];
  const applied: SentObject[] = [];
  let connectionCount = 0;
  const server = createServer((incoming, outgoing) => {
    // A client that left gets no answer.
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await text(incoming);
    const { attributes } = JSON.parse(body) as { attributes: SentObject[] };
    const request: SentRequest = {
      number: requests.length,
      url: incoming.url ?? '',
      headers: incoming.headers,
      objects: attributes,
      bodyBytes: Buffer.byteLength(body),
      atMs: performance.now(),
    };
    requests.push(request);
    const reply = await answer(request);
    applied.push(...(reply.applied ?? appliedBy(reply, attributes)));
    if (reply.isCut) {
      incoming.socket.resetAndDestroy();
      return;
    }
    const sent = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {});
    outgoing.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    outgoing.end(sent);
  }
  server.on('connection', () => {
    connectionCount += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    requests,
    applied,
    get connectionCount() {
      return connectionCount;
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function appliedBy({ status, body }: Reply, objects: readonly SentObject[]): readonly SentObject[] {
  if (status >= 300) return [];
  const { errors = [] } = (body ?? {}) as { errors?: readonly { index?: number }[] };
  const refused = new Set(errors.map(({ index }) => index));
  return objects.filter((_, index) => !refused.has(index));
}
