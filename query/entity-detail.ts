import { typeOfKey } from '../model/key.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import { formatMicros } from '../model/time.ts';
import type { Reader } from '../store/query.ts';
import { countUsage, findNeighbours } from '../store/queries/entity.ts';
import type { NeighbourRow, UsageRow } from '../store/queries/entity.ts';
import { NO_AS_OF_MS } from './chains/load-graph.ts';
import type { Identities, Person } from './identity.ts';

/** What is known of a key, whatever it stands for. */
export interface EntityDetail {
  readonly key: string;
  readonly type: string;
  /** `chain` can be traced; `session` and `hub` stand for many flows. */
  readonly class: UsageRow['class'];
  readonly person?: Person;
  readonly events: number;
  readonly roles: Readonly<Record<string, number>>;
  readonly first_seen: string;
  readonly last_seen: string;
  readonly parents: readonly Neighbour[];
  readonly children: readonly Neighbour[];
  /** The neighbours are cut at a bound; then there are more. */
  readonly more_neighbours: boolean;
}

type Neighbour = Pick<NeighbourRow, 'relation' | 'confidence' | 'rule' | 'events'> & { readonly key: string };

const MAX_NEIGHBOURS = 500;

/** What is known of a key: how often and as what it is named, what it is linked to, who it is. `not_found` if nothing is. */
export async function readEntity(
  deps: { readonly reader: Reader; readonly policy: Policy; readonly identities: Identities },
  key: string,
): Promise<EntityDetail> {
  const { reader, policy, identities } = deps;
  if (key === '' || key.length > 2_048) throw new Problem('invalid_request', 'A key has 1 to 2048 characters.');
  const [usage, neighbours] = await Promise.all([
    reader.read(countUsage(policy.tenant, key, NO_AS_OF_MS)),
    reader.read(findNeighbours(policy.tenant, key, NO_AS_OF_MS, MAX_NEIGHBOURS + 1)),
  ]);
  const [first] = usage;
  if (!first) throw new Problem('not_found', 'No event names this key.');
  const person = identities.personOf(key);
  const shown = neighbours.slice(0, MAX_NEIGHBOURS);
  const of = (direction: NeighbourRow['direction']): readonly Neighbour[] =>
    shown
      .filter((row) => row.direction === direction)
      .map(({ other, relation, confidence, rule, events }) => ({ key: other, relation, confidence, rule, events }));
  return {
    key,
    type: typeOfKey(key) ?? 'unknown',
    class: first.class,
    ...(person === undefined ? {} : { person }),
    events: usage.reduce((sum, row) => sum + row.events, 0),
    roles: Object.fromEntries(usage.map((row) => [row.role, row.events])),
    first_seen: formatMicros(Math.min(...usage.map((row) => row.first_us))),
    last_seen: formatMicros(Math.max(...usage.map((row) => row.last_us))),
    parents: of('up'),
    children: of('down'),
    more_neighbours: neighbours.length > MAX_NEIGHBOURS,
  };
}
