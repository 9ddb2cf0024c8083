import { decodeBase64 } from './note.ts';
import { HASH_BYTES } from './tree.ts';

/** What a log commits to: that the tree of this name and size has this root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** The name of the log of checkpoints of a deployment, over all partitions: `custody.<tenant>`. */
export function logOriginOf(tenant: string): string {
  return `custody.${tenant}`;
}

/** The text of a checkpoint (C2SP tlog-checkpoint): origin, size, root in base64, a line each. It has no extension lines. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** The checkpoint that a text says; undefined where it says none. Extension lines are allowed and skipped. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [origin, size, root64, ...rest] = text.split('\n');
  if (rest.pop() !== '' || rest.includes('')) return undefined;
  const root = decodeBase64(root64 ?? '');
  if (origin === undefined || origin === '' || root?.length !== HASH_BYTES) return undefined;
  if (size === undefined || !/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    return undefined;
  return { origin, size: Number(size), root };
}
