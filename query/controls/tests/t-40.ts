import type { Policy } from '../../../model/policy.ts';
import { formatMicros } from '../../../model/time.ts';
import type { Micros } from '../../../model/time.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { T26 } from './t-26.ts';

/** A policy or catalogue with which this service worked in the period. */
interface VersionInUse {
  readonly kind: 'policy' | 'catalogue';
  readonly hashes: readonly string[];
  readonly from: Micros;
  readonly evidence: readonly string[];
}

/** T-40: the tests themselves change only as everything else may. */
export const T40: ControlTest<VersionInUse> = {
  id: 'T-40',
  version: 2,
  title: 'The tests themselves are under change control',
  control:
    'Each policy and each catalogue of tests that was used comes from a reviewed change; the engine finds the exceptions that are seeded for it, and a check that is run again gives the same result.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      "Versions of the policy file and of the catalogue of tests that were in use at any time of the period, by this service's own log and by the checks that it stored.",
    source: 'own_records',
    select: selectVersions,
  },
  stratumOf: ({ subject }) => subject.kind,
  exclusions: [],
  attributes: [
    { code: 'not_registered', text: 'A registered version has its hash.', check: isRegistered },
    { code: 'not_reviewed', text: 'The version was merged and approved by somebody else before it took effect (T-26).', check: isReviewed },
    { code: 'conformance_failed', text: 'The engine found every exception that was seeded for this catalogue.', check: isConformant },
    { code: 'not_reproducible', text: 'Checks that were run again with the same inputs gave the same result.', check: isReproducible },
  ],
  minLink: 'policy',
  needs: ['runs'],
  analytics: ({ runs }) => ({ 'checks stored by as-of': String(new Set(runs.map(({ run }) => run)).size) }),
  parameters: ({ policy_versions: versions, conformance }) => ({
    'versions registered': String(versions.length),
    'conformance runs registered': String(conformance.length),
  }),
  inputs: ['custody.self'],
  proves: 'That what decided the results was itself reviewed, found what it should, and decides the same again.',
  doesNotProve: 'That the tests are the right ones, or that the seeded exceptions are all that can occur.',
}; // prettier-ignore

function selectVersions(context: ControlContext): readonly Candidate<VersionInUse>[] {
  const found = new Map<string, VersionInUse>();
  const add = (kind: VersionInUse['kind'], hashes: readonly string[], from: Micros, evidence: readonly string[]): void => {
    const id = `${kind}:${hashes[0]}`;
    const held = found.get(id);
    found.set(id, { kind, hashes: [...new Set([...(held?.hashes ?? []), ...hashes])], from: Math.min(held?.from ?? from, from), evidence: [...(held?.evidence ?? []), ...evidence] });
  };
  for (const kind of ['policy', 'catalogue'] as const) for (const one of toldVersions(kind, context)) add(kind, one.hashes, one.from, one.evidence);
  for (const run of context.runs) {
    if (run.createdAt < context.from || run.createdAt >= context.to) continue;
    add('policy', [run.policy], run.createdAt, []);
    add('catalogue', [run.catalogue], run.createdAt, []);
  }
  return [...found].map(([id, version]) => candidate(`custody:${id}`, version.from, version, { evidence: version.evidence }));
} // prettier-ignore

/** Versions that the own log tells of: one holds from its event until the next of its kind, so the last before the period counts. */
function toldVersions(kind: VersionInUse['kind'], { graph, from, to }: ControlContext): readonly VersionInUse[] {
  const told = [...graph.events.values()]
    .filter((event) => event.family === 'custody.self' && event.facts.configuration?.kind === kind && event.disposition === 'accepted' && event.occurredAt < to)
    .toSorted((a, b) => a.occurredAt - b.occurredAt);
  return told.flatMap((event, index) => {
    const next = told[index + 1];
    const facts = event.facts.configuration;
    if (!facts || (next && next.occurredAt <= from)) return [];
    const hashes = [facts.sha256, ...(facts.content_sha256 === undefined ? [] : [facts.content_sha256])];
    return [{ kind, hashes, from: event.occurredAt, evidence: [event.event] }];
  });
} // prettier-ignore

type Registered = Policy['policy_versions'][number];

/** The registered version with the hash, or with at least twelve digits of it. */
function registeredOf({ hashes }: VersionInUse, { policy }: ControlContext): Registered | undefined {
  return policy.policy_versions.find(({ sha256 }) => {
    const given = sha256?.toLowerCase();
    return given !== undefined && given.length >= 12 && hashes.some((hash) => hash.startsWith(given));
  });
}

function isRegistered({ subject }: Candidate<VersionInUse>, context: ControlContext): Answer {
  return registeredOf(subject, context)
    ? HOLDS
    : fails('not_registered', `No registered version has the hash of this ${subject.kind}, ${subject.hashes[0]?.slice(0, 12)}`);
} // prettier-ignore

function isReviewed(item: Candidate<VersionInUse>, context: ControlContext): Answer {
  const version = registeredOf(item.subject, context);
  if (!version) return HOLDS;
  const answers = T26.attributes.map((attribute) => attribute.check({ ...item, subject: version }, context));
  const decisive = answers.find(({ truth }) => truth === false) ?? answers.find(({ truth }) => truth === 'unknown');
  if (decisive) return decisive;
  return item.subject.from < version.effective_at
    ? fails('effective_first', `In use from ${formatMicros(item.subject.from)}, before it took effect by its register`)
    : HOLDS;
}

function isConformant({ subject }: Candidate<VersionInUse>, { policy, asOf }: ControlContext): Answer {
  if (subject.kind !== 'catalogue') return HOLDS;
  const runs = policy.conformance.filter(({ catalogue_sha256: hash, at }) => subject.hashes.includes(hash.toLowerCase()) && at <= asOf);
  const last = runs.toSorted((a, b) => a.at - b.at).at(-1);
  if (!last) return undecided('conformance_unknown', 'No conformance run of this catalogue is registered');
  if (last.seeded === 0) return undecided('conformance_unknown', 'The conformance run seeded nothing');
  return last.found === last.seeded
    ? HOLDS
    : fails('conformance_failed', `${last.found} of ${last.seeded} seeded exceptions were found`);
} // prettier-ignore

/** Of the stored checks that were judged by this version, those with the same inputs must agree. */
function isReproducible({ subject }: Candidate<VersionInUse>, { runs }: ControlContext): Answer {
  const own = runs.filter((run) => subject.hashes.includes(subject.kind === 'policy' ? run.policy : run.catalogue));
  const groups = new Map<string, typeof own>();
  for (const run of own) {
    const id = `${run.test} ${run.from} ${run.to} ${run.asOf} ${run.catalogue} ${run.policy}`;
    groups.set(id, [...(groups.get(id) ?? []), run]);
  }
  const again = [...groups.values()].filter((group) => group.length > 1);
  const differ = again.filter((group) => new Set(group.map(({ digest, population }) => `${digest} ${population}`)).size > 1);
  const [first] = differ.map((group) => group[0]);
  if (first) return fails('not_reproducible', `${differ.length} of ${again.length} checks that were run again gave another result, the first of them ${first.test} as of ${formatMicros(first.asOf)}`);
  return again.length > 0 ? HOLDS : undecided('not_run_again', 'No check that it decided was run a second time');
} // prettier-ignore
