/**
 * currents.yaml as text → the value of each setting in it with its place (line and column), and everything
 * that is wrong with the file itself: YAML errors, keys that do not exist, secrets.
 *
 * Pure: nobody's files are opened here. Values are not checked, config.ts does that for all sources alike.
 * Collects every problem instead of stopping at the first, but only the first few YAML errors: a file
 * that is something else altogether would have thousands, each quoting from it. A key whose name says that it holds a secret is
 * refused and its value never repeated.
 */
import {
  isCollection,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { findNearestName } from './nearest-name.ts';
import { findSetting, NAMED_SECTIONS, SETTINGS } from './settings.ts';

/** What one source says about one setting, and where it says it: `currents.yaml:3:13`. */
export interface FoundValue {
  readonly value: unknown;
  readonly where: string;
  /** Of a section of named entries: the place of what lies at a path in it, or nearest to it. */
  readonly placeOf?: (path: readonly PropertyKey[]) => string;
}

export interface SettingsFile {
  readonly values: ReadonlyMap<string, FoundValue>;
  /** One sentence each, beginning with the place. */
  readonly problems: readonly string[];
}

const SECRET_KEY =
  /^(access_?key(_?id)?|secret(_?access_?key)?|session_?token|api_?key|password|token)$/i;

const MAX_YAML_ERRORS = 3;
const MAX_QUOTED_LENGTH = 80;

/** What is quoted from a file, cut to 80 characters. */
export function shorten(text: string): string {
  return text.length > MAX_QUOTED_LENGTH ? `${text.slice(0, MAX_QUOTED_LENGTH - 1)}…` : text;
}

/** `fileName` is only for the places in `where` and in problems. */
export function parseSettingsFile(yaml: string, fileName: string): SettingsFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(yaml, { lineCounter, prettyErrors: false });
  const values = new Map<string, FoundValue>();
  const problems: string[] = [];

  function placeOf(offset: number): string {
    const { line, col } = lineCounter.linePos(offset);
    return `${fileName}:${line}:${col}`;
  }

  function readSection(map: YAMLMap.Parsed, section: string): void {
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? shorten(String(key.value)) : '';
      const path = section === '' ? name : `${section}.${name}`;
      const keyPlace = placeOf(key.range[0]);
      if (findSetting(path) !== undefined) {
        readValue(value, path);
      } else if (NAMED_SECTIONS.some((named) => named.name === path)) {
        readEntries(value, path);
      } else if (SETTINGS.some((setting) => setting.path.startsWith(`${path}.`))) {
        readSubsection(value, path, keyPlace);
      } else if (SECRET_KEY.test(name)) {
        problems.push(
          `${keyPlace} ${path}: secrets do not belong in this file (expected in the environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in an AWS profile or role)`,
        );
      } else {
        problems.push(`${keyPlace} ${path}: there is no such setting${suggestPath(path)}`);
      }
    }
  }

  function readValue(
    node: ParsedNode | null,
    path: string,
    placeInside?: FoundValue['placeOf'],
  ): void {
    const value: unknown = node?.toJS(document) ?? undefined;
    // A key left empty, as in the sample file, says nothing.
    if (node !== null && value !== undefined)
      values.set(path, {
        value,
        where: placeOf(node.range[0]),
        ...(placeInside === undefined ? {} : { placeOf: placeInside }),
      });
  }

  function readEntries(node: ParsedNode | null, path: string): void {
    const secrets = isMap(node) ? findSecrets(node as YAMLMap.Parsed, path) : [];
    problems.push(...secrets);
    // What may be a secret must not come into a sentence about something else that is wrong.
    if (secrets.length > 0) return;
    readValue(node, path, (inside) => placeOf(findNearest(node, inside)));
  }

  /** Keys in the entries, however deep, that hold a secret instead of saying where it is. */
  function findSecrets(map: YAMLMap.Parsed, path: string): string[] {
    return map.items.flatMap(({ key, value }) => {
      const name = isScalar(key) ? shorten(String(key.value)) : '';
      if (isMap(value)) return findSecrets(value as YAMLMap.Parsed, `${path}.${name}`);
      if (!SECRET_KEY.test(name)) return [];
      return [
        `${placeOf(key.range[0])} ${path}.${name}: secrets do not belong in this file (expected the name of an environment variable, { env: NAME })`,
      ];
    });
  }

  function readSubsection(node: ParsedNode | null, path: string, keyPlace: string): void {
    if (isMap(node)) readSection(node as YAMLMap.Parsed, path);
    else if (node !== null && !(isScalar(node) && node.value === null))
      problems.push(`${keyPlace} ${path}: found a single value (expected ${listNames(path)})`);
  }

  for (const error of document.errors.slice(0, MAX_YAML_ERRORS)) {
    const [firstLine = ''] = error.message.split('\n');
    problems.push(`${placeOf(error.pos[0])} not valid YAML: ${shorten(firstLine)}`);
  }
  if (problems.length === 0 && document.contents !== null) {
    if (isMap(document.contents)) readSection(document.contents as YAMLMap.Parsed, '');
    else problems.push(`${placeOf(0)} found no settings (expected "name: value" lines)`);
  }
  return { values, problems };
}

/** Where the node at this path begins; of a path that leads nowhere, the last node on it. */
function findNearest(node: ParsedNode | null, path: readonly PropertyKey[]): number {
  let nearest = node;
  for (const name of path) {
    const next: unknown = isCollection(nearest) ? nearest.get(name, true) : undefined;
    if (!isNode(next)) break;
    nearest = next as ParsedNode;
  }
  return nearest?.range[0] ?? 0;
}

/** Names directly under a section, `url, region, …`. */
function listNames(section: string): string {
  const names = SETTINGS.filter((setting) => setting.path.startsWith(`${section}.`));
  return names.map((setting) => setting.path.slice(section.length + 1)).join(', ');
}

function suggestPath(path: string): string {
  const paths = [
    ...SETTINGS.map((setting) => setting.path),
    ...NAMED_SECTIONS.map(({ name }) => name),
  ];
  const sameName = paths.find((known) => known.split('.').at(-1) === path.split('.').at(-1));
  const nearest = findNearestName(path, paths) ?? sameName;
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}
