/**
 * The table of settings → the commented currents.yaml that `currents init` writes. Pure.
 *
 * Every setting is there with its meaning and its default, commented out: a default that a later release
 * improves should reach those who never chose it. Only the source and the database stand uncommented.
 */
import { NAMED_SECTIONS, SETTINGS, type Setting } from './settings.ts';

const LINE_WIDTH = 96;

/** The two that stand uncommented are given. */
export function formatSettingsTemplate(given: { source: string; database: string }): string {
  const lines = [
    '# Settings of currents. Each has a flag and an environment variable of the same name, which win:',
    '# source.lookback is --lookback and CURRENTS_LOOKBACK. Relative paths start at this folder.',
    '# Secrets do not belong here: AWS credentials come from the environment, a profile or a role.',
  ];
  let section = '';
  for (const setting of SETTINGS) {
    const [first = '', name] = setting.path.split('.');
    const indent = name === undefined ? '' : '  ';
    if (first !== section) lines.push('', ...(name === undefined ? [] : [`${first}:`]));
    section = first;
    lines.push(...wrap(setting.description).map((line) => `${indent}# ${line}`));
    lines.push(`${indent}${formatLine(setting, name ?? first, given)}`);
  }
  for (const { name, description, example } of NAMED_SECTIONS) {
    lines.push('', ...wrap(description).map((line) => `# ${line}`));
    lines.push(`# ${name}:`, ...example.map((line) => `#   ${line}`));
  }
  return `${lines.join('\n')}\n`;
}

function formatLine(
  setting: Setting,
  name: string,
  given: { source: string; database: string },
): string {
  if (setting.path === 'source.url') return `${name}: ${JSON.stringify(given.source)}`;
  if (setting.path === 'database') return `${name}: ${JSON.stringify(given.database)}`;
  const value = setting.default === undefined ? setting.example : setting.default;
  return `# ${name}: ${Array.isArray(value) ? (setting.example ?? '[]') : String(value)}`;
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length >= LINE_WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
