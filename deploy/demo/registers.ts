import { HOSTS, PERIOD, personKey, roleArn } from './organisation.ts';
import type { Organisation } from './organisation.ts';

/**
 * What a company keeps on record beside its logs: reviews, alerts, snapshots of settings, versions of its rules. The
 * policy file holds it, and the control tests compare it with what the sources told. Some of it is planted (README.md).
 */

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Five in the afternoon, UTC, of a day of the quarter; the first day is 0. */
export function dayAt(number: number, hour = 17): number {
  return PERIOD.from + number * DAY + hour * HOUR;
}

/** The jobs that must have succeeded for a commit before it is deployed, by project. */
export const REQUIRED_CHECKS: Readonly<Record<string, readonly string[]>> = { 'booking/checkout': ['test'] };

/** The emergencies of the quarter, by the id of their request. */
export const EMERGENCIES = {
  reviewed: { id: 'bg-1a90be53', at: dayAt(76) },
  neglected: { id: 'bg-7c41f2d9', at: dayAt(83) },
} as const;

/** Versions of the rule by which production is decided: when each was proposed, and when it took effect. */
export const POLICY_VERSIONS = [
  { version: '7', mergeRequest: undefined, effectiveAt: Date.UTC(2026, 0, 15) },
  { version: '8', mergeRequest: { id: 900_418, at: dayAt(29, 8) }, effectiveAt: dayAt(30, 8) },
  // Proposed at nine, approved at ten, and already in force at twenty past nine.
  { version: '9', mergeRequest: { id: 900_533, at: dayAt(51, 9) }, effectiveAt: dayAt(51, 9) + HOUR / 3 },
] as const;

/** The version of the rule at a moment. */
export function policyVersionAt(at: number): string {
  return POLICY_VERSIONS.findLast(({ effectiveAt }) => effectiveAt <= at)?.version ?? POLICY_VERSIONS[0].version;
}

export const LOG_STREAMS = { approved: 'archive-eu', unapproved: 'siem-eu' } as const;
export const UNPROTECTED = { from: dayAt(45, 10), to: dayAt(45, 10) + HOUR / 5 } as const;
export const REVIEWED_AT = dayAt(21, 9);
export const DELETED_AT = { byTwo: dayAt(38, 9), byOne: dayAt(39, 9) } as const;
const REMOVED_AT = REVIEWED_AT + 23 * DAY;

/** The registers, as sections of the policy file. */
export function createRegisters(organisation: Organisation): Record<string, unknown> {
  const [first, second] = organisation.approvers.map(personKey);
  return {
    policy_versions: policyVersions(),
    protected_refs_history: organisation.projects.flatMap(({ id, path }) => [
      { project_id: id, ref: 'main', protected: true, from: stamp(Date.UTC(2026, 0, 1)) },
      ...(path === 'fleet/telemetry'
        ? [{ project_id: id, ref: 'main', protected: false, from: stamp(UNPROTECTED.from), to: stamp(UNPROTECTED.to) }]
        : []),
    ]),
    access_reviews: [{ system: 'production', from: '2026-05-04T00:00:00Z' }],
    reviews: [accessReview(organisation)],
    approved_changes: [
      {
        id: 'CHG-311',
        event_type: 'system.log_stream.lifecycle.deactivate',
        target: LOG_STREAMS.approved,
        approved_by: 'head of security',
        from: stamp(dayAt(64, 8)),
        to: stamp(dayAt(64, 20)),
      },
    ],
    findings: findings(organisation),
    deletions: [
      { object: 'okta.log/2025-01', at: stamp(DELETED_AT.byTwo), recorded_at: '2025-01-31T23:00:00Z', authorised_by: [first, second] },
      { object: 'vault.audit/2025-02', at: stamp(DELETED_AT.byOne), recorded_at: '2025-02-28T23:00:00Z', authorised_by: [first] },
    ],
  }; // prettier-ignore
}

/** The role of a project whose jobs go to a cluster: nobody needs it, the review of access finds that, and it goes late. */
export function removedRole({ projects }: Organisation): { readonly role: string; readonly until: string } {
  const project = projects.find(({ path }) => path === 'harbour/berths');
  if (!project) throw new RangeError('the organisation has no project harbour/berths');
  return { role: roleArn(project, 'production'), until: stamp(REMOVED_AT) };
}

function accessReview(organisation: Organisation): Record<string, unknown> {
  const reviewer = organisation.developers.at(-1);
  const removed = removedRole(organisation).role;
  const members = organisation.approvers.map((person) => `approver-group:production-approvers/${personKey(person)}`);
  const roles = organisation.projects.map((project) => ({
    name: roleArn(project, 'production'),
    entitlement: `role:${roleArn(project, 'production')}/project:${project.id}`,
  }));
  return {
    id: 'AR-2026-3',
    subject_type: 'access',
    subject_id: 'production',
    reviewer: reviewer && personKey(reviewer),
    at: stamp(REVIEWED_AT),
    outcome: 'one role to be removed',
    decisions: [
      ...members.map((entitlement) => ({ entitlement, decision: 'keep' })),
      ...roles.map(({ name, entitlement }) =>
        name === removed
          ? { entitlement, decision: 'remove', carried_out_at: stamp(REMOVED_AT) }
          : { entitlement, decision: 'keep' },
      ),
    ],
  };
}

/** Alerts: of both emergencies, and of a key that was used for the first time in a year. */
function findings({ approvers }: Organisation): readonly Record<string, unknown>[] {
  const onDuty = approvers.at(-1);
  const triagedBy = onDuty && personKey(onDuty);
  const { reviewed, neglected } = EMERGENCIES;
  const one = (id: string, kind: string, severity: string, subject: string, raisedAt: number, afterMs: number): Record<string, unknown> => ({
    id, kind, severity, subject, triaged_by: triagedBy,
    raised_at: stamp(raisedAt), triaged_at: stamp(raisedAt + afterMs), closed_at: stamp(raisedAt + afterMs + HOUR), outcome: 'explained',
  }); // prettier-ignore
  return [
    one('AL-71', 'break_glass', 'high', reviewed.id, reviewed.at + 60_000, HOUR / 6),
    one('AL-74', 'break_glass', 'high', neglected.id, neglected.at + (2 * HOUR) / 3, 6 * DAY),
    one('AL-66', 'dormant_key', 'medium', `host:${HOSTS.gitlab}`, dayAt(56, 9), 20 * HOUR),
  ];
}

function policyVersions(): readonly Record<string, unknown>[] {
  return POLICY_VERSIONS.map(({ version, mergeRequest, effectiveAt }) => {
    const sha256 = `${version}f1e6b2c4a9d0`.repeat(5).slice(0, 64);
    return {
      policy: 'prod-deploy',
      version,
      effective_at: stamp(effectiveAt),
      sha256,
      merged_sha256: sha256,
      ...(mergeRequest === undefined ? {} : { merge_request: { id: mergeRequest.id } }),
    };
  });
}

function stamp(at: number): string {
  return new Date(at).toISOString();
}
