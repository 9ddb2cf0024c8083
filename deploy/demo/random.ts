/** A seeded source of randomness: the same seed always gives the same organisation. Not for anything secret. */
export interface Random {
  /** A number of [0, 1). */
  next(): number;
  /** A whole number of [from, to]. */
  int(from: number, to: number): number;
  pick<Item>(items: readonly Item[]): Item;
  chance(share: number): boolean;
  hex(length: number): string;
  /** Letters and digits, as vendors make ids of. */
  word(length: number, alphabet?: string): string;
  uuid(): string;
}

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A generator from a seed (mulberry32: 32 bits of state, enough for sample data). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  const word = (length: number, alphabet = ALPHANUMERIC): string =>
    Array.from({ length }, () => alphabet[int(0, alphabet.length - 1)]).join('');
  const hex = (length: number): string => word(length, '0123456789abcdef');
  return {
    next,
    int,
    pick: (items) => {
      const item = items[int(0, items.length - 1)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
    chance: (share) => next() < share,
    hex,
    word,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${word(1, '89ab')}${hex(3)}-${hex(12)}`,
  };
}
