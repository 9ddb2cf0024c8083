import { assumeRole, callWithSession } from './aws.ts';
import { HOUR, MINUTE } from './flow.ts';
import type { Teller } from './flow.ts';
import { login } from './okta.ts';
import { ACCOUNTS, HOSTS } from './organisation.ts';
import type { Person } from './organisation.ts';

/** Somebody breaks the glass, works for a while, gives the access back, and somebody else looks at it later. */
export function tellEmergency(
  teller: Teller,
  emergency: { requestId: string; holder: Person; at: number; reviewedAfterMs: number },
): void {
  const { emit, random, issuer, organisation } = teller;
  const { requestId, holder, at } = emergency;
  const [project] = organisation.projects;
  const [reviewer] = organisation.approvers;
  if (!project || !reviewer) throw new RangeError('the organisation is too small');
  login(emit, random, holder, at - 2 * MINUTE);
  const reason = 'INC-2207 bookings down';
  issuer.requested({ requestId, requester: holder, project, at, reason, breakGlass: true });
  issuer.approved({ requestId, requester: holder, project, at: at + 1_000, breakGlass: true });
  const jti = issuer.issued({ requestId, holder, at: at + 2_000, expiresAt: at + HOUR });
  const session = assumeRole(emit, random, {
    account: ACCOUNTS.production,
    roleArn: `arn:aws:iam::${ACCOUNTS.production}:role/breakglass-admin`,
    name: `bg-${requestId}`,
    providerHost: new URL(HOSTS.broker).host,
    subject: holder.oktaId,
    sourceIdentity: jti,
    ip: holder.ip,
    at: at + 6_000,
  });
  const call = { readOnly: false, ip: holder.ip };
  callWithSession(emit, random, session, { ...call, at: at + 5 * MINUTE, service: 'ecs', name: 'UpdateService' });
  callWithSession(emit, random, session, { ...call, at: at + 9 * MINUTE, service: 'rds', name: 'RebootDBInstance' });
  issuer.revoked({ jti, holder, at: at + 40 * MINUTE });
  issuer.reviewed({ requestId, reviewer, at: at + emergency.reviewedAfterMs });
}
