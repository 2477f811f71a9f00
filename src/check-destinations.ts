/**
 * What `doctor` says of the setting `destinations`: whether the key of a REST destination is one that Braze
 * takes for /users/track, and whether a stage can be listed. Writes nothing to either.
 */

import { existsSync } from 'node:fs';
import { type Check, failedCheck } from './check.ts';
import { type Config, readSecret } from './config.ts';
import type {
  DestinationConfig,
  FilesDestinationConfig,
  RestDestinationConfig,
} from './destination-settings.ts';
import { createBrazeClient } from './sync/braze-client.ts';
import { resolveInstance } from './sync/instances.ts';
import { openStage } from './sync/open-stage.ts';

/** One for each destination, in the order of the settings. */
export async function checkDestinations(
  { destinations }: Config,
  signal?: AbortSignal,
): Promise<readonly Check[]> {
  return Promise.all(
    Object.entries(destinations).map(async ([name, destination]) => {
      const title = `destination ${name}`;
      try {
        return await checkDestination(title, destination, signal);
      } catch (error) {
        return failedCheck(title, error);
      }
    }),
  );
}

async function checkDestination(
  title: string,
  destination: DestinationConfig,
  signal: AbortSignal | undefined,
): Promise<Check> {
  return destination.kind === 'rest'
    ? checkKey(title, destination)
    : checkStage(title, destination, signal);
}

/**
 * Sends a request without any object. Braze looks at the key first (401, 403), and then answers 400, since there is
 * nothing to do; Braze, "API errors", 2026-09.
 */
async function checkKey(title: string, destination: RestDestinationConfig): Promise<Check> {
  const endpoint = resolveInstance(destination.instance);
  const client = createBrazeClient({
    endpoint,
    apiKey: readSecret(destination.apiKey, `API key of ${title}`),
    timeoutMs: TIMEOUT_MS,
  });
  const { answer } = await client.track(Buffer.from('{"attributes":[]}'));
  switch (answer.kind) {
    case 'accepted':
    case 'refused':
    case 'too-large':
      return { name: title, status: 'ok', found: `${endpoint} takes the key` };
    case 'fatal':
      return failedCheck(title, answer.error);
    case 'limited':
      return {
        name: title,
        status: 'warn',
        found: `${endpoint}: too many requests just now`,
        advice: 'try again in a minute: somebody uses the rate limit of this workspace up',
      };
    case 'not-sent':
    case 'lost':
      return {
        name: title,
        status: 'fail',
        found: `${endpoint}: ${answer.reason}`,
        advice: 'check instance, the network and its proxies',
      };
    default:
      return answer satisfies never;
  }
}

const TIMEOUT_MS = 10_000;

async function checkStage(
  title: string,
  destination: FilesDestinationConfig,
  signal: AbortSignal | undefined,
): Promise<Check> {
  const { url } = destination;
  if (!url.startsWith('s3://') && !existsSync(url.startsWith('file:') ? new URL(url) : url))
    return { name: title, status: 'ok', found: `${url} will be made` };
  const store = openStage(destination);
  try {
    const pages = store.list({ prefix: store.prefix, ...(signal && { signal }) });
    await pages[Symbol.asyncIterator]().next();
    return { name: title, status: 'ok', found: `${url} can be listed; writing was not tried` };
  } finally {
    store.close();
  }
}
