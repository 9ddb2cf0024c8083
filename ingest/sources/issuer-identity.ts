import type { Facts } from '../../model/facts.ts';
import type { Stamp } from '../../model/time.ts';
import { addKey, compact } from './draft.ts';
import type { Draft } from './draft.ts';
import { accountKeys } from './issuer-parties.ts';
import { getStamp, getString, note, partOf, partsOf } from './read.ts';
import type { Doc } from './read.ts';

/** The accounts that an identity event says are one person, or are not, by every key that each has (sources.md 4.1). */
export function identityFacts(draft: Draft, data: Doc, change: 'merge' | 'split', time: Stamp): Facts['identity'] {
  const identity = partOf(data, 'identity');
  const accounts = partsOf(identity, 'accounts').flatMap((account) => {
    const keys = accountKeys(getString(account, 'iss'), getString(account, 'sub'));
    for (const key of keys) addKey(draft, key, 'target', account.where);
    return keys.length === 0 ? [] : [keys.map((key) => key.key)];
  });
  if (accounts.length < 2) {
    note(identity, 'accounts');
    return undefined;
  }
  const from = getStamp(identity, 'valid_from')?.at;
  return compact<NonNullable<Facts['identity']>>({
    change,
    accounts,
    method: getString(identity, 'method') ?? 'admin',
    // A split without a time of its own holds from when it was told; a link without one holds for the time before too.
    from: from ?? (change === 'split' ? time.at : undefined),
    reason: getString(identity, 'reason'),
  });
}
