/**
 * The order in which S3 lists keys: by their UTF-8 bytes. JavaScript compares UTF-16 units, which puts
 * emoji (surrogates, from U+D800) before the letters from U+E000 on; UTF-8 puts them after.
 */

/** Negative when `a` lists before `b`, zero when they are the same key. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

/** Lifts surrogates above every other unit: the code points they stand for have longer UTF-8 forms. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
