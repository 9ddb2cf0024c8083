import { typeOfKey } from '../../../model/key.ts';
import { isProduction } from '../../chains/environments.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import type { Use } from '../uses.ts';

interface Crossing {
  readonly use: Use;
  /** The credential, or its forebear, that was made for another environment. */
  readonly origin: { readonly key: string; readonly environment: string };
}

/** T-22: what was made for another environment is of no use in production. */
export const T22: ControlTest<Crossing> = {
  id: 'T-22',
  version: 1,
  title: 'Non-production credential never reaches production',
  control: 'A credential that was made for another environment, or derived from one, is refused by production.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Uses in the period, of whatever outcome, with a credential that was made for an environment other than production or derived from such a one; taking on a role counts as a use.',
    source: 'independent',
    select: selectForeignUses,
  },
  stratumOf: ({ subject: { use } }) => `${use.event.family}: ${use.succeeded ? 'accepted' : 'refused'}`,
  exclusions: [],
  attributes: [
    {
      code: 'nonprod_on_prod',
      text: 'The resource is not a production resource, or the use was refused.',
      check: staysOutside,
    },
  ],
  minLink: 'policy',
  analytics: countReverse,
  parameters: (policy) => ({ 'production environments': policy.environments.production.join(', ') }),
  inputs: ['ce', 'aws.cloudtrail', 'k8s.audit', 'vault.audit'],
  proves: 'That no recorded use with a credential of another environment succeeded on a production resource.',
  doesNotProve: 'That networks are separated, nor anything of credentials whose environment nobody states.',
};

function selectForeignUses({ uses, credentials, rules }: ControlContext): readonly Candidate<Crossing>[] {
  return [...uses.inPeriod, ...uses.exchanges].flatMap((use) => {
    if (use.credential === undefined) return [];
    const origin = credentials
      .originsOf(use.credential, use.event)
      .find((candidate) => !isProduction(candidate.environment, rules));
    if (!origin) return [];
    return [
      {
        canonical: use.id,
        item: use.event.event,
        aliases: use.others,
        at: use.event.occurredAt,
        evidence: [use.event.event],
        subject: { use, origin },
      },
    ];
  });
}

/** The reverse, which decides nothing: what was made for production and was accepted elsewhere may leak what it can reach. */
function countReverse({ uses, credentials, rules }: ControlContext): Readonly<Record<string, string>> {
  const reverse = uses.inPeriod.filter(
    ({ event, credential, succeeded, production, environment }) =>
      credential !== undefined &&
      succeeded &&
      environment !== undefined &&
      !production &&
      credentials.originsOf(credential, event).some((origin) => isProduction(origin.environment, rules)),
  );
  return { 'accepted by other environments with a credential of production': String(reverse.length) };
}

function staysOutside({ subject: { use, origin } }: Candidate<Crossing>, { credentials }: ControlContext): Answer {
  if (!use.succeeded) return HOLDS;
  const evidence = credentials
    .birthsOf(origin.key)
    .slice(0, 1)
    .map((birth) => birth.event);
  const named =
    typeOfKey(origin.key) === 'gitlab:job'
      ? `given to ${origin.key}, a ${origin.environment} job`
      : `derived from ${origin.key}, which was made for ${origin.environment}`;
  if (use.production)
    return fails(
      'nonprod_on_prod',
      `${use.event.resource?.key ?? 'A production resource'} accepted a credential ${named}`,
      evidence,
    );
  if (use.environment === undefined)
    return undecided(
      'unclassified_resource',
      `The policy does not say what ${use.event.resource?.key ?? 'the resource'} is; the credential was ${named}`,
      evidence,
    );
  return HOLDS;
}
