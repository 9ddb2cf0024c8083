import type { Custody } from '../../server/open-custody.ts';
import type { Store } from '../../store/clickhouse.ts';

/** The store of a Custody that has it in its own process, with its writer. */
export function ownStore({ store }: Pick<Custody, 'store'>): Store {
  if ('writer' in store) return store;
  throw new Error('this Custody only reads a store that others fill');
}
