import type { FlowOptions, Teller } from './flow.ts';
import { emitDeploymentApproval } from './gitlab.ts';
import { login, requestAccess, resolveAccess } from './okta.ts';
import { targetName } from './organisation.ts';
import type { Person } from './organisation.ts';
import type { Run } from './run.ts';

const MINUTE = 60_000;

/** What a token rests on. */
export interface Approval {
  readonly requestId: string;
  readonly oktaRequest?: { readonly id: string; readonly approver: Person; readonly at: number };
  readonly brokerApproval?: { readonly approver: Person; readonly at: number };
}

/** Tells request and approval of a deployment, where they are given: Okta, the token service, or GitLab. */
export function tellApproval(teller: Teller, options: FlowOptions, run: Run, at: number): Approval {
  const { emit, random, issuer } = teller;
  const requestId = `tr-${random.hex(10)}`;
  const { approver, requester, approverFactor: factor } = options;
  if (options.environment === 'staging' || options.approval === 'none' || !approver) return { requestId };
  const asker = requester.sponsor ?? requester;
  const project = options.asksFor ?? options.project;
  const session = login(emit, random, asker, options.at - 3 * MINUTE);
  if (options.approval === 'okta') {
    const role = targetName(project, 'production');
    const id = requestAccess(emit, random, { requester: asker, session, project, role, at: options.at });
    resolveAccess(emit, random, { id, approver, requester: asker, project, role, at, factor });
    return { requestId, oktaRequest: { id, approver, at } };
  }
  login(emit, random, approver, at - 4 * MINUTE, factor);
  if (options.approval === 'broker') {
    const reason =
      options.withoutReason === true ? undefined : `release of ${project.name}, pipeline ${run.pipelineId}`;
    issuer.requested({ requestId, requester: asker, project, at: options.at, reason });
    issuer.approved({ requestId, requester: asker, approver, project, at });
    return { requestId, brokerApproval: { approver, at } };
  }
  emitDeploymentApproval(emit, random, { run, approver, at: Math.max(at, run.createdAt + 30_000) });
  return { requestId };
}
