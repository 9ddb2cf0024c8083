import { IssuerKitError } from './kit-error.ts';
import type { KeptReceipt, LineFile } from './line-files.ts';
import { keyIdOf, recordsOf, verifyReceipt } from './receipt.ts';
import type { KeySet } from './receipt.ts';
import type { Transport } from './transport.ts';

/** Where the keys of receipts come from: pinned by the issuer, or asked for once and again when a new key is named. */
export interface ReceiptKeys {
  /** The keys; asked for anew where `kid` is not among those that are held. undefined: they cannot be had now. */
  for(kid: string | undefined): Promise<KeySet | undefined>;
}

const ASK_AGAIN_MS = 30_000;

/** `pinned` keys are never replaced: then a Custody that changes its key without saying so is noticed. */
export function createReceiptKeys(transport: Transport, pinned: KeySet | undefined): ReceiptKeys {
  let held = pinned;
  let askedAt = Number.NEGATIVE_INFINITY;
  return {
    async for(kid) {
      const isHeld = held?.keys.some((key) => key.kid === kid) === true;
      if (pinned !== undefined || isHeld || performance.now() - askedAt < ASK_AGAIN_MS) return held;
      askedAt = performance.now();
      const { status, body } = await transport.get('/v1/log/keys');
      if (status === 200 && Array.isArray(body['keys'])) held = body as unknown as KeySet;
      return held;
    },
  };
}

/**
 * Judges a receipt for `count` events: `yes`, `no` with the reason, or `later` where the keys cannot be had now. One that
 * stands for fewer records than were sent is no promise for all of them.
 */
export async function judgeReceipt(
  receipt: string,
  keys: ReceiptKeys,
  count: number,
): Promise<Pick<KeptReceipt, 'verified' | 'why'>> {
  const set = await keys.for(keyIdOf(receipt));
  if (set === undefined) return { verified: 'later' };
  try {
    const records = recordsOf(verifyReceipt(receipt, set));
    if (records === count) return { verified: 'yes' };
    return { verified: 'no', why: `The receipt stands for ${records} records, and ${count} events were sent.` };
  } catch (error) {
    if (!(error instanceof IssuerKitError)) throw error;
    return { verified: 'no', why: error.message };
  }
}

/** The receipt that was kept for an event; undefined if none was. The last one counts, for a delivery may be repeated. */
export async function findReceipt(file: LineFile<KeptReceipt>, id: string): Promise<KeptReceipt | undefined> {
  let found: KeptReceipt | undefined;
  for await (const entry of file.read()) if (entry.ids.includes(id)) found = entry;
  return found;
}

/**
 * Redeems a receipt: Custody answers with the proof that its records stand in the log. Gives the answer as it is.
 * Throws `receipt_unavailable` where Custody cannot answer now or not yet, with its words.
 */
export async function redeem(transport: Transport, receipt: string): Promise<Readonly<Record<string, unknown>>> {
  const answer = await transport.post('/v1/log/redeem', 'application/json', JSON.stringify({ receipt }));
  if (answer.status === 200) return answer.body;
  const { detail } = answer.body;
  const told = answer.fault ?? (typeof detail === 'string' ? detail : `HTTP ${answer.status}`);
  throw new IssuerKitError('receipt_unavailable', `The receipt could not be redeemed: ${told}`);
}
