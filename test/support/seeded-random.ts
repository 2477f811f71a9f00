/**
 * Chance that repeats: the same seed gives the same numbers. For faults, damage, orders and moments in
 * tests; not for anything secret.
 */

/** Mulberry32: numbers from 0 up to 1, the same for the same seed. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The same items in another order; every order is equally likely. */
export function shuffle<Item>(items: readonly Item[], random: () => number): Item[] {
  const shuffled = [...items];
  for (let end = shuffled.length - 1; end > 0; end--) {
    const other = Math.floor(random() * (end + 1));
    [shuffled[end], shuffled[other]] = [shuffled[other] as Item, shuffled[end] as Item];
  }
  return shuffled;
}
