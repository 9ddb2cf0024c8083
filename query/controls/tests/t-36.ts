import { isInForce } from '../../../model/policy-inventory.ts';
import type { Policy } from '../../../model/policy.ts';
import type { SourceState } from '../../../model/control.ts';
import { FAMILIES } from '../../../model/source.ts';
import { DAY_US, formatMicros, parseStamp } from '../../../model/time.ts';
import type { Micros } from '../../../model/time.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { registeredSource } from '../stream-days.ts';
import { spell } from '../words.ts';

type Deletion = Policy['deletions'][number];
type Member =
  | { readonly kind: 'month'; readonly source: SourceState; readonly end: Micros }
  | { readonly kind: 'deletion'; readonly deletion: Deletion };

/** T-36: evidence is kept as long as it must be, and goes only when two people let it go. */
export const T36: ControlTest<Member> = {
  id: 'T-36',
  version: 2,
  title: 'Retention and deletion',
  control:
    'What a source told is held for the time of the policy, or since the source was connected; nothing is deleted before its time, under a legal hold, or on the word of one person.',
  key: false,
  nature: 'preventive',
  frequency: 'monthly',
  population: {
    definition: 'Registered sources, each in each month (UTC) of the period; and the deletions of the period, by their register; both as far as they had come by as-of.',
    source: 'own_records',
    select: (context) => [...selectMonths(context), ...selectDeletions(context)],
  },
  stratumOf: ({ subject }) => (subject.kind === 'month' ? 'source and month' : 'deletion'),
  exclusions: [],
  attributes: [
    { code: 'not_kept', text: 'The oldest event held is as old as the policy asks, or as the connection of the source.', check: isKept },
    { code: 'deleted_early', text: 'What was deleted had been held for the time of the policy.', check: wasOldEnough },
    { code: 'not_authorised', text: 'Two different people allowed the deletion.', check: wasAllowedByTwo },
    { code: 'under_legal_hold', text: 'No legal hold was on it.', check: wasFree },
  ],
  minLink: 'policy',
  parameters: ({ parameters, deletions, legal_holds: holds }) => ({
    retention_min: `${parameters.retention_min_days} days`,
    'deletions registered': String(deletions.length),
    'legal holds': String(holds.length),
  }),
  inputs: FAMILIES,
  proves: 'That what the connected sources told reaches back as far as it should, and that each registered deletion was due and allowed.',
  doesNotProve: 'Anything of deletions that no register tells of; T-32 would show that records are missing.',
}; // prettier-ignore

function selectMonths({ sources, from, to, asOf }: ControlContext): readonly Candidate<Member>[] {
  const months: { name: string; begun: Micros; end: Micros }[] = [];
  for (let at = new Date(Math.floor(from / 1_000)), begun = from; begun < Math.min(to, asOf);) {
    const next = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1);
    months.push({ name: formatMicros(begun).slice(0, 7), begun, end: Math.min(next * 1_000, to) });
    at = new Date(next);
    begun = next * 1_000;
  }
  return sources
    .filter(({ registered }) => registered)
    .flatMap((source) =>
      months.map(({ name, begun, end }) =>
        candidate<Member>(`store:${source.family}/${source.instance}@${name}`, begun, { kind: 'month', source, end }),
      ),
    );
}

function selectDeletions({ policy, from, to, asOf }: ControlContext): readonly Candidate<Member>[] {
  return policy.deletions
    .filter(({ at }) => from <= at && at < to && at <= asOf)
    .map((deletion) => candidate<Member>(`deletion:${deletion.object}@${formatMicros(deletion.at)}`, deletion.at, { kind: 'deletion', deletion }));
} // prettier-ignore

function isKept({ subject }: Candidate<Member>, { policy, asOf }: ControlContext): Answer {
  if (subject.kind !== 'month') return HOLDS;
  const { source, end } = subject;
  const oldest = parseStamp(source.first_occurred_at)?.at;
  const since = registeredSource(policy, source)?.from;
  const needed = Math.min(end, asOf) - policy.parameters.retention_min_days * DAY_US;
  if (since !== undefined && since >= Math.min(end, asOf)) return HOLDS;
  if (oldest !== undefined && oldest <= needed) return HOLDS;
  if (since === undefined)
    return undecided('connection_unknown', `${oldest === undefined ? 'Nothing is held' : `The oldest event is of ${formatMicros(oldest)}`}, and the policy does not say since when the source is connected`);
  // A source need not speak on the very day on which it is connected.
  const reaches = Math.max(needed, since) + DAY_US;
  if (oldest !== undefined && oldest <= reaches) return HOLDS;
  return fails('not_kept', `${oldest === undefined ? 'Nothing is held' : `The oldest event is of ${formatMicros(oldest)}`}; it should reach back to ${formatMicros(Math.max(needed, since))}`);
} // prettier-ignore

function wasOldEnough({ subject }: Candidate<Member>, { policy }: ControlContext): Answer {
  if (subject.kind !== 'deletion') return HOLDS;
  const { at, recorded_at: recorded } = subject.deletion;
  const least = policy.parameters.retention_min_days * DAY_US;
  return at - recorded >= least ? HOLDS : fails('deleted_early', `Deleted ${spell(at - recorded)} after it was recorded; it is to be held for ${spell(least)}`);
} // prettier-ignore

function wasAllowedByTwo({ subject }: Candidate<Member>, { identities }: ControlContext): Answer {
  if (subject.kind !== 'deletion') return HOLDS;
  const { authorised_by: people, at } = subject.deletion;
  const pairs = people.flatMap((one, index) => people.slice(index + 1).map((other) => identities.sameParty({ kind: 'human', key: one }, { kind: 'human', key: other }, at)));
  if (pairs.includes(false)) return HOLDS;
  return pairs.includes('unknown')
    ? undecided('unresolved_identity', `It cannot be said whether ${people.join(' and ')} are different people`)
    : fails('not_authorised', people.length === 0 ? 'Nobody is recorded to have allowed it' : `Only one person allowed it: ${people.join(', ')}`);
} // prettier-ignore

function wasFree({ subject }: Candidate<Member>, { policy }: ControlContext): Answer {
  if (subject.kind !== 'deletion') return HOLDS;
  const { object, at } = subject.deletion;
  const hold = policy.legal_holds.find((one) => isInForce(one, at) && (one.object === object || object.startsWith(`${one.object}/`)));
  return hold ? fails('under_legal_hold', `A legal hold was on ${hold.object}: ${hold.reason}`) : HOLDS;
} // prettier-ignore
