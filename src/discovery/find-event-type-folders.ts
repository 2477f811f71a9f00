/**
 * Where the event types of a bucket are: from the store's prefix down to the `event_type=<type>/`
 * folders, level by level with one request a folder, never into one. Objects lying directly in a folder
 * on the way are handed back too.
 *
 * Folders already known to hold event types are always visited, at any depth, so that a new event type
 * of a known integration is seen at once. Everything else in the bucket may belong to others and be
 * vast: a bounded search goes a few levels down and stops after some requests, folders that look like
 * Braze's first. What that leaves out is found by the next full listing.
 */

import pMap from 'p-map';
import { eventTypeFolderOf } from './object-key.ts';
import type { ListedObject, ObjectStore } from './object-store.ts';

export interface FolderSearch {
  /** `event_type=<type>/` folders known from earlier runs; they are part of the result. */
  readonly known: Iterable<string>;
  /** Levels below the store's prefix, and requests for folders not known; Infinity for all. */
  readonly maxDepth: number;
  readonly maxFolders: number;
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
}

export interface FoundFolders {
  /** Full key prefixes, each ending with `event_type=<type>/`, each once. */
  readonly eventTypeFolders: readonly string[];
  readonly objects: readonly ListedObject[];
}

export async function findEventTypeFolders(
  store: ObjectStore,
  search: FolderSearch,
): Promise<FoundFolders> {
  const known = [...search.known].filter((folder) => folder.startsWith(store.prefix));
  // A prefix inside an event type's folder leaves nothing to search.
  const around = eventTypeFolderOf(store.prefix);
  if (around !== undefined) return { eventTypeFolders: [around], objects: [] };

  const eventTypeFolders = new Set(known);
  const objects: ListedObject[] = [];
  const visited = new Set<string>();
  let level = [...new Set([store.prefix, ...known.map(parentOf)])];
  let foldersLeft = search.maxFolders;

  for (let depth = 0; level.length > 0; depth++) {
    for (const folder of level) visited.add(folder);
    const listings = await pMap(level, (folder) => store.listFolder(folder, search.signal), {
      concurrency: search.concurrency,
    });
    for (const listing of listings) for (const object of listing.objects) objects.push(object);

    const below = listings.flatMap((listing) => listing.folders);
    for (const folder of below) if (isEventTypeFolder(folder)) eventTypeFolders.add(folder);
    if (depth === search.maxDepth) break;
    level = below
      .filter((folder) => !isEventTypeFolder(folder) && !visited.has(folder))
      .sort((a, b) => Number(isExportFolder(b)) - Number(isExportFolder(a)))
      .slice(0, foldersLeft);
    foldersLeft -= level.length;
  }
  return { eventTypeFolders: [...eventTypeFolders], objects };
}

function isEventTypeFolder(folder: string): boolean {
  return eventTypeFolderOf(folder) === folder;
}

/** Braze names an integration's folder `dataexport.<cluster>.S3.integration.<id>/`. */
function isExportFolder(folder: string): boolean {
  return folder.slice(parentOf(folder).length).startsWith('dataexport.');
}

function parentOf(folder: string): string {
  return folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1);
}
