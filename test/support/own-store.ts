import type { Custody } from '../../server/open-custody.ts';
import type { Store } from '../../store/clickhouse.ts';

/** The store of a Custody with its writer, for a test that alters what it holds. */
export function ownStore({ store }: Pick<Custody, 'store'>): Store {
  return store;
}
