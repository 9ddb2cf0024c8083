import type { Policy } from '../model/policy.ts';
import { readLedgerEvidence } from '../query/controls/ledger-evidence.ts';
import type { CheckDeps } from '../query/controls/run-check.ts';
import type { Reader } from '../store/query.ts';
import type { LogHolder } from './log-holder.ts';

/**
 * What checks are given of the signed log (T-32). A checkpoint is signed over what is stored first, where this process
 * signs; where it cannot, because the store no longer continues what was signed, what had been signed before must do: to
 * say so is the test's work, and no reason to answer nothing. Where it is not known who signs, nothing is.
 */
export function ledgerOf(
  reader: Reader,
  policy: Policy,
  holder: Pick<LogHolder, 'trusted' | 'signed'>,
): NonNullable<CheckDeps['ledger']> {
  return async (period) => {
    const { trusted } = holder;
    if (!trusted) return undefined;
    await holder.signed().catch(() => undefined);
    return readLedgerEvidence({ reader, policy, keys: trusted }, period);
  };
}
