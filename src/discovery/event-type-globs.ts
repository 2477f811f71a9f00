/**
 * Which event types are wanted: globs such as `users.messages.email.*`, where `*` stands for any
 * characters, dots too, and `?` for one. Case counts. No globs means every event type.
 *
 * Path globbers treat dots, slashes, braces and brackets as special; event types are plain names, so
 * everything else stands for itself.
 */

/** A test for event types; built once, asked often. */
export function compileEventTypeGlobs(globs: readonly string[]): (eventType: string) => boolean {
  if (globs.length === 0) return () => true;
  const patterns = globs.map(
    (glob) => new RegExp(`^${glob.replace(/\*+|[^*]/gsu, formatGlobPart)}$`, 'su'),
  );
  return (eventType) => patterns.some((pattern) => pattern.test(eventType));
}

function formatGlobPart(part: string): string {
  if (part.startsWith('*')) return '.*';
  if (part === '?') return '.';
  return part.replace(/[$()+./[\\\]^{|}]/, '\\$&');
}
