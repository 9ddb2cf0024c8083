import { coverageOf } from '../chain-coverage.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import type { Use } from '../uses.ts';

/** T-38: of how much of what touched production the whole story is known. */
export const T38: ControlTest<Use> = {
  id: 'T-38',
  version: 1,
  title: 'Chain coverage',
  control:
    'For each use of production it is known who asked, who approved, which job ran, with which token, at the accepted grade; the share for which it is not stays below the limit of the policy.',
  key: true,
  nature: 'detective',
  frequency: 'per_event',
  population: {
    definition:
      'Successful uses of production resources in the period, reads and changes, from the logs of the targets themselves; and uses of resources that the policy does not classify.',
    source: 'independent',
    select: ({ uses }) =>
      uses.inPeriod
        .filter((use) => use.succeeded && TARGETS.has(use.event.family) && (use.production || use.environment === undefined))
        .map((use) => candidate(use.event.event, use.event.occurredAt, use, { canonical: use.id, aliases: use.others, evidence: [use.event.event] })),
  },
  stratumOf: ({ subject }, context) => `${subject.event.family}: ${subject.environment === undefined ? 'unclassified' : (coverageOf(subject, context).grade ?? 'orphan')}`,
  exclusions: [
    {
      code: 'registered_automation',
      text: 'Registered automation, which has no chain by design.',
      applies: ({ subject }) => (subject.automation === undefined ? undefined : `Made by registered automation: ${subject.automation}`),
    },
    {
      code: 'break_glass',
      text: 'Emergency access, which has neither approver nor job by design; see its review.',
      applies: ({ subject }, context) => (coverageOf(subject, context).emergency ? 'Made with emergency access; see its review' : undefined),
    },
    {
      code: 'within_coverage_limit',
      text: 'A use without a whole chain, while the share of whole chains is not below the limit: listed, and no exception.',
      applies: ({ subject }, context) => {
        if (subject.environment === undefined || coverageOf(subject, context).missing.length === 0) return undefined;
        return isEnough(context) ? `Not known: ${coverageOf(subject, context).missing.join(', ')}` : undefined;
      },
    },
  ],
  attributes: [
    { code: 'unclassified_resource', text: 'The policy says to which environment the resource belongs.', check: isClassified },
    { code: 'incomplete_chain', text: 'Requester, approver, job and token are known at the accepted grade, or the share for which they are is high enough.', check: isWhole },
  ],
  minLink: 'policy',
  analytics: tellShares,
  parameters: ({ parameters }) => ({ coverage_min: `${Number((100 * parameters.coverage_min).toFixed(4))} %`, minimum_link: parameters.minimum_link }),
  inputs: ['aws.cloudtrail', 'k8s.audit', 'vault.audit', 'ce', 'gitlab.hook'],
  proves: 'For what share of what the targets recorded the other tests could look at the whole chain.',
  doesNotProve: 'Anything of uses that a target does not log.',
}; // prettier-ignore

const TARGETS: ReadonlySet<string> = new Set(['aws.cloudtrail', 'k8s.audit', 'vault.audit']);

interface Share {
  readonly whole: number;
  readonly all: number;
  readonly orphans: number;
  readonly unclassified: number;
}

const remembered = new WeakMap<ControlContext, Share>();

/** Over the uses that a chain is expected of: not automation, not emergencies, not what nobody classified. */
function shareOf(context: ControlContext): Share {
  const known = remembered.get(context);
  if (known) return known;
  const uses = T38.population.select(context).map(({ subject }) => subject).filter(({ automation }) => automation === undefined);
  const classified = uses.filter((use) => use.environment !== undefined && !coverageOf(use, context).emergency);
  const share = {
    whole: classified.filter((use) => coverageOf(use, context).missing.length === 0).length,
    all: classified.length,
    orphans: classified.filter((use) => coverageOf(use, context).grade === undefined).length,
    unclassified: uses.filter((use) => use.environment === undefined).length,
  };
  remembered.set(context, share);
  return share;
} // prettier-ignore

function isEnough(context: ControlContext): boolean {
  const { whole, all } = shareOf(context);
  return all > 0 && whole >= context.policy.parameters.coverage_min * all;
}

function isClassified({ subject }: Candidate<Use>): Answer {
  return subject.environment === undefined
    ? undecided('unclassified_resource', `The policy does not say to which environment ${subject.event.resource?.key ?? 'the resource'} belongs`)
    : HOLDS;
} // prettier-ignore

function isWhole({ subject }: Candidate<Use>, context: ControlContext): Answer {
  if (subject.environment === undefined) return HOLDS;
  const { missing } = coverageOf(subject, context);
  if (missing.length === 0) return HOLDS;
  const { whole, all } = shareOf(context);
  return fails('incomplete_chain', `Not known: ${missing.join(', ')}; of ${all} uses ${whole} have a whole chain`);
}

function tellShares(context: ControlContext): Readonly<Record<string, string>> {
  const { whole, all, orphans, unclassified } = shareOf(context);
  const share = all === 0 ? 'no uses' : `${((100 * whole) / all).toFixed(2)} % (${whole} of ${all})`;
  return { 'whole chains': share, orphans: String(orphans), 'unclassified resources': String(unclassified) };
}
