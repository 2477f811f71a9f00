/**
 * Settings ↔ command-line options: each setting's flag as a commander option, and what was given on the
 * command line back as `flags` for loadConfig. Nothing is checked here: an error about a value must name
 * its source, whichever it was, and config.ts does that for all three.
 */
import { type Command, Option } from 'commander';
import { SETTINGS, type Setting } from '../settings.ts';

/** Accepted before and after every command. */
export const GLOBAL_SETTINGS = ['database', 'logLevel'] as const;

/** Adds the flags of the settings at these paths, or under them: `source` means all of `source.*`. */
export function addSettingOptions(command: Command, paths: readonly string[]): Command {
  for (const setting of SETTINGS) {
    if (!paths.some((path) => setting.path === path || setting.path.startsWith(`${path}.`)))
      continue;
    command.addOption(new Option(`${setting.flag}${formatArgument(setting)}`, describe(setting)));
    if (setting.kind === 'boolean')
      command.addOption(new Option(`--no-${setting.flag.slice(2)}`).hideHelp());
  }
  return command;
}

/** The settings among the parsed options, by path. */
export function readSettingFlags(
  options: Readonly<Record<string, unknown>>,
): Record<string, string | boolean | readonly string[] | undefined> {
  const flags: Record<string, string | boolean | readonly string[] | undefined> = {};
  for (const setting of SETTINGS) {
    const given = options[new Option(setting.flag).attributeName()];
    if (Array.isArray(given))
      flags[setting.path] = given.flatMap((text: string) => text.split(','));
    else if (typeof given === 'string' || typeof given === 'boolean') flags[setting.path] = given;
  }
  return flags;
}

function formatArgument({ kind }: Setting): string {
  switch (kind) {
    case 'boolean':
      return '';
    case 'list':
      return ' <glob...>';
    case 'integer':
      return ' <n>';
    case 'text':
    case 'choice':
      return ' <value>';
    case 'duration':
    case 'size':
      return ` <${kind}>`;
  }
}

function describe({ description, default: written }: Setting): string {
  const sentence = description.split(/[.;:] /)[0]?.replace(/\.$/, '') ?? description;
  const hasDefault = written !== undefined && written !== false && !Array.isArray(written);
  return hasDefault ? `${sentence} (default: ${String(written)})` : sentence;
}
