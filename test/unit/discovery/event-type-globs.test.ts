/** Which event types a list of globs lets through. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileEventTypeGlobs } from '../../../src/discovery/event-type-globs.ts';

describe('compileEventTypeGlobs', () => {
  it.each([
    ['users.messages.email.*', 'users.messages.email.Open', true],
    ['users.messages.email.*', 'users.messages.emailx.Open', false],
    ['users.*', 'users.messages.email.Open', true],
    ['*.Open', 'users.messages.email.Open', true],
    ['users.messages.*.Open', 'users.messages.email.Open', true],
    ['**', 'users.messages.email.Open', true],
    ['users.messages.email.Open', 'users.messages.email.Open', true],
    ['users.messages.email.open', 'users.messages.email.Open', false],
    ['users.messages.email.Open', 'users.messages.email.OpenAgain', false],
    ['users.messages.email.Ope?', 'users.messages.email.Open', true],
    ['users.messages.email.Open?', 'users.messages.email.Open', false],
    ['usersXmessages*', 'users.messages.email.Open', false],
    ['[a]{b,c}(d)+^$|', '[a]{b,c}(d)+^$|', true],
    ['[a]', 'a', false],
    ['', '', true],
    ['', 'a', false],
  ])('%s takes %s: %s', (glob, eventType, isTaken) => {
    expect(compileEventTypeGlobs([glob])(eventType)).toBe(isTaken);
  });

  it('takes what any of the globs takes', () => {
    const isWanted = compileEventTypeGlobs(['a.*', 'b.*']);
    expect(['a.X', 'b.X', 'c.X'].filter(isWanted)).toEqual(['a.X', 'b.X']);
  });

  it('takes everything when there is no glob', () => {
    expect(compileEventTypeGlobs([])('anything')).toBe(true);
  });

  it('lets a name without wildcards stand for itself alone', () => {
    const name = fc.string({ unit: 'grapheme' }).filter((text) => !/[*?]/.test(text));
    fc.assert(
      fc.property(name, name, (glob, eventType) => {
        expect(compileEventTypeGlobs([glob])(eventType)).toBe(glob === eventType);
        expect(compileEventTypeGlobs([glob])(glob)).toBe(true);
      }),
    );
  });
});
