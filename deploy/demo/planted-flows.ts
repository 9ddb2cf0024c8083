import { callWithSession } from './aws.ts';
import { HOUR, MINUTE, tellFlow } from './flow.ts';
import type { FlowOptions, Teller } from './flow.ts';
import { ACCOUNTS } from './organisation.ts';
import type { Project } from './organisation.ts';
import { brokenChains } from './planting.ts';
import type { Planting } from './planting.ts';
import { dayAt } from './registers.ts';

/** A production deployment of checkout with nothing wrong about it; `changes` make it wrong. */
export function ordinary({ organisation }: Teller, at: number, changes: Partial<FlowOptions> = {}): FlowOptions {
  const [requester] = organisation.developers;
  const [approver] = organisation.approvers;
  if (!requester || !approver) throw new RangeError('the organisation is too small');
  const project = projectOf(organisation.projects, 'booking/checkout');
  return { environment: 'production', project, requester, approver, approval: 'okta', at, ...changes };
}

function projectOf(projects: readonly Project[], path: string): Project {
  const found = projects.find((project) => project.path === path);
  if (!found) throw new RangeError(`the organisation has no project ${path}`);
  return found;
}

type Change = (teller: Teller) => Partial<FlowOptions>;

/** A deployment in which one thing is wrong. */
function flow(day: number, what: string, exceptions: Planting['exceptions'], change: Change): Planting {
  return {
    at: dayAt(day),
    what,
    exceptions,
    tell: (teller, at) => void tellFlow(teller, ordinary(teller, at, change(teller))),
  };
}

const named = (path: string): Change => ({ organisation: { projects } }) => ({ project: projectOf(projects, path) }); // prettier-ignore

/** Deployments in which one thing is wrong each. */
export const PLANTED_FLOWS: readonly Planting[] = [
  flow(
    7,
    'a production token issued without any approval',
    [['T-01', 'no_approval'], ['T-05', 'too_few_approvers'], ...brokenChains(3)],
    () => ({ approval: 'none' }),
  ),
  flow(
    13,
    'an approval that came 95 s after the token',
    [['T-01', 'approval_after_issue'], ['T-05', 'too_few_approvers'], ...brokenChains(3)],
    () => ({ lateApprovalMs: 95_000 }),
  ),
  flow(
    20,
    'somebody approves a deployment of her own',
    [
      ['T-02', 'same_person'],
      ['T-03', 'not_in_group'],
    ],
    ({
      organisation: {
        developers: [self],
      },
    }) => ({ approval: 'deployment', ...(self ? { approver: self } : {}) }),
  ),
  flow(
    27,
    'a token of six hours, not taken back when its job failed',
    [
      ['T-08', 'lifetime'],
      ['T-13', 'outlived_reason'],
    ],
    (teller) => ({ ...named('harbour/berths')(teller), lifetimeMs: 6 * HOUR, failed: true }),
  ),
  flow(
    34,
    'a token that a cluster accepted four minutes after its end',
    [
      ['T-09', 'after_expiry'],
      ['T-10', 'outside_window'],
    ],
    (teller) => ({ ...named('harbour/berths')(teller), lateUse: { afterMs: 4 * MINUTE, refused: false } }),
  ),
  {
    at: dayAt(48),
    what: 'a staging session that changed a parameter of production',
    exceptions: [['T-22', 'nonprod_on_prod'], ['T-23', 'outside_place'], ...brokenChains(1)],
    tell: crossOver,
  },
  flow(9, 'a token for another role than was approved', [['T-04', 'role']], ({ organisation: { projects } }) => ({
    asksFor: projectOf(projects, 'harbour/timetable'),
  })),
  flow(15, 'a request for production that does not say why', [['T-06', 'no_reason']], () => ({
    approval: 'broker',
    withoutReason: true,
  })),
  flow(
    16,
    "a project that takes another project's role",
    [['T-07', 'role_not_allowed']],
    ({ organisation: { projects } }) => ({
      environment: 'staging',
      project: projectOf(projects, 'harbour/timetable'),
      takesRoleOf: projectOf(projects, 'booking/checkout'),
    }),
  ),
  {
    at: dayAt(22),
    what: "a session of a job that was also used from a person's computer",
    exceptions: [
      ['T-10', 'foreign_address'],
      ['T-11', 'two_networks'],
    ],
    tell: useElsewhere,
  },
  flow(
    23,
    'an approver who logged in with a one-time code instead of a security key',
    [['T-14', 'factor_class']],
    () => ({ approverFactor: 'TOKEN_SOFTWARE_TOTP' }),
  ),
  flow(
    70,
    'an AI agent in a role that it may not hold',
    [['T-19', 'role_not_allowed']],
    ({ organisation: { projects, agent } }) => ({
      requester: agent,
      approval: 'broker',
      project: projectOf(projects, 'harbour/timetable'),
    }),
  ),
  flow(
    28,
    'a deployment from a branch that nobody merged',
    [
      ['T-20', 'ref_unprotected'],
      ['T-24', 'no_merge'],
    ],
    () => ({ unmerged: 'hotfix-rates' }),
  ),
  flow(36, 'a production job on the runner that all share', [['T-21', 'runner_shared']], () => ({
    onSharedRunner: true,
  })),
  flow(37, 'a deployment although the tests had failed', [['T-28', 'check_failed']], () => ({ failedTests: true })),
];

/** A session opened for staging is used on the production account: once let through, once refused. */
function crossOver(teller: Teller, at: number): void {
  const { emit, random, organisation } = teller;
  const staging = tellFlow(teller, ordinary(teller, at, { environment: 'staging' }));
  if (!staging.session) throw new RangeError('the flow opened no session');
  const call = { account: ACCOUNTS.production, service: 'ssm', ip: organisation.runners.shared.ip };
  const put = { ...call, name: 'PutParameter', readOnly: false, at: staging.issuedAt + 40_000 };
  callWithSession(emit, random, staging.session, put);
  const get = { ...call, name: 'GetParameter', readOnly: true, error: 'AccessDenied', at: staging.issuedAt + 50_000 };
  callWithSession(emit, random, staging.session, get);
}

/** The session of a job is used from the computer of whoever started it, while the job still runs. */
function useElsewhere(teller: Teller, at: number): void {
  const { emit, random } = teller;
  const { session, run, issuedAt } = tellFlow(teller, ordinary(teller, at));
  if (!session) throw new RangeError('the flow opened no session');
  callWithSession(emit, random, session, {
    at: issuedAt + 50_000,
    service: 'ssm',
    name: 'GetParameter',
    readOnly: true,
    ip: run.player.ip,
  });
}
