/**
 * Where a Braze workspace answers: what people know (the instance's code, the address of their dashboard
 * or of the REST endpoint) → the origin that requests go to.
 *
 * Pure. The API key travels to whatever comes out of here, so nothing is guessed: a code that Braze does
 * not list is refused, and plain HTTP is for this machine and for names without a dot (a container beside
 * ours) alone. SDK endpoints look alike and do not answer REST calls: they are refused by name.
 */
import { CurrentsError } from '../errors.ts';
import { findNearestName } from '../nearest-name.ts';

interface Instance {
  readonly dashboard: string;
  readonly rest: string;
}

/** Braze, "API overview", table of endpoints, 2026-09. There is no US-09. */
export const INSTANCES: Readonly<Record<string, Instance>> = {
  ...Object.fromEntries(
    ['01', '02', '03', '04', '05', '06', '07', '08'].map((number) => [
      `US-${number}`,
      { dashboard: `dashboard-${number}.braze.com`, rest: `rest.iad-${number}.braze.com` },
    ]),
  ),
  'US-10': { dashboard: 'dashboard.us-10.braze.com', rest: 'rest.us-10.braze.com' },
  'EU-01': { dashboard: 'dashboard-01.braze.eu', rest: 'rest.fra-01.braze.eu' },
  'EU-02': { dashboard: 'dashboard-02.braze.eu', rest: 'rest.fra-02.braze.eu' },
  'AU-01': { dashboard: 'dashboard.au-01.braze.com', rest: 'rest.au-01.braze.com' },
  'ID-01': { dashboard: 'dashboard.id-01.braze.com', rest: 'rest.id-01.braze.com' },
  'JP-01': { dashboard: 'dashboard.jp-01.braze.com', rest: 'rest.jp-01.braze.com' },
  'KR-01': { dashboard: 'dashboard.kr-01.braze.com', rest: 'rest.kr-01.braze.com' },
};

/** What an error tells, and the documentation. */
export const INSTANCE_EXPECTED =
  'one of US-01 to US-08, US-10, EU-01, EU-02, AU-01, ID-01, JP-01, KR-01, or the address of the dashboard or of the REST endpoint';

/**
 * `US-03`, `https://dashboard-03.braze.com/…` or `https://rest.iad-03.braze.com` → the last of them, without
 * a slash at its end: Braze answers a path that ends with one with a misleading 403.
 *
 * Addresses outside Braze are taken as they are, for a sandbox or a proxy of one's own.
 *
 * @throws CurrentsError SETTINGS_INVALID
 */
export function resolveInstance(given: string): string {
  const text = given.trim();
  const byCode = INSTANCES[text.toUpperCase()];
  if (byCode !== undefined) return `https://${byCode.rest}`;
  const isBareHost = /^[\w-]+(\.[\w-]+)*\.braze\.(com|eu)(\/.*)?$/i.test(text);
  const url = parseUrl(isBareHost ? `https://${text}` : text);
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    const nearest = findNearestName(text, Object.keys(INSTANCES));
    throw instanceError(text, 'no such instance', nearest && `instance: ${nearest}`);
  }
  return resolveUrl(url, text);
}

/** Whether `resolveInstance` would know it. */
export function isInstance(given: string): boolean {
  try {
    resolveInstance(given);
    return true;
  } catch {
    return false;
  }
}

function resolveUrl(url: URL, text: string): string {
  if (url.username !== '' || url.password !== '')
    // Not shown: what stands there may be the key.
    throw instanceError('an address', 'it has credentials in it');
  const host = url.hostname;
  if (!/(^|\.)braze\.(com|eu)$/.test(host)) {
    const isNear = !host.includes('.') || /^127\./.test(host);
    if (url.protocol === 'http:' && !isNear && host !== '[::1]')
      throw instanceError(text, 'plain HTTP would show the API key to the network');
    if (/braze\.(com|eu)/.test(host)) throw instanceError(text, 'it only looks like Braze');
    if (url.pathname !== '/') throw instanceError(text, 'a path that would be left out');
    return url.origin;
  }
  if (url.protocol !== 'https:' || url.port !== '')
    throw instanceError(text, 'Braze is reached by https at its usual port');
  const known = Object.values(INSTANCES).find(({ dashboard }) => dashboard === host);
  if (known !== undefined) return `https://${known.rest}`;
  // A REST endpoint that is newer than this list has the same form.
  if (host.startsWith('rest.')) return url.origin;
  const sibling = Object.entries(INSTANCES).find(
    ([, { rest }]) => rest === host.replace('sdk.', 'rest.'),
  );
  throw instanceError(
    text,
    host.startsWith('sdk.') ? 'an SDK endpoint does not answer REST calls' : 'no such dashboard',
    sibling && `instance: ${sibling[0]}`,
  );
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function instanceError(given: string, found: string, hint?: string): CurrentsError {
  return new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot reach Braze at ${JSON.stringify(given)}: ${found} (${INSTANCE_EXPECTED})`,
    hint:
      hint ??
      'the address bar of your dashboard shows it: instance: https://dashboard-03.braze.com',
  });
}
