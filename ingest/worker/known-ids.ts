/**
 * A Bloom filter over the ids of events that were accepted: it says "surely new" for nearly every new event, so that
 * only likely repeats cost a query. Ids are hashes already (model/event-id.ts), so their own bits choose the places.
 */
export interface KnownIds {
  /** Whether the id may be known. False is certain. */
  mayHold(id: string): boolean;
  add(id: string): void;
  /** Adds ids as the engine writes UUIDs in binary: two little-endian 64-bit halves each. */
  addBinary(ids: Buffer): void;
}

const HASHES = 7;
const BITS_PER_ID = 12;
const FIRST_CAPACITY = 1 << 20;

/** Ids as the engine writes UUIDs, as far as the filter looks at them; the rest is zero. */
export function packIds(ids: Iterable<string>, count: number): Buffer {
  const packed = Buffer.alloc(count * 16);
  let at = 0;
  for (const id of ids) {
    packed.writeUInt32LE(headOf(id), at + 4);
    packed.writeUInt32LE(tailOf(id) >>> 0, at + 8);
    at += 16;
  }
  return packed;
}

interface Layer {
  readonly words: Uint32Array;
  readonly mask: number;
  readonly capacity: number;
  count: number;
}

/** An empty filter. It grows by layers of double size; a full one is wrong about one new id in 300. */
export function createKnownIds(capacity = FIRST_CAPACITY): KnownIds {
  const layers: Layer[] = [createLayer(capacity)];
  const insert = (first: number, second: number): void => {
    let layer = layers.at(-1);
    if (!layer || layer.count >= layer.capacity) {
      layer = createLayer((layer?.capacity ?? capacity) * 2);
      layers.push(layer);
    }
    layer.count += 1;
    for (let hash = 0; hash < HASHES; hash += 1) {
      const bit = (first + Math.imul(hash, second)) & layer.mask;
      layer.words[bit >>> 5] = (layer.words[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  };
  return {
    mayHold(id) {
      const first = headOf(id);
      const second = tailOf(id);
      return layers.some((layer) => holds(layer, first, second));
    },
    add: (id) => insert(headOf(id), tailOf(id)),
    addBinary(ids) {
      for (let at = 0; at + 16 <= ids.length; at += 16) insert(ids.readUInt32LE(at + 4), ids.readUInt32LE(at + 8) | 1);
    },
  };
}

function createLayer(capacity: number): Layer {
  const bits = 2 ** Math.min(31, Math.ceil(Math.log2(capacity * BITS_PER_ID)));
  return { words: new Uint32Array(bits / 32), mask: bits - 1, capacity, count: 0 };
}

function holds(layer: Layer, first: number, second: number): boolean {
  for (let hash = 0; hash < HASHES; hash += 1) {
    const bit = (first + Math.imul(hash, second)) & layer.mask;
    if (((layer.words[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

// The first and the last eight hex digits of a UUID; those between hold its version.
function headOf(id: string): number {
  return Number.parseInt(id.slice(0, 8), 16);
}

function tailOf(id: string): number {
  return Number.parseInt(id.slice(28, 36), 16) | 1;
}
