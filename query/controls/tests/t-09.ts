import { clockBefore } from '../../../model/time.ts';
import type { Truth } from '../../../model/truth.ts';
import { happenedBefore } from '../../chains/order.ts';
import { clockOf } from '../../chains/rules.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import type { CredentialEnd, CredentialLife } from '../credentials.ts';
import type { Use } from '../uses.ts';
import { spell } from '../words.ts';

interface KnownUse {
  readonly use: Use;
  readonly life: CredentialLife;
}

/** T-09: nobody is let in with a credential that has ended. */
export const T09: ControlTest<KnownUse> = {
  id: 'T-09',
  version: 1,
  title: 'No successful use after expiry or revocation',
  control: 'A credential is refused from the moment it expires or is revoked.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Uses of resources in the period, of whatever outcome, with a credential that belongs to a known flow. Logins and calls that only fetch a credential are left out.',
    source: 'independent',
    select: selectKnownUses,
  },
  stratumOf: stratumOfUse,
  exclusions: [],
  attributes: [
    {
      code: 'after_expiry',
      text: 'The use does not succeed after the stated end, beyond skew and resolution of the clocks.',
      check: isBeforeExpiry,
    },
    { code: 'after_revocation', text: 'The use does not succeed after the revocation.', check: isBeforeRevocation },
  ],
  minLink: 'policy',
  parameters: (policy) =>
    Object.fromEntries(
      Object.entries(policy.parameters.verifier_cache_s).map(([name, cache]) => [
        `verifier_cache ${name}`,
        `${cache} s`,
      ]),
    ),
  inputs: ['ce', 'aws.cloudtrail', 'k8s.audit', 'vault.audit'],
  proves:
    'That no recorded use succeeded after the end that the issuer had stated, or after the revocation that it reported.',
  doesNotProve:
    'Anything of targets that check a credential only when a session begins: a session has an end of its own, and that is the one looked at.',
};

function selectKnownUses({ uses, credentials, flows }: ControlContext): readonly Candidate<KnownUse>[] {
  return uses.inPeriod.flatMap((use) => {
    if (use.credential === undefined) return [];
    const life = credentials.lifeOf(use.credential, use.event);
    if (
      life.birth === undefined &&
      life.expiry === undefined &&
      life.revocation === undefined &&
      flows.reachOf(use.event) === undefined
    )
      return [];
    return [
      {
        canonical: use.id,
        item: use.event.event,
        aliases: use.others,
        at: use.event.occurredAt,
        evidence: [use.event.event],
        subject: { use, life },
      },
    ];
  });
}

function isBeforeExpiry({ subject: { use, life } }: Candidate<KnownUse>, { rules }: ControlContext): Answer {
  if (!use.succeeded || !life.expiry) return HOLDS;
  const grace = verifierCacheUs(use, rules.policy.parameters.verifier_cache_s);
  const end = { ...life.expiry.clock, at: life.expiry.clock.at + grace };
  return answer('after_expiry', clockBefore(end, clockOf(rules, use.event)), use, life.expiry);
}

function isBeforeRevocation({ subject: { use, life } }: Candidate<KnownUse>, { graph, rules }: ControlContext): Answer {
  if (!use.succeeded || !life.revocation) return HOLDS;
  return answer(
    'after_revocation',
    happenedBefore(graph, life.revocation.event, use.event, rules),
    use,
    life.revocation,
  );
}

function answer(code: string, ended: Truth, use: Use, end: CredentialEnd): Answer {
  if (ended === false) return HOLDS;
  const distance = use.event.occurredAt - end.clock.at;
  const place = `${spell(distance)} ${distance < 0 ? 'before' : 'after'} the ${end.kind === 'expiry' ? 'stated end' : 'revocation'} of the credential`;
  if (ended === true) return fails(code, `Accepted ${place}`, [end.event.event]);
  return undecided('order_within_skew', `Accepted ${place}; the clocks do not tell which came first`, [
    end.event.event,
  ]);
}

/** Seconds for which a verifier may answer from memory, by its name or by its kind of source (sources.md 1.9.1). */
function verifierCacheUs(use: Use, caches: Readonly<Record<string, number>>): number {
  const name = [use.event.instance, use.event.family].find((candidate) => Object.hasOwn(caches, candidate));
  return name === undefined ? 0 : (caches[name] ?? 0) * 1_000_000;
}

function stratumOfUse({ subject: { use, life } }: Candidate<KnownUse>): string {
  const end = Math.min(
    life.expiry?.clock.at ?? Number.POSITIVE_INFINITY,
    life.revocation?.clock.at ?? Number.POSITIVE_INFINITY,
  );
  if (!use.succeeded) return use.event.occurredAt > end ? 'refused after the end' : 'refused';
  return end === Number.POSITIVE_INFINITY
    ? `${use.event.family}: no end recorded`
    : `${use.event.family}: end recorded`;
}
