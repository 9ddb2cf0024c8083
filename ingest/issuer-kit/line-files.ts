import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** An event that Custody did not take, with the reason and what to do. It stays in the file until somebody acts. */
export interface Refused {
  /** When it was refused, RFC 3339. */
  readonly at: string;
  readonly id: string;
  readonly sequence: string;
  /** HTTP status of the answer; 0 where the event never left (its line in the spool is damaged). */
  readonly status: number;
  readonly reason: string;
  readonly detail: string;
  readonly path?: string;
  readonly remedy?: string;
  /** The event as it was sent, as JSON text. */
  readonly event: string;
}

/** The promise of Custody for events that were sent together. */
export interface KeptReceipt {
  readonly at: string;
  readonly ids: readonly string[];
  /** First and last sequence of them. */
  readonly sequences: readonly [string, string];
  /** The compact JWS. */
  readonly receipt: string;
  /** `yes`: its signature is good. `no`: it is not, see `why`. `later`: the keys could not be had. */
  readonly verified: 'yes' | 'no' | 'later';
  readonly why?: string;
}

/** A file of JSON lines to which is only added; a line is on the disk when `add` resolves. */
export interface LineFile<Entry> {
  readonly path: string;
  add(entries: readonly Entry[]): Promise<void>;
  /** What is in it, in order; a line that a crash tore is passed over. */
  read(): AsyncGenerator<Entry, void, undefined>;
}

/** `refused.ndjson` and `receipts.ndjson` of a spool's folder. */
export function openLineFile<Entry>(folder: string, name: string): LineFile<Entry> {
  const path = join(folder, name);
  return {
    path,
    async add(entries) {
      const file = await open(path, 'a', 0o600);
      try {
        // A line break first: what a crash tore becomes a line of its own and spoils no other.
        await file.writeFile(entries.map((entry) => `\n${JSON.stringify(entry)}`).join('') + '\n');
        await file.datasync();
      } finally {
        await file.close();
      }
    },
    async *read() {
      const input = createReadStream(path, 'utf8');
      try {
        for await (const line of createInterface({ input, crlfDelay: Infinity })) {
          const entry = line === '' ? undefined : (parse(line) as Entry | undefined);
          if (entry !== undefined) yield entry;
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    },
  };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
