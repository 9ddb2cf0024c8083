import type { SourceGap, SourceState } from '../../model/control.ts';
import { gapIdOf, isExplainable, stretchOf } from '../../model/gap-explanation.ts';
import type { GapStanding, ToldGap } from '../../model/gap-explanation.ts';
import type { Policy } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import type { Micros } from '../../model/time.ts';
import { toStoredEvent } from '../../store/queries/event-row.ts';
import { findGapExplanations } from '../../store/queries/find-gap-explanations.ts';
import type { Reader } from '../../store/query.ts';
import { NO_AS_OF_MS } from '../chains/load-graph.ts';
import { readSightings } from '../identities/accounts.ts';
import { createIdentities, vouchedOf } from '../identity.ts';
import type { Identities } from '../identity.ts';
import { rememberUntilChange } from '../remember.ts';
import { readSources } from '../sources.ts';
import { foldExplanations } from './fold-explanations.ts';
import type { GapAct } from './fold-explanations.ts';

/** More than people write; a list that reaches it says so as a Problem, rather than leave some out. */
const MAX_ACTS = 100_000;
const IDS_A_QUERY = 1_000;

/** Reads gaps and what was said of them. `asOf` are microseconds UTC; absent: all that is stored. */
export interface GapReader {
  /** The gap of this id as it is now; `not_found` where there is none, `conflict` where words cannot stand for it. */
  gap(id: string, now: Micros): Promise<ToldGap>;
  /** The acts on one gap, in the order of the log. */
  actsOn(id: string, asOf?: Micros): Promise<readonly GapAct[]>;
  /** The sources with an id at each gap that can be explained, and with what had been said of it. */
  explain(sources: readonly SourceState[], asOf?: Micros): Promise<readonly SourceState[]>;
  /** Whether accounts are one person, by what is known as of a moment. */
  identities(asOf?: Micros): Promise<Identities>;
}

/** A reader over the store of one tenant. */
export function createGapReader(reader: Reader, policy: Policy): GapReader {
  const { tenant } = policy;
  const identities = rememberUntilChange(reader, async (asOf) => {
    const { sightings, changes } = await readSightings(reader, tenant, millis(asOf));
    return createIdentities(policy, vouchedOf(sightings, changes));
  });
  async function acts(ids: readonly string[], asOf?: Micros): Promise<ReadonlyMap<string, readonly GapAct[]>> {
    const found = new Map<string, GapAct[]>();
    for (let at = 0; at < ids.length; at += IDS_A_QUERY) {
      const some = ids.slice(at, at + IDS_A_QUERY);
      const rows = await reader.read(findGapExplanations(tenant, some, millis(asOf), MAX_ACTS + 1));
      if (rows.length > MAX_ACTS) throw new Problem('too_large', 'More was said of gaps than one answer can hold.');
      for (const { nativeId: id, occurredAt, actor, facts } of rows.map(toStoredEvent)) {
        const told = facts.gap_explanation;
        if (!told) continue;
        const list = found.get(told.gap.id);
        const act = { id, at: occurredAt, actor, said: told.said };
        if (list) list.push(act);
        else found.set(told.gap.id, [act]);
      }
    }
    return found;
  }
  return {
    identities,
    actsOn: async (id, asOf) => (await acts([id], asOf)).get(id) ?? [],
    async gap(id, now) {
      const stretch = stretchOf(id);
      const question = stretch && { asOf: now, from: stretch.from, to: stretch.to + 1, until: stretch.to };
      for (const source of question ? await readSources(reader, policy, question) : [])
        for (const gap of source.gaps) if (gapIdOf(tenant, source, gap) === id) return toldOf(id, source, gap);
      throw new Problem(
        'not_found',
        'No stream has a gap of this id now: it may have closed, or changed since what was missing began to arrive. `custody gaps list` shows those that there are.',
      );
    },
    async explain(sources, asOf) {
      const named = sources.map((source) => withIds(tenant, source));
      const ids = named.flatMap(({ gaps }) => gaps.flatMap(({ id }) => id ?? []));
      const found = await acts(ids, asOf);
      if (found.size === 0) return named;
      const known = await identities(asOf);
      const standing = new Map([...found].map(([id, list]) => [id, foldExplanations(id, list, known)]));
      return named.map((source) => ({ ...source, gaps: source.gaps.map((gap) => withStanding(gap, standing)) }));
    },
  };
}

/** Names the gaps of a source that can be explained. */
export function withIds(tenant: string, source: SourceState): SourceState {
  const named = (gap: SourceGap): SourceGap =>
    isExplainable(gap) ? { ...gap, id: gapIdOf(tenant, source, gap) } : gap;
  return { ...source, gaps: source.gaps.map(named) };
}

function withStanding(gap: SourceGap, standing: ReadonlyMap<string, GapStanding>): SourceGap {
  const own = gap.id === undefined ? undefined : standing.get(gap.id);
  return own ? { ...gap, standing: own } : gap;
}

function toldOf(id: string, { family, instance }: SourceState, { kind, from, to, reason }: SourceGap): ToldGap {
  if (kind === 'sequence' || kind === 'silence' || kind === 'reconciliation')
    return { id, family, instance, kind, from, to, reason };
  throw new Problem(
    'conflict',
    kind === 'digest'
      ? 'A digest of the source names what is missing, so it was there: import it; no words can stand for it.'
      : 'Our own log lost these records; no words can stand for them. Deliver them again from the source.',
  );
}

function millis(asOf: Micros | undefined): number {
  return asOf === undefined ? NO_AS_OF_MS : Math.floor(asOf / 1_000);
}
