import { z } from 'zod';

/** How far the poll of several lists is: each by its name, and which of them is being read. */
export interface ListsCursor<Place> {
  readonly turn: number;
  readonly places: Readonly<Record<string, Place>>;
}

/** The schema of such a cursor. */
export function listsCursor<Place>(place: z.ZodType<Place>): z.ZodType<ListsCursor<Place>> {
  return z.object({ turn: z.number().int().min(0), places: z.record(z.string(), place) });
}

/** A page of one list; `isEnd` where it is its last for now. */
export interface ListPage<Place> {
  readonly body: Buffer;
  readonly place: Place;
  readonly isEnd: boolean;
}

/**
 * Reads lists one after another. A round that was broken off, by a fault or by its number of pages, goes on with the list
 * at which it was, because a first list that is read again from its overlap each time could keep all others waiting for ever.
 */
export async function* readLists<Name extends string, Place>(
  names: readonly Name[],
  begin: ListsCursor<Place> | undefined,
  walk: (name: Name, place: Place | undefined) => AsyncIterable<ListPage<Place>>,
): AsyncGenerator<{ readonly body: Buffer; readonly cursor: ListsCursor<Place> }, void, undefined> {
  let cursor = begin ?? { turn: 0, places: {} };
  for (let turn = cursor.turn < names.length ? cursor.turn : 0; turn < names.length; turn += 1) {
    const name = names[turn];
    if (name === undefined) return;
    for await (const { body, place, isEnd } of walk(name, cursor.places[name])) {
      cursor = { turn: isEnd ? (turn + 1) % names.length : turn, places: { ...cursor.places, [name]: place } };
      yield { body, cursor };
    }
  }
}
