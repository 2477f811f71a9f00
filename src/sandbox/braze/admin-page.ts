/** `/sandbox` in a browser: counts, silent losses with their rules, attributes, the latest files, a few profiles. */

import { html } from 'hono/html';
import { formatProfile } from './format-profile.ts';
import { RULES, type RuleId } from './rules.ts';
import type { Workspace } from './workspace.ts';

const SHOWN_PROFILES = 20;
const SHOWN_FILES = 20;

type Html = ReturnType<typeof html>;
type Cell = string | number;

export function renderAdminPage(workspace: Workspace): Html {
  const counts = workspace.tally.snapshot();
  const { objects, silent } = counts;
  const profiles = [];
  for (const profile of workspace.profiles) {
    if (profiles.length === SHOWN_PROFILES) break;
    profiles.push(formatProfile(profile));
  }
  return html`<!doctype html>
<meta charset="utf-8">
<title>Sandbox Braze</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; }
  table { border-collapse: collapse; margin-bottom: 1em; }
  td, th { border-bottom: 1px solid #ccc; padding: .2em 1em .2em 0; text-align: left; vertical-align: top; }
  pre { background: #f5f5f5; padding: .5em; overflow: auto; }
</style>
<h1>Sandbox Braze</h1>
${table(
  ['', ''],
  [
    ['Profiles', workspace.profiles.size],
    ['Requests', counts.requests],
    ['Bytes', counts.requestBytes],
    ['Attributes objects', objects.attributes],
    ['Events, purchases', `${objects.events}, ${objects.purchases}`],
    ['Objects refused', objects.refused],
    ['Data points', counts.dataPoints],
    ['Operators that came twice', counts.repeatedOperators],
    ['Waiting to be applied', workspace.queue.length],
  ],
)}
<h2>Answers</h2>
${table(['Path and status', 'Requests'], Object.entries(counts.answers))}
<h2>Lost or changed in silence</h2>
${table(
  ['Rule', 'Times', 'Says', 'Source'],
  Object.entries(silent).map(([rule, times]) => {
    const { says, source } = RULES[rule as RuleId];
    return [rule, times, says, source];
  }),
)}
<h2>Attributes</h2>
${table(
  ['Name', 'Written', 'Unchanged', 'Unset', 'Left out'],
  Object.entries(workspace.fields.counts()).map(([name, field]) => [
    name,
    field.written,
    field.unchanged,
    field.unset,
    field.ignored,
  ]),
)}
<h2>Staged files</h2>
${table(
  ['File', 'Status', 'Rows', 'Failed', 'Reason'],
  workspace.ingestions
    .slice(-SHOWN_FILES)
    .reverse()
    .map(({ file, status, rows, failedRows, reason, failures }) => [
      file,
      status,
      rows,
      failedRows,
      reason ?? failures[0]?.reason ?? '',
    ]),
)}
<h2>The first ${SHOWN_PROFILES} profiles</h2>
<p>All of them: <a href="/sandbox/profiles">/sandbox/profiles</a></p>
${profiles.map((profile) => html`<pre>${JSON.stringify(profile, null, 2)}</pre>`)}`;
}

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): Html {
  if (rows.length === 0) return html`<p>None.</p>`;
  return html`<table>
<tr>${head.map((name) => html`<th>${name}</th>`)}</tr>
${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}
</table>`;
}
