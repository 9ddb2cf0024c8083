import { clockBefore } from '../../../model/time.ts';
import type { Clocked } from '../../../model/time.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { clockAt, clockOf } from '../../chains/rules.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import type { CredentialLife } from '../credentials.ts';
import { endingsOf } from '../endings.ts';
import type { Ending } from '../endings.ts';
import { spell, spellSeconds } from '../words.ts';

interface Outlived {
  readonly key: string;
  readonly birth: StoredEvent;
  readonly ending: Ending;
  readonly life: CredentialLife;
}

const FAMILIES = ['ce', 'aws.cloudtrail', 'vault.audit'] as const;

/** T-13: when the reason for a credential is gone, so is the credential. */
export const T13: ControlTest<Outlived> = {
  id: 'T-13',
  version: 1,
  title: 'Revocation when the reason ends',
  control:
    'A credential whose request is withdrawn, whose job has failed or was cancelled, or whose holder is deactivated, is revoked or expires within the time of the policy.',
  key: false,
  nature: 'corrective',
  frequency: 'per_event',
  population: {
    definition:
      'Credentials that were live when their request was withdrawn, their job failed or was cancelled, or the person they speak for was deactivated, in the period: one item for each credential, at the first such event.',
    source: 'own_records',
    select: selectOutlived,
  },
  stratumOf: ({ subject: { ending, birth } }) => `${birth.family}: ${ending.kind.replaceAll('_', ' ')}`,
  exclusions: [],
  attributes: [
    { code: 'outlived_reason', text: 'It was revoked, or expired, within the time of the policy.', check: endedInTime },
  ],
  minLink: 'policy',
  parameters: ({ parameters, sources }) => ({
    revoke_max: spellSeconds(parameters.revoke_max_s),
    'issuers that cannot revoke': sources.filter((source) => !canRevoke(source)).map(({ family, instance }) => `${family} ${instance}`).join(', ') || 'none',
  }),
  inputs: ['ce', 'aws.cloudtrail', 'vault.audit', 'okta.log', 'gitlab.hook'],
  proves: 'That no credential outlived the recorded end of its reason by more than the time of the policy.',
  doesNotProve: 'That a verifier honours the revocation; T-09 looks at that. Reasons that end without a record are not seen.',
}; // prettier-ignore

function selectOutlived(context: ControlContext): readonly Candidate<Outlived>[] {
  const endings = endingsOf(context);
  const found: Candidate<Outlived>[] = [];
  const seen = new Set<string>();
  for (const event of context.graph.events.values()) {
    const key = event.facts.credential?.key;
    if (key === undefined || seen.has(key) || key.startsWith('vault:lease:')) continue;
    seen.add(key);
    const birth = context.credentials.birthsOf(key).find((one) => one.facts.credential?.renewed !== true);
    if (!birth || !FAMILIES.some((family) => family === birth.family)) continue;
    const ends = reasonsOf(key, birth, context).flatMap((reason) => endings.of(reason));
    for (const ending of ends.toSorted((a, b) => a.at - b.at)) {
      const life = context.credentials.lifeOf(key, { ...birth, occurredAt: Math.max(birth.occurredAt, ending.at) });
      if (!isLive(birth, life, ending, context)) continue;
      const evidence = [birth.event, ending.event.event];
      found.push(candidate(key, ending.at, { key, birth, ending, life }, { aliases: [ending.event.event], evidence }));
      break;
    }
  }
  return found;
}

/** What a credential rests on: the request, the job, the people it speaks for. */
function reasonsOf(key: string, birth: StoredEvent, context: ControlContext): readonly string[] {
  const job = context.flows.jobOf(birth);
  const flow = birth.family === 'ce' || job === undefined ? context.flows.of(key) : undefined;
  const requests = flow === undefined ? [] : [...flow.keys].filter((one) => one.startsWith('access-request:'));
  const people = [birth.onBehalfOf, birth.actor, ...birth.actChain].flatMap((actor) => {
    const person = actor && context.identities.resolve(actor, birth.occurredAt)?.person;
    return person === undefined ? [] : [person];
  });
  return [...new Set([...requests, ...(job === undefined ? [] : [job]), ...people])];
}

// Issued before the reason ended, and not over by then. What the clocks do not decide counts as live: its end decides.
function isLive(birth: StoredEvent, life: CredentialLife, ending: Ending, { rules }: ControlContext): boolean {
  const clock = clockAt(rules, ending.event, ending.at);
  if (clockBefore(clock, clockOf(rules, birth)) === true) return false;
  return endsOf(life).every((end) => clockBefore(end, clock) !== true);
}

function endsOf({ expiry, revocation }: CredentialLife): readonly Clocked[] {
  return [expiry?.clock, revocation?.clock].filter((clock) => clock !== undefined);
}

function endedInTime({ subject }: Candidate<Outlived>, context: ControlContext): Answer {
  const { ending, life, birth } = subject;
  const limit = context.policy.parameters.revoke_max_s * 1_000_000;
  const due = ending.at + limit;
  const end = endsOf(life).toSorted((a, b) => a.at - b.at)[0];
  const what = WORDS[ending.kind];
  if (end && end.at <= due) return HOLDS;
  const evidence = [life.revocation?.event.event, life.expiry?.event.event].filter((name) => name !== undefined);
  if (end && end.at - due > 0 && clockBefore({ ...clockAt(context.rules, ending.event, due) }, end) === 'unknown')
    return undecided('order_within_skew', `Ended ${spell(end.at - ending.at)} after ${what}; the clocks do not tell whether that is within the limit`, evidence);
  const source = context.rules.sourceOf(birth.family, birth.instance);
  const exposure = end === undefined ? 'without a stated end' : `until ${spell(end.at - ending.at)} after ${what}`;
  if (life.revocation === undefined && !canRevoke(source ?? { family: birth.family }))
    return undecided('issuer_cannot_revoke', `Good ${exposure}, and its issuer cannot take it back`, evidence);
  if (context.asOf < due && (end === undefined || end.at > context.asOf))
    return undecided('not_yet_due', `Still good ${spell(context.asOf - ending.at)} after ${what}; the limit has not passed`, evidence);
  return fails('outlived_reason', `Good ${exposure}; the limit is ${spell(limit)}`, evidence);
} // prettier-ignore

const WORDS: Readonly<Record<Ending['kind'], string>> = {
  request_withdrawn: 'its request was withdrawn',
  job_ended: 'its job failed or was cancelled',
  principal_deactivated: 'the person it speaks for was deactivated',
};

/** Sessions of AWS end by time alone, unless the policy says that somebody can end them. */
function canRevoke(source: { readonly family: string; readonly can_revoke?: boolean | undefined }): boolean {
  return source.can_revoke ?? source.family !== 'aws.cloudtrail';
}
