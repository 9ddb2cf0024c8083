import { frameHeaders } from '../../ledger/leaf.ts';

/** The headers of a record, to look up by name and as a leaf covers them. */
export interface HeaderSet {
  readonly map: ReadonlyMap<string, string>;
  readonly frame: Buffer;
  /** The text from which they were read, as it is stored. */
  readonly text: Buffer;
}

const MAX_SETS = 2_000;

/** Reads headers from their stored text. Records of one delivery share it, so most texts are read once. */
export function createHeaderSets(): (headers: string) => HeaderSet {
  const sets = new Map<string, HeaderSet>();
  return (headers) => {
    const found = sets.get(headers);
    if (found) return found;
    const entries = Object.entries(JSON.parse(headers) as Record<string, string>);
    const made = { map: new Map(entries), frame: frameHeaders(entries), text: Buffer.from(headers, 'utf8') };
    if (sets.size >= MAX_SETS) sets.clear();
    sets.set(headers, made);
    return made;
  };
}
