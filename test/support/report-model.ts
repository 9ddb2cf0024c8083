import { createHash } from 'node:crypto';
import type { Chain, ChainEvent, ChainLink, Party } from '../../model/chain.ts';
import type { ReportFigures } from '../../model/report-figures.ts';
import type { FrameworkId, ReportModel, SourceState, TestItem, TestResult } from '../../model/control.ts';

/** A report model made by hand: an invented organisation, one quarter, seven tests of every result, two chains. */

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const T0 = Date.UTC(2026, 3, 14, 9, 10, 0);
const at = (seconds: number): string => `${new Date(T0 + seconds * 1_000).toISOString().slice(0, -1)}000Z`;

export const LENA: Party = {
  key: 'okta:user:northwind.okta.example/00u1lena',
  kind: 'human',
  display: 'Lena Vogt',
  person: 'person:lena.vogt',
  aliases: ['gitlab:user:gitlab.northwind.example/17'],
  how: 'policy: hr export',
};
const OMAR: Party = {
  key: 'okta:user:northwind.okta.example/00u1omar',
  kind: 'human',
  display: 'Omar Haddad',
  person: 'person:omar.haddad',
  aliases: [],
  how: 'policy: hr export',
};
const AGENT: Party = {
  key: 'gitlab:user:gitlab.northwind.example/301',
  kind: 'ai_agent',
  display: 'release-agent',
  person: 'person:lena.vogt',
  aliases: [],
  how: 'policy: sponsor',
};
const JOB_PARTY: Party = { key: 'gitlab:job:gitlab.northwind.example/88121', kind: 'service', aliases: [] };

/** Items of one verdict, numbered, with keys of realistic length. */
export function makeItems(
  count: number,
  verdict: TestItem['verdict'],
  attribute: string,
  finding: (i: number) => string,
): TestItem[] {
  return Array.from({ length: count }, (_, i) => ({
    item: `token:jti:https://issuer.northwind.example/${verdict.slice(0, 2)}-${String(i + 1).padStart(5, '0')}-${hash(`${verdict}${attribute}${i}`).slice(0, 12)}`,
    aliases: i % 3 === 0 ? [`aws:accesskey:ASIA${hash(`k${verdict}${i}`).slice(0, 16).toUpperCase()}`] : [],
    verdict,
    attribute,
    at: at(i * 977 + 0.318),
    finding: finding(i),
    evidence: [
      `event:ce/${hash(`e${attribute}${i}`).slice(0, 20)}`,
      ...(i % 2 === 0 ? [`event:gitlab.audit/${901_000 + i}`] : []),
    ],
    ...(i % 2 === 0 ? { stratum: 'production' } : {}),
  }));
}

const CHAIN_ITEM = 'token:jti:https://issuer.northwind.example/3f0c9d52-7c1e-4f0b-9a55-0d9e8b6c1a77';
const KEY_ITEM = 'aws:accesskey:ASIAQ3EXAMPLE7NORTHW';

const EXCEPTIONS: TestItem[] = [
  {
    item: CHAIN_ITEM,
    aliases: ['aws:accesskey:ASIAZ5EXAMPLE2LATE01'],
    verdict: 'exception',
    attribute: 'order',
    at: at(40.318),
    finding: 'the approval was recorded 42.1 s after the credential was issued',
    evidence: ['event:okta.log/9f1c2c7e-apr', 'event:ce/issuer-77c1-iss'],
    stratum: 'production',
  },
  {
    item: KEY_ITEM,
    aliases: [],
    verdict: 'exception',
    attribute: 'approval',
    at: at(86_400),
    finding: 'no approval is on record for the deployment that the credential was issued to',
    evidence: ['event:aws.cloudtrail/5b2e4c11-0001'],
    stratum: 'production',
  },
];

function test(id: TestResult['test'], title: string, control: string, parts: Partial<TestResult>): TestResult {
  const count = parts.population?.count ?? 0;
  return {
    test: id,
    version: 1,
    title,
    control,
    key: true,
    nature: 'preventive',
    mappings: [
      { framework: 'soc2', requirement: 'CC6.3', role: 'P' },
      { framework: 'soc2', requirement: 'CC6.2', role: 's' },
      { framework: 'iso27001', requirement: 'A.5.15', role: 'P' },
      { framework: 'iso27001', requirement: 'A.8.2', role: 's' },
    ],
    population: {
      count,
      sha256: hash(`${id}${count}`),
      definition: 'Short-lived production credentials issued in the period, without emergency access',
      source: 'own_records',
    },
    passed: count,
    exceptions: 0,
    undetermined: 0,
    excluded: {},
    strata: {},
    attributes: [
      {
        code: 'approval',
        text: 'an approval is on record for the request, deployment or merge request that the credential was issued for',
      },
      {
        code: 'order',
        text: 'the approval lies before the issue: by cause, by sequence, or by clock beyond the uncertainty of both',
      },
      { code: 'validity', text: 'the approval was still valid and not withdrawn at the time of issue' },
    ],
    parameters: { approval_validity: '24 h', tokens_per_approval: '1', skew_max: '2 s' },
    minimum_link: 'asserted',
    result: 'no_exceptions_noted',
    reason: `No exceptions noted. The population of ${count} was tested.`,
    gaps: [],
    proves: 'that the systems of record hold an approval for each credential, by whom, when, and in which order',
    does_not_prove:
      'that the approver read or understood what was approved, nor that the rule is enforced rather than followed',
    items: [],
    ...parts,
  };
}

function population(
  count: number,
  id: string,
  definition: string,
  source: 'independent' | 'own_records',
): TestResult['population'] {
  return { count, sha256: hash(id + count), definition, source };
}

function makeTests(extra: number): TestResult[] {
  const many = makeItems(
    extra,
    'exception',
    'approval',
    (i) => `no approval is on record for the request behind credential number ${i + 1}`,
  );
  const undetermined = makeItems(
    4,
    'undetermined',
    'order_within_eps',
    () => 'approval and issue lie 1.2 s apart; the clocks of both sources allow either order',
  );
  const excluded = makeItems(
    3,
    'excluded',
    'break_glass',
    () => 'issued under emergency access, which test T-29 covers',
  );
  const exceptions = [...EXCEPTIONS, ...many];
  return [
    test(
      'T-01',
      'Approval precedes production credential issue',
      'every production credential is issued only after an approval by another person',
      {
        population: population(
          1_284 + extra,
          'T-01',
          'Short-lived production credentials issued in the period, without emergency access',
          'own_records',
        ),
        passed: 1_275,
        exceptions: exceptions.length,
        undetermined: 4,
        excluded: { break_glass: 3 },
        strata: { production: 1_190, staging: 94 },
        result: 'exceptions_noted',
        reason: 'Exceptions noted.',
        items: [...exceptions, ...undetermined, ...excluded],
      },
    ),
    test('T-02', 'Requester is not the approver', 'nobody approves their own request, from whichever account', {
      population: population(1_281, 'T-02', 'Approvals of production access in the period', 'independent'),
      mappings: [
        { framework: 'soc2', requirement: 'CC6.3', role: 'P' },
        { framework: 'iso27001', requirement: 'A.5.3', role: 'P' },
      ],
    }),
    test('T-08', 'Credentials are short-lived', 'no credential lives longer than its environment allows', {
      population: population(18_204, 'T-08', 'Credentials issued in the period', 'own_records'),
      passed: 18_203,
      exceptions: 1,
      result: 'exceptions_noted',
      items: [
        {
          ...(EXCEPTIONS[1] as TestItem),
          attribute: 'ttl',
          finding: 'valid for 7,200 s where production allows 3,600 s',
        },
      ],
      attributes: [{ code: 'ttl', text: 'the time from issue to expiry is within the limit of the environment' }],
      mappings: [
        { framework: 'soc2', requirement: 'CC6.1', role: 'P' },
        { framework: 'iso27001', requirement: 'A.8.5', role: 'P' },
      ],
    }),
    test('T-09', 'No use after expiry', 'an expired credential is not accepted anywhere', {
      population: population(40_112, 'T-09', 'Uses of credentials in the period', 'independent'),
      passed: 40_108,
      undetermined: 4,
      result: 'unable_to_conclude',
      reason: 'Unable to conclude: 4 of 40112 items are undetermined.',
      items: makeItems(4, 'undetermined', 'expiry', () => 'the expiry of the credential is not on record'),
      gaps: [
        'aws.cloudtrail 123456789012: 2026-05-02T04:10:00.000000Z to 2026-05-02T06:55:00.000000Z: no events for 2 h 45 min where one an hour is expected',
      ],
      mappings: [
        { framework: 'soc2', requirement: 'CC6.1', role: 'P' },
        { framework: 'iso27001', requirement: 'A.8.5', role: 'P' },
      ],
    }),
    test(
      'T-12',
      'Static credentials stay out of production',
      'production is reached only with credentials that expire',
      {
        population: population(0, 'T-12', 'Uses of static credentials in production', 'independent'),
        result: 'did_not_operate',
        reason:
          'The circumstances that call for this control did not occur in the period (population 0). Operation was not tested.',
        mappings: [
          { framework: 'soc2', requirement: 'CC6.1', role: 's' },
          { framework: 'iso27001', requirement: 'A.5.17', role: 'P' },
        ],
      },
    ),
    test('T-22', 'Production jobs run on protected refs', 'only protected refs deploy to production', {
      population: population(412, 'T-22', 'Jobs that deployed to production', 'own_records'),
      mappings: [
        { framework: 'soc2', requirement: 'CC8.1', role: 'P' },
        { framework: 'iso27001', requirement: 'A.8.31', role: 'P' },
      ],
    }),
    test('T-25', 'No change outside the pipeline', 'what changes production was run by a pipeline', {
      key: false,
      nature: 'detective',
      population: population(0, 'T-25', 'Changes of production resources', 'independent'),
      result: 'not_in_scope',
      reason: 'No source that this test reads is connected. Not evidenced by this system.',
      mappings: [
        { framework: 'soc2', requirement: 'CC8.1', role: 'P' },
        { framework: 'iso27001', requirement: 'A.8.32', role: 'P' },
      ],
    }),
  ];
}

function event(
  i: number,
  seconds: number,
  parts: Pick<ChainEvent, 'event' | 'family' | 'instance' | 'type' | 'action' | 'stage' | 'actor' | 'sentence'> &
    Partial<ChainEvent>,
): ChainEvent {
  return {
    ref: String(281_474_976_710_656n + BigInt(i) * 4_096n),
    outcome: 'success',
    occurred_at: at(seconds),
    precision: 'ms',
    environment: 'production',
    ...parts,
  };
}

const EVENTS: ChainEvent[] = [
  event(1, 0, {
    event: 'event:okta.log/9f1c2c7e-req',
    family: 'okta.log',
    instance: 'northwind.okta.example',
    type: 'access.request.create',
    action: 'request.create',
    stage: 'requested',
    actor: LENA,
    source_ip: '203.0.113.24',
    sentence: 'Lena Vogt asked for role deploy-prod, for change CHG-2041',
  }),
  event(2, 12.5, {
    event: 'event:gitlab.audit/901201',
    family: 'gitlab.audit',
    instance: 'gitlab.northwind.example',
    type: 'pipeline_run',
    action: 'pipeline.start',
    stage: 'ran',
    actor: AGENT,
    sentence: 'release-agent started pipeline 40117 of payments/api on main',
  }),
  event(3, 31.002, {
    event: 'event:gitlab.hook/job-88121-running',
    family: 'gitlab.hook',
    instance: 'gitlab.northwind.example',
    type: 'job',
    action: 'job.start',
    stage: 'ran',
    actor: AGENT,
    sentence: 'job 88121 deploy:production started on runner 7 (protected)',
  }),
  event(4, 40.318, {
    event: 'event:ce/issuer-77c1-iss',
    family: 'ce',
    instance: 'https://issuer.northwind.example',
    type: 'access.token.issued',
    action: 'credential.issue',
    stage: 'credential',
    actor: JOB_PARTY,
    sentence: 'the issuer gave job 88121 a credential for role deploy-prod, valid for 900 s',
  }),
  event(5, 82.418, {
    event: 'event:okta.log/9f1c2c7e-apr',
    family: 'okta.log',
    instance: 'northwind.okta.example',
    type: 'access.request.resolve',
    action: 'approval.grant',
    stage: 'approved',
    actor: OMAR,
    source_ip: '203.0.113.77',
    sentence: 'Omar Haddad approved the request of Lena Vogt',
  }),
  event(6, 96.1, {
    event: 'event:aws.cloudtrail/5b2e4c11-0007',
    family: 'aws.cloudtrail',
    instance: '123456789012',
    type: 'AssumeRoleWithWebIdentity',
    action: 'credential.exchange',
    stage: 'credential',
    actor: JOB_PARTY,
    source_ip: '198.51.100.9',
    sentence: 'the credential was exchanged for access key ASIAZ5EXAMPLE2LATE01',
  }),
  event(7, 103.77, {
    event: 'event:aws.cloudtrail/5b2e4c11-0008',
    family: 'aws.cloudtrail',
    instance: '123456789012',
    type: 'UpdateService',
    action: 'touch.write',
    stage: 'touched',
    actor: JOB_PARTY,
    resource: 'aws:resource:arn:aws:ecs:eu-central-1:123456789012:service/prod/payments-api',
    source_ip: '198.51.100.9',
    sentence: 'service prod/payments-api was updated',
  }),
  event(8, 140, {
    event: 'event:gitlab.hook/job-88121-success',
    family: 'gitlab.hook',
    instance: 'gitlab.northwind.example',
    type: 'job',
    action: 'job.finish',
    stage: 'closed',
    actor: AGENT,
    precision: 's',
    sentence: 'job 88121 ended: success',
  }),
];

const LINKS: ChainLink[] = [
  {
    parent: 'okta:request:northwind.okta.example/CHG-2041',
    child: 'gitlab:pipeline:gitlab.northwind.example/40117',
    relation: 'requested',
    confidence: 'asserted',
    rule: 'E4',
    event: 'event:gitlab.audit/901201',
  },
  {
    parent: 'gitlab:pipeline:gitlab.northwind.example/40117',
    child: 'gitlab:job:gitlab.northwind.example/88121',
    relation: 'contains',
    confidence: 'exact',
    rule: 'E7',
    event: 'event:gitlab.hook/job-88121-running',
  },
  {
    parent: 'gitlab:job:gitlab.northwind.example/88121',
    child: CHAIN_ITEM,
    relation: 'issued_to',
    confidence: 'exact',
    rule: 'E13',
    event: 'event:ce/issuer-77c1-iss',
  },
  {
    parent: CHAIN_ITEM,
    child: 'aws:accesskey:ASIAZ5EXAMPLE2LATE01',
    relation: 'exchanged',
    confidence: 'exact',
    rule: 'E14',
    event: 'event:aws.cloudtrail/5b2e4c11-0007',
  },
];

const LATE_CHAIN: Chain = {
  id: hash('late'),
  focal: CHAIN_ITEM,
  root: 'okta:request:northwind.okta.example/CHG-2041',
  environment: 'production',
  authorization: 'approval_missing',
  evidence: 'complete',
  evidence_reasons: ['every source was read past 2026-04-14 09:12:20 UTC and its lateness'],
  requester: LENA,
  initiator: AGENT,
  approvers: [OMAR],
  runner: { key: 'gitlab:runner:gitlab.northwind.example/7', kind: 'system', aliases: [] },
  job: 'gitlab:job:gitlab.northwind.example/88121',
  pipelines: ['gitlab:pipeline:gitlab.northwind.example/40117'],
  requests: ['okta:request:northwind.okta.example/CHG-2041'],
  credentials: [CHAIN_ITEM, 'aws:accesskey:ASIAZ5EXAMPLE2LATE01'],
  touched: ['aws:resource:arn:aws:ecs:eu-central-1:123456789012:service/prod/payments-api'],
  stages: [
    {
      stage: 'requested',
      state: 'present',
      grade: 'asserted',
      note: 'the pipeline names the request in a variable',
      events: ['event:okta.log/9f1c2c7e-req'],
    },
    {
      stage: 'approved',
      state: 'missing',
      note: 'one approval is on record, but 42.1 s after the issue',
      events: ['event:okta.log/9f1c2c7e-apr'],
    },
    {
      stage: 'ran',
      state: 'present',
      grade: 'exact',
      events: ['event:gitlab.audit/901201', 'event:gitlab.hook/job-88121-running'],
    },
    {
      stage: 'credential',
      state: 'present',
      grade: 'exact',
      events: ['event:ce/issuer-77c1-iss', 'event:aws.cloudtrail/5b2e4c11-0007'],
    },
    { stage: 'touched', state: 'present', grade: 'exact', events: ['event:aws.cloudtrail/5b2e4c11-0008'] },
    { stage: 'closed', state: 'present', grade: 'exact', events: ['event:gitlab.hook/job-88121-success'] },
  ],
  links: LINKS,
  events: EVENTS,
  findings: [
    {
      kind: 'approval_after_issue',
      detail: 'the approval follows the issue by 42.1 s',
      event: 'event:okta.log/9f1c2c7e-apr',
    },
  ],
};

const BARE_CHAIN: Chain = {
  id: hash('bare'),
  focal: KEY_ITEM,
  root: KEY_ITEM,
  authorization: 'approval_missing',
  evidence: 'complete_with_gaps',
  evidence_reasons: ['aws.cloudtrail 123456789012 has a gap from 2026-05-02 04:10 to 06:55 UTC'],
  approvers: [],
  pipelines: [],
  requests: [],
  credentials: [KEY_ITEM],
  touched: [],
  stages: [
    { stage: 'requested', state: 'missing', events: [] },
    { stage: 'approved', state: 'missing', events: [] },
    { stage: 'ran', state: 'not_observable', events: [] },
    { stage: 'credential', state: 'present', grade: 'exact', events: ['event:aws.cloudtrail/5b2e4c11-0001'] },
    { stage: 'touched', state: 'late_possible', events: [] },
    { stage: 'closed', state: 'not_required', events: [] },
  ],
  links: [],
  findings: [],
  events: [
    event(9, 86_400, {
      event: 'event:aws.cloudtrail/5b2e4c11-0001',
      family: 'aws.cloudtrail',
      instance: '123456789012',
      type: 'AssumeRole',
      action: 'credential.issue',
      stage: 'credential',
      actor: JOB_PARTY,
      sentence: 'access key ASIAQ3EXAMPLE7NORTHW was issued',
    }),
  ],
};

const SOURCES: SourceState[] = [
  {
    family: 'gitlab.audit',
    instance: 'gitlab.northwind.example',
    registered: true,
    records: 48_112,
    accepted: 48_019,
    duplicate: 91,
    conflict: 1,
    rejected: { bad_timestamp: 1 },
    first_occurred_at: '2026-04-01T00:01:14.000000Z',
    last_occurred_at: '2026-06-30T23:58:02.118000Z',
    last_received_at: '2026-07-01T00:00:03.000000Z',
    integrity: 'none',
    gaps: [],
  },
  {
    family: 'okta.log',
    instance: 'northwind.okta.example',
    registered: true,
    records: 12_407,
    accepted: 12_400,
    duplicate: 7,
    conflict: 0,
    rejected: {},
    last_occurred_at: '2026-06-30T22:10:00.001000Z',
    last_received_at: '2026-06-30T22:10:04.000000Z',
    integrity: 'none',
    gaps: [],
  },
  {
    family: 'ce',
    instance: 'https://issuer.northwind.example',
    registered: true,
    records: 55_100,
    accepted: 55_098,
    duplicate: 0,
    conflict: 0,
    rejected: { missing_required_fields: 2 },
    last_occurred_at: '2026-06-30T23:59:59.310000Z',
    last_received_at: '2026-07-01T00:00:00.000000Z',
    integrity: 'dense_seq',
    gaps: [],
    continuity: {
      sequence: { first: '120', last: '55219', received: 55_098, missing: 2, repeated: ['17', '20..24'], resets: 1 },
      pace: { basis: 'rhythm', interval_s: 540, longest_silence_s: 5_400, unusual: 0 },
      lateness: { events: 55_098, p50_s: 0.2, p95_s: 3.4, p99_s: 61, max_s: 90_000 },
      reconciliation: { saved: 12, confirmed: 10, missing: 1, pending: 1, until: '2026-06-30T23:00:00.000000Z' },
    },
  },
  {
    family: 'aws.cloudtrail',
    instance: '123456789012',
    registered: true,
    records: 1_204_551,
    accepted: 1_204_551,
    duplicate: 0,
    conflict: 0,
    rejected: {},
    last_occurred_at: '2026-06-30T23:57:00.000000Z',
    last_received_at: '2026-07-01T00:12:00.000000Z',
    integrity: 'heartbeat',
    gaps: [
      {
        from: '2026-05-02T04:10:00.000000Z',
        to: '2026-05-02T06:55:00.000000Z',
        reason: 'no events for 2 h 45 min where one an hour is expected',
      },
    ],
  },
  {
    family: 'vault.audit',
    instance: 'vault.northwind.example',
    registered: false,
    records: 3,
    accepted: 3,
    duplicate: 0,
    conflict: 0,
    rejected: {},
    integrity: 'none',
    gaps: [],
  },
];

/** Days without events at the weekends of Okta, a silent Vault, and lives in two environments and in none that is known. */
const FIGURES: ReportFigures = {
  first_day: '2026-04-01',
  days: 91,
  coverage: SOURCES.map(({ family, instance }, source) => ({
    family,
    instance,
    events: Array.from({ length: 91 }, (_, day) => (family === 'vault.audit' ? (day === 40 ? 3 : 0) : family === 'okta.log' && (day + 2) % 7 > 4 ? 0 : 100 + source * 10 + day)),
  })),
  lifetimes: [
    { environment: 'production', limit_s: 3_600, counts: [310, 8_120, 402, 91, 1, 0, 0, 0, 0, 0, 0, 0], over: 1 },
    { environment: 'staging', limit_s: 43_200, counts: [12, 4_410, 3_005, 1_620, 122, 40, 18, 3, 0, 0, 0, 0], over: 0 },
    { counts: [0, 48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], over: 0 },
  ],
}; // prettier-ignore

/** The model. `extra` adds that many exceptions to T-01, each without a chain. */
export function makeReportModel(framework: FrameworkId = 'soc2', extra = 0): ReportModel {
  const policy = hash('policy');
  return {
    tenant: 'northwind',
    frameworks: [framework],
    framework,
    organisation: 'Northwind & Söhne Payments',
    from: '2026-04-01T00:00:00.000000Z',
    to: '2026-07-01T00:00:00.000000Z',
    as_of: '2026-07-08T06:00:00.000000Z',
    catalogue_version: '2026.1',
    policy_sha256: policy,
    sources: SOURCES,
    figures: FIGURES,
    tests: makeTests(extra),
    chains: [
      { item: CHAIN_ITEM, test: 'T-01', chain: LATE_CHAIN },
      { item: KEY_ITEM, test: 'T-01', chain: BARE_CHAIN },
      { item: KEY_ITEM, test: 'T-08', chain: BARE_CHAIN },
    ],
  };
}
