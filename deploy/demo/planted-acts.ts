import { callWithSession, callWithStaticKey } from './aws.ts';
import { callByController } from './clusters.ts';
import { tellEmergency } from './emergency.ts';
import { HOUR, MINUTE, tellFlow } from './flow.ts';
import type { Teller } from './flow.ts';
import { deactivate, stopLogStream } from './okta.ts';
import { ACCOUNTS, CLUSTERS, HOSTS } from './organisation.ts';
import type { Person } from './organisation.ts';
import { ordinary } from './planted-flows.ts';
import { brokenChains } from './planting.ts';
import type { Planting } from './planting.ts';
import { EMERGENCIES, LOG_STREAMS, dayAt } from './registers.ts';

export const BACKUP_USER = { name: 'backup-writer', accessKey: 'AKIAFJORDBACKUP23456' } as const;
const FORGOTTEN_USER = { name: 'old-import-job', accessKey: 'AKIAFJORDOLDIMPORT22' } as const;

/** When the leaver's account is shut, and when something of hers runs all the same. */
export const LEAVES_AT = dayAt(42, 9);
const RUNS_AFTER_LEAVING = dayAt(44);

/** CloudTrail's fast way loses this hour of a Sunday; the file with it comes five hours later. */
export const LATE_FILE = { from: dayAt(67, 16), to: dayAt(67, 17), laterMs: 5 * HOUR } as const;

/** What is wrong beside the deployments: by hand, by forgotten accounts, in emergencies, by machines. */
export const PLANTED_ACTS: readonly Planting[] = [
  {
    at: dayAt(55),
    what: 'a forgotten static key that changed a production database',
    exceptions: [['T-12', 'static_key'], ['T-17', 'unresolved'], ['T-25', 'no_chain'], ...brokenChains(1)],
    tell: ({ emit, random }, at) =>
      callWithStaticKey(emit, random, FORGOTTEN_USER, {
        at,
        service: 'rds',
        name: 'ModifyDBInstance',
        readOnly: false,
        ip: '203.0.113.250',
      }),
  },
  {
    at: dayAt(62),
    what: 'a change of production by hand in the console',
    exceptions: [['T-25', 'no_chain'], ...brokenChains(2)],
    tell: (teller, at) => tellConsoleChange(teller, someone(teller, 1), at),
  },
  {
    at: EMERGENCIES.neglected.at,
    what: 'an emergency access that was alerted 40 min late, looked at after six days and reviewed after eight',
    exceptions: [
      ['T-29', 'late_review'],
      ['T-30', 'late_alert'],
      ['T-39', 'late_triage'],
    ],
    tell: (teller, at) =>
      tellEmergency(teller, { requestId: EMERGENCIES.neglected.id, holder: someone(teller, 2), at, reviewedAfterMs: 187 * HOUR }),
  }, // prettier-ignore
  {
    at: RUNS_AFTER_LEAVING,
    what: 'a pipeline of somebody who had left two days before',
    exceptions: [['T-15', 'leaver_active']],
    tell: (teller, at) => {
      const { emit, random, organisation } = teller;
      const { leaver, projects } = organisation;
      deactivate(emit, random, someone(teller, 8), leaver, LEAVES_AT);
      const project = projects.find(({ target }) => target === 'kubernetes') ?? projects[0];
      tellFlow(teller, ordinary(teller, at, { environment: 'staging', requester: leaver, ...(project ? { project } : {}) }));
    },
  }, // prettier-ignore
  {
    at: dayAt(53, 3),
    what: "the clock of the staging cluster, 14 s ahead on a Sunday night's hour",
    exceptions: [['T-33', 'clock_ahead']],
    tell: ({ emit, random }, at) =>
      callByController(emit, random, { cluster: CLUSTERS.staging, namespace: 'berths', at: at + MINUTE, aheadMs: 14_000 }),
  }, // prettier-ignore
  {
    at: LATE_FILE.from,
    what: 'an hour of CloudTrail that arrived five hours late',
    exceptions: [['T-34', 'late']],
    tell: ({ emit, random }, at) =>
      callWithStaticKey(emit, random, BACKUP_USER, {
        at: at + 10 * MINUTE,
        service: 's3',
        name: 'PutBucketPolicy',
        readOnly: false,
        ip: '198.51.100.77',
      }),
  },
  {
    at: dayAt(65),
    what: "a copy of Okta's log switched off without an approved change",
    exceptions: [['T-35', 'destination_removed_without_change']],
    tell: (teller, at) => stopLogStream(teller.emit, teller.random, someone(teller, 8), LOG_STREAMS.unapproved, at),
  },
];

/** What only looks wrong, and no test may note: refused, registered, redacted, reviewed, or under an approved change. */
export function tellNearMisses(teller: Teller): void {
  const { emit, random, organisation } = teller;
  const berths = organisation.projects.find(({ path }) => path === 'harbour/berths');
  if (!berths) throw new RangeError('the organisation has no project harbour/berths');
  const lateUse = { afterMs: 4 * MINUTE, refused: true };
  tellFlow(teller, ordinary(teller, dayAt(35), { project: berths, lateUse }));
  const variables = [{ key: 'DEPLOY_TOKEN', value: `glpat-${random.word(20)}` }];
  tellFlow(teller, ordinary(teller, dayAt(41), { variables }));
  stopLogStream(emit, random, someone(teller, 8), LOG_STREAMS.approved, dayAt(64, 12));
  const { id: requestId, at } = EMERGENCIES.reviewed;
  tellEmergency(teller, { requestId, holder: someone(teller, 1), at, reviewedAfterMs: 20 * HOUR });
}

function someone({ organisation }: Teller, index: number): Person {
  const found = organisation.developers[index];
  if (!found) throw new RangeError('the organisation is too small');
  return found;
}

/** A change by hand: an administrator's session that no request, job or token explains. */
function tellConsoleChange({ emit, random }: Teller, person: Person, at: number): void {
  const session = {
    account: ACCOUNTS.production,
    roleArn: `arn:aws:iam::${ACCOUNTS.production}:role/aws-reserved/sso.amazonaws.com/Administrator`,
    roleId: 'AROASSOADMIN234567ABC',
    name: person.email,
    accessKey: `ASIA${random.word(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`,
    openedAt: at - 20 * MINUTE,
    providerHost: HOSTS.okta,
  };
  const call = { service: 'ec2', ip: person.ip };
  callWithSession(emit, random, session, { ...call, at, name: 'RevokeSecurityGroupIngress', readOnly: false });
  callWithSession(emit, random, session, { ...call, at: at + MINUTE, name: 'DescribeInstances', readOnly: true });
}
