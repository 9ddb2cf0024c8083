import { tellFlow } from './flow.ts';
import type { Teller } from './flow.ts';
import { HOSTS } from './organisation.ts';
import { PLANTED_ACTS, tellNearMisses } from './planted-acts.ts';
import { PLANTED_FLOWS, ordinary } from './planted-flows.ts';
import type { Planting } from './planting.ts';
import { DELETED_AT, POLICY_VERSIONS, REVIEWED_AT, UNPROTECTED, dayAt } from './registers.ts';

/** What the registers of the policy file tell, without any event of a source. */
const PLANTED_RECORDS: readonly Planting[] = [
  {
    at: REVIEWED_AT,
    what: 'a role that a review of access removed, and that went three weeks later',
    exceptions: [['T-18', 'not_carried_out']],
  },
  {
    at: POLICY_VERSIONS[2].effectiveAt,
    what: 'a rule that was in force 40 min before anybody approved it',
    exceptions: [['T-26', 'effective_first']],
  },
  {
    at: UNPROTECTED.from,
    what: 'a main branch without protection for twelve minutes',
    exceptions: [['T-27', 'guardrail_weakened']],
  },
  {
    at: DELETED_AT.byOne,
    what: 'evidence deleted on the word of one person',
    exceptions: [['T-36', 'not_authorised']],
  },
];

/** Everything that an auditor should find in the quarter, in order of time. */
export const PLANTED: readonly Planting[] = [...PLANTED_FLOWS, ...PLANTED_ACTS, ...PLANTED_RECORDS].toSorted(
  (a, b) => a.at - b.at,
);

/** Tells what is planted, and what only looks like it; gives the key of the job that an AI agent ran as it should. */
export function plant(teller: Teller): string {
  for (const { tell, at } of PLANTED) tell?.(teller, at);
  tellNearMisses(teller);
  const { agent } = teller.organisation;
  const { run } = tellFlow(teller, ordinary(teller, dayAt(69), { requester: agent, approval: 'broker' }));
  return `gitlab:job:${HOSTS.gitlab}/${run.jobId}`;
}
