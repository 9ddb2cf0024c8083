import type { Policy } from '../model/policy.ts';
import type { Micros } from '../model/time.ts';
import type { Reader } from '../store/query.ts';
import { countIssuerQuality } from '../store/queries/issuer-quality.ts';
import type { QualityRow } from '../store/queries/issuer-quality.ts';
import { NO_AS_OF_MS } from './chains/load-graph.ts';
import type { Identities } from './identity.ts';

/** What a share of faults costs at most, of 100: what breaks a chain costs most, a lost event before an unnamed token. */
const WEIGHTS = {
  sequence_gap: 30,
  missing_jti: 20,
  unresolved_identity: 15,
  late: 10,
  missing_expiry: 10,
  conflict: 10,
  no_sequence: 5,
} as const;
export type Lack = keyof typeof WEIGHTS;

/** One reason why a score is not 100: how much of what it concerns, what it costs, and how the issuer mends it. */
export interface Lowering {
  readonly what: Lack;
  readonly count: number;
  readonly of: number;
  /** Points that it takes from 100, to a tenth. */
  readonly points: number;
  readonly remedy: string;
  /** Whom nothing ties to a person, at most five. */
  readonly examples?: readonly string[];
}

/** How good the evidence of one issuer is. */
export interface IssuerQuality {
  /** Its CloudEvents source. */
  readonly issuer: string;
  readonly registered: boolean;
  readonly events: number;
  /** 0 to 100, to a tenth; absent where there is no event to judge. */
  readonly score?: number;
  readonly lowered_by: readonly Lowering[];
}

const REMEDIES: Readonly<Record<Lack, string>> = {
  sequence_gap: 'Send the events that are missing: a number that was given must be sent. The spool of the issuer kit does so by itself.', // prettier-ignore
  missing_jti: 'Name each token by iss and jti; a hash alone joins nothing that other systems write.',
  unresolved_identity: 'Add aliases of the account (at the identity provider), or have the register send identity events.',
  late: 'Send events when they happen; the policy file says from when on they are late (lateness_s).',
  missing_expiry: 'Write expires_at: without it nothing can be said of a use after expiry.',
  conflict: 'Give each event an id of its own, and repeat a delivery unchanged.',
  no_sequence: 'Number the events of the source, so that it can be shown that none is missing.',
}; // prettier-ignore

const DEFAULT_LATENESS_S = 3_600;
const EXAMPLES = 5;

/**
 * How good the evidence of each token issuer is, over what happened in `[from, to)` and was received by `asOf`: a score,
 * and what lowers it. Registered issuers that sent nothing are there without a score. A hole of the sequence counts
 * between the first and the last number of the period. Sorted by name.
 */
export async function readIssuerQuality(
  reader: Reader,
  policy: Policy,
  identities: Pick<Identities, 'explain'>,
  period: { readonly from: Micros; readonly to: Micros; readonly asOf?: Micros | undefined },
): Promise<readonly IssuerQuality[]> {
  const registered = policy.sources.filter(({ family }) => family === 'ce');
  const lateness = Object.fromEntries(registered.map((entry) => [entry.instance, entry.lateness_s]));
  const asOfMs = period.asOf === undefined ? NO_AS_OF_MS : Math.floor(period.asOf / 1_000);
  const asked = { fromUs: period.from, toUs: period.to, asOfMs };
  const rows = await reader.read(countIssuerQuality(policy.tenant, asked, lateness, DEFAULT_LATENESS_S));
  const known = new Set(registered.map(({ instance }) => instance));
  const isNobody = (account: string): boolean => identities.explain(account).person === undefined;
  const silent = [...known].filter((instance) => !rows.some((row) => row.instance === instance));
  return [
    ...rows.map((row) => qualityOf(row, known.has(row.instance), isNobody)),
    ...silent.map((issuer) => ({ issuer, registered: true, events: 0, lowered_by: [] })),
  ].toSorted((a, b) => (a.issuer < b.issuer ? -1 : 1));
}

/** The score of one row. Pure. `isNobody`: nothing ties the account to a person. */
export function qualityOf(row: QualityRow, registered: boolean, isNobody: (account: string) => boolean): IssuerQuality {
  const span = row.numbers === 0 ? 0 : Number(BigInt(row.most) - BigInt(row.least) + 1n);
  const strangers = row.actors.flatMap((account, at) =>
    account === '' || isNobody(account) ? [{ account, events: row.actor_events[at] ?? 0 }] : [],
  );
  const unresolved = strangers.reduce((sum, { events }) => sum + events, 0);
  const lacks: Readonly<Record<Lack, readonly [count: number, of: number]>> = {
    sequence_gap: [span - row.numbers, span],
    missing_jti: [row.without_jti, row.born],
    unresolved_identity: [unresolved, row.events],
    late: [row.late, row.events],
    missing_expiry: [row.without_expiry, row.born],
    conflict: [row.conflicts, row.events + row.conflicts],
    no_sequence: [row.events - row.numbered, row.events],
  };
  const examples = strangers.map(({ account }) => account || 'nobody is named').slice(0, EXAMPLES);
  const lowered = (Object.keys(WEIGHTS) as Lack[])
    .map((what) => ({ what, count: lacks[what][0], of: lacks[what][1] }))
    .filter(({ count }) => count > 0)
    .map(({ what, count, of }) => ({
      what,
      count,
      of,
      exact: (WEIGHTS[what] * count) / of,
      remedy: REMEDIES[what],
      ...(what === 'unresolved_identity' ? { examples } : {}),
    }))
    .toSorted((a, b) => b.exact - a.exact);
  const score = Math.max(0, tenth(100 - lowered.reduce((sum, { exact }) => sum + exact, 0)));
  return {
    issuer: row.instance,
    registered,
    events: row.events,
    ...(row.events > 0 ? { score } : {}),
    lowered_by: lowered.map(({ exact, ...one }) => ({ ...one, points: tenth(exact) })),
  };
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
