import { ACCOUNTS, CLUSTERS, HOSTS, PERIOD, createOrganisation } from './organisation.ts';
import type { Organisation, Person } from './organisation.ts';
import { assumeRole, callByService, callWithSession, callWithStaticKey } from './aws.ts';
import { callByController } from './clusters.ts';
import { emitDatabaseSession } from './hoop.ts';
import { createIssuer } from './issuer.ts';
import { HOUR, MINUTE, tellFlow } from './flow.ts';
import type { FlowOptions, Teller } from './flow.ts';
import { login } from './okta.ts';
import type { NativeEvent } from './emit.ts';
import { createRandom } from './random.ts';
import type { Random } from './random.ts';

const DAY = 24 * HOUR;

/** A quarter of one company: its people, and every native event in order of time. */
export interface Story {
  readonly organisation: Organisation;
  readonly events: readonly NativeEvent[];
  readonly random: Random;
  /** Key of the job that the AI agent ran: a chain worth looking at. */
  readonly showcase: string;
}

/** Tells the quarter. The same seed gives the same story, event by event. */
export function tellStory(seed: number): Story {
  const random = createRandom(seed);
  const organisation = createOrganisation(random);
  const events: NativeEvent[] = [];
  const emit = (event: NativeEvent): void => void events.push(event);
  const teller: Teller = {
    emit,
    random,
    organisation,
    issuer: createIssuer(emit, random),
    ids: { pipeline: 410_000, job: 5_200_000, deployment: 61_000 },
  };
  for (let day = PERIOD.from; day < PERIOD.to; day += DAY) tellDay(teller, day);
  const showcase = plantExceptions(teller);
  return { organisation, events: events.toSorted((a, b) => a.at - b.at), random, showcase };
}

function tellDay(teller: Teller, day: number): void {
  const { random, organisation, emit } = teller;
  const weekday = new Date(day).getUTCDay();
  for (let hour = 0; hour < 24; hour += 8) {
    callByService(emit, random, {
      at: day + hour * HOUR + random.int(0, HOUR),
      service: 'ec2',
      name: random.chance(0.5) ? 'RunInstances' : 'TerminateInstances',
      readOnly: false,
      ip: 'autoscaling.amazonaws.com',
    });
  }
  callByController(emit, random, {
    cluster: CLUSTERS.production,
    namespace: 'berths',
    at: day + random.int(0, DAY - 1),
  });
  callWithStaticKey(emit, random, BACKUP_USER, {
    at: day + 2 * HOUR,
    service: 's3',
    name: 'PutBucketPolicy',
    readOnly: false,
    ip: '198.51.100.77',
  });
  if (weekday === 0 || weekday === 6) return;
  for (const person of organisation.people)
    if (random.chance(0.6)) login(emit, random, person, day + 6 * HOUR + random.int(0, 3 * HOUR));
  const starts = [7.5, 9.5, 11.5, 13.5, 15.2].map((hour) => day + hour * HOUR + random.int(0, 20 * MINUTE));
  starts.forEach((at, index) => tellFlow(teller, normalFlow(teller, at, index < 2 ? 'production' : 'staging')));
  if (random.chance(0.2))
    emitDatabaseSession(emit, random, {
      person: random.pick(organisation.developers),
      reviewer: random.pick(organisation.approvers),
      connection: 'bookings-prod-pg',
      at: day + 14 * HOUR,
    });
}

function normalFlow(teller: Teller, at: number, environment: 'production' | 'staging'): FlowOptions {
  const { random, organisation } = teller;
  return {
    at,
    environment,
    project: random.pick(organisation.projects),
    requester: random.pick(organisation.developers),
    approver: random.pick(organisation.approvers),
    approval: random.pick(['okta', 'okta', 'broker', 'deployment'] as const),
  };
}

export const BACKUP_USER = { name: 'backup-writer', accessKey: 'AKIAFJORDBACKUP23456' } as const;
const FORGOTTEN_USER = { name: 'old-import-job', accessKey: 'AKIAFJORDOLDIMPORT22' } as const;

/** What an auditor should find in this quarter, and what only looks like it. The days are far from each other. */
function plantExceptions(teller: Teller): string {
  const { random, organisation, emit } = teller;
  const [checkout, , berths] = organisation.projects;
  const [asker, second] = organisation.developers;
  const [approver] = organisation.approvers;
  if (!checkout || !berths || !asker || !second || !approver) throw new RangeError('the organisation is too small');
  const day = (number: number): number => PERIOD.from + number * DAY + 17 * HOUR;
  const base = { environment: 'production', project: checkout, requester: asker, approver, approval: 'okta' } as const;
  tellFlow(teller, { ...base, at: day(7), approval: 'none' });
  tellFlow(teller, { ...base, at: day(13), lateApprovalMs: 95_000 });
  tellFlow(teller, { ...base, at: day(20), approval: 'deployment', approver: asker });
  tellFlow(teller, { ...base, at: day(27), lifetimeMs: 6 * HOUR });
  tellFlow(teller, { ...base, at: day(34), project: berths, lateUse: { afterMs: 4 * MINUTE, refused: false } });
  tellFlow(teller, { ...base, at: day(35), project: berths, lateUse: { afterMs: 4 * MINUTE, refused: true } });
  tellFlow(teller, { ...base, at: day(41), variables: [{ key: 'DEPLOY_TOKEN', value: `glpat-${random.word(20)}` }] });
  const staging = tellFlow(teller, { ...base, at: day(48), environment: 'staging' });
  if (staging.session) {
    callWithSession(emit, random, staging.session, {
      at: staging.issuedAt + 40_000,
      account: ACCOUNTS.production,
      service: 'ssm',
      name: 'PutParameter',
      readOnly: false,
      ip: '198.51.100.90',
    });
    callWithSession(emit, random, staging.session, {
      at: staging.issuedAt + 50_000,
      account: ACCOUNTS.production,
      service: 'ssm',
      name: 'GetParameter',
      readOnly: true,
      ip: '198.51.100.90',
      error: 'AccessDenied',
    });
  }
  callWithStaticKey(emit, random, FORGOTTEN_USER, {
    at: day(55),
    service: 'rds',
    name: 'ModifyDBInstance',
    readOnly: false,
    ip: '203.0.113.250',
  });
  tellConsoleChange(teller, second, day(62));
  const agentRun = tellFlow(teller, { ...base, at: day(69), requester: organisation.agent, approval: 'broker' });
  tellBreakGlass(teller, { holder: second, reviewer: approver, at: day(76) });
  return `gitlab:job:${HOSTS.gitlab}/${agentRun.run.jobId}`;
}

/** A change by hand: an administrator's session that no request, job or token explains. */
function tellConsoleChange(teller: Teller, person: Person, at: number): void {
  const { emit, random } = teller;
  const session = {
    account: ACCOUNTS.production,
    roleArn: `arn:aws:iam::${ACCOUNTS.production}:role/aws-reserved/sso.amazonaws.com/Administrator`,
    roleId: 'AROASSOADMIN234567ABC',
    name: person.email,
    accessKey: `ASIA${random.word(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`,
    openedAt: at - 20 * MINUTE,
    providerHost: HOSTS.okta,
  };
  callWithSession(emit, random, session, {
    at,
    service: 'ec2',
    name: 'RevokeSecurityGroupIngress',
    readOnly: false,
    ip: person.ip,
  });
  callWithSession(emit, random, session, {
    at: at + MINUTE,
    service: 'ec2',
    name: 'DescribeInstances',
    readOnly: true,
    ip: person.ip,
  });
}

function tellBreakGlass(teller: Teller, emergency: { holder: Person; reviewer: Person; at: number }): void {
  const { emit, random, issuer, organisation } = teller;
  const { holder, at } = emergency;
  const [project] = organisation.projects;
  if (!project) throw new RangeError('no project');
  const requestId = `bg-${random.hex(8)}`;
  login(emit, random, holder, at - 2 * MINUTE);
  issuer.requested({ requestId, requester: holder, project, at, breakGlass: true });
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
  callWithSession(emit, random, session, {
    at: at + 5 * MINUTE,
    service: 'ecs',
    name: 'UpdateService',
    readOnly: false,
    ip: holder.ip,
  });
  callWithSession(emit, random, session, {
    at: at + 9 * MINUTE,
    service: 'rds',
    name: 'RebootDBInstance',
    readOnly: false,
    ip: holder.ip,
  });
  issuer.revoked({ jti, holder, at: at + 40 * MINUTE });
  issuer.reviewed({ requestId, reviewer: emergency.reviewer, at: at + 20 * HOUR });
}
