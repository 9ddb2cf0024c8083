import { logOriginOf } from '../../ledger/checkpoint.ts';
import { createLeafHasher, frameHeaders, sortHeaders } from '../../ledger/leaf.ts';
import { signReceipt } from '../../ledger/receipt.ts';
import type { SigningKey } from '../../ledger/signing-key.ts';
import { receivedAt, stampsOf } from '../log/received-at.ts';
import type { IntakeDeps } from './deps.ts';

export interface ReceiptSignerOptions {
  readonly tenant: string;
  /** 32 bytes: the key of which the worker makes salts, so that both come to the same leaf. */
  readonly saltKey: Uint8Array;
  readonly key: SigningKey;
  /** The history of the log that the worker reads. */
  readonly sourceEpoch: number;
}

/**
 * Signs receipts at the door. The leaf of a record is what the worker will store and put into the tree, computed here
 * from the same bytes. Gives none where the log does not say for each record where it stands.
 */
export function createReceiptSigner(options: ReceiptSignerOptions): NonNullable<IntakeDeps['signReceipt']> {
  const hashOf = createLeafHasher(options.saltKey);
  const { tenant, sourceEpoch, key } = options;
  return ({ range, records }, answeredAt) => {
    const { topic, partition, firstOffset, lastOffset } = range;
    if (records.length === 0 || lastOffset - firstOffset + 1 !== records.length) return undefined;
    const stamps = stampsOf(range.stamps, records.length);
    if (!stamps) return undefined;
    const leaves = records.map((record, index) => {
      const place = { tenant, topic, partition, offset: firstOffset + index, sourceEpoch };
      const headers = frameHeaders(sortHeaders(record.headers));
      const content = { key: Buffer.from(record.key, 'utf8'), value: record.value, headers };
      const at = receivedAt(record.timestampMs, stamps[index]);
      return Buffer.from(hashOf(place, 'record', at, content).leaf, 'hex');
    });
    const iat = Math.floor(answeredAt / 1_000_000);
    const place = { tenant, topic, partition, sourceEpoch, offset: firstOffset };
    return signReceipt({ iss: logOriginOf(tenant), iat, ...place, leaves }, key);
  };
}
