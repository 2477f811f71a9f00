import type { FilesDestinationConfig } from '../destination-settings.ts';
import type { ObjectStore } from '../discovery/object-store.ts';
import { openStore } from '../discovery/open-store.ts';

/** The bucket or folder of a destination of files; whoever opens it closes it. */
export function openStage({
  url,
  region,
  endpoint,
  pathStyle,
}: Pick<FilesDestinationConfig, 'url' | 'region' | 'endpoint' | 'pathStyle'>): ObjectStore {
  return openStore(url, {
    pathStyle,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
}
