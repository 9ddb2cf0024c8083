import { CLUSTERS, PERIOD, POLICY_PROJECT, createOrganisation } from './organisation.ts';
import type { Organisation } from './organisation.ts';
import { callByService, callWithStaticKey } from './aws.ts';
import { callByController } from './clusters.ts';
import { emitMergeRequest } from './gitlab.ts';
import { emitDatabaseSession } from './hoop.ts';
import { createIssuer } from './issuer.ts';
import { HOUR, MINUTE, tellFlow } from './flow.ts';
import type { FlowOptions, Teller } from './flow.ts';
import { login } from './okta.ts';
import { plant } from './planted.ts';
import { BACKUP_USER, LEAVES_AT } from './planted-acts.ts';
import type { NativeEvent } from './emit.ts';
import { createRandom } from './random.ts';
import type { Random } from './random.ts';
import { POLICY_VERSIONS } from './registers.ts';

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
  tellPolicyChanges(teller);
  const showcase = plant(teller);
  return { organisation, events: events.toSorted((a, b) => a.at - b.at), random, showcase };
}

function tellDay(teller: Teller, day: number): void {
  const { random, organisation, emit } = teller;
  const weekday = new Date(day).getUTCDay();
  tellAutomation(teller, day);
  if (weekday === 0 || weekday === 6) return;
  for (const person of organisation.people)
    if (random.chance(0.3) && (person !== organisation.leaver || day + DAY < LEAVES_AT))
      login(emit, random, person, day + 6 * HOUR + random.int(0, 3 * HOUR));
  const starts = [7.5, 9.5, 11.5, 13.5, 15.2].map((hour) => day + hour * HOUR + random.int(0, 20 * MINUTE));
  starts.forEach((at, index) => tellFlow(teller, normalFlow(teller, at, index < 2 ? 'production' : 'staging')));
  if (random.chance(0.1))
    emitDatabaseSession(emit, random, {
      person: random.pick(organisation.developers),
      reviewer: random.pick(organisation.approvers),
      connection: 'bookings-prod-pg',
      at: day + 14 * HOUR,
    });
}

/** What goes on by itself, on every day of the week. */
function tellAutomation({ emit, random }: Teller, day: number): void {
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
}

function normalFlow(teller: Teller, at: number, environment: 'production' | 'staging'): FlowOptions {
  const { random, organisation } = teller;
  const project = random.pick(organisation.projects);
  return {
    at,
    environment,
    project,
    requester: random.pick(organisation.developers),
    approver: random.pick(organisation.approvers),
    approval: random.pick(['okta', 'okta', 'broker', 'deployment'] as const),
    // A job that fails is nothing unusual; its token ends by itself soon after.
    failed: environment === 'staging' && project.target === 'kubernetes' && random.chance(0.15),
  };
}

/** The rules of access change by merge requests of their own. */
function tellPolicyChanges({ emit, random, organisation }: Teller): void {
  const [author, reviewer] = organisation.developers.slice(-2);
  if (!author || !reviewer) throw new RangeError('the organisation is too small');
  for (const { mergeRequest } of POLICY_VERSIONS)
    if (mergeRequest) emitMergeRequest(emit, random, { project: POLICY_PROJECT, author, reviewer, ...mergeRequest });
}
