/** The settings of a destination → the way to it, with its key. Opens no connection yet. */
import { readSecret } from '../config.ts';
import type { DestinationConfig } from '../destination-settings.ts';
import type { Destination } from './destination.ts';
import { resolveInstance } from './instances.ts';
import { openRestDestination } from './rest-destination.ts';
import { openFilesDestination } from './stage-files.ts';

/**
 * @param name for messages: `API key of destination braze`
 * @throws CurrentsError SETTINGS_INVALID without a key, or for an address that is not Braze's
 */
export function openDestination(config: DestinationConfig, name: string): Destination {
  if (config.kind === 'files') {
    const { url, format, fileBytes, settleMs, region, endpoint, pathStyle } = config;
    return openFilesDestination({
      url,
      format,
      fileBytes,
      pathStyle,
      ...(settleMs === undefined ? {} : { settleMs }),
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
    });
  }
  const { instance, apiKey, objectsPerRequest, requestsPerSecond, concurrency } = config;
  return openRestDestination({
    endpoint: resolveInstance(instance),
    apiKey: readSecret(apiKey, `API key of destination ${name}`),
    objectsPerRequest,
    requestsPerSecond,
    concurrency,
  });
}
