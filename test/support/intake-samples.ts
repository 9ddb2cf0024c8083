/** Hand-made bodies of each source, all values invented. */

export const oktaEvent = {
  uuid: '0b1c2d3e-0000-11f0-8000-00000000000a',
  published: '2026-06-01T11:59:00.123Z',
  eventType: 'user.session.start',
  version: '0',
  severity: 'INFO',
  displayMessage: 'User login to Okta',
  actor: { id: '00uTestUser1', type: 'User', alternateId: 'ada.example@acme.example', displayName: 'Ada Example' },
  client: { ipAddress: '198.51.100.7', userAgent: { rawUserAgent: 'test/1.0' } },
  outcome: { result: 'SUCCESS' },
  target: [],
  transaction: { type: 'WEB', id: 'txn-1' },
  authenticationContext: { externalSessionId: 'sess-1' },
};

export const oktaHook = {
  eventType: 'com.okta.event_hook',
  eventTypeVersion: '1.0',
  cloudEventsVersion: '0.1',
  source: 'https://acme.okta.example/api/v1/eventHooks/who1',
  eventId: 'b5a1c0de-0000-4000-8000-000000000001',
  data: { events: [oktaEvent] },
  eventTime: '2026-06-01T11:59:01Z',
  contentType: 'application/json',
};

export const streamEvent = {
  id: '900001',
  author_id: 41,
  author_name: 'Ada Example',
  entity_id: 7,
  entity_type: 'Project',
  entity_path: 'team/app',
  event_type: 'member_created',
  target_id: 42,
  target_type: 'User',
  target_details: 'Bob Example',
  ip_address: '198.51.100.8',
  created_at: '2026-06-01T11:58:00.500Z',
  details: { event_name: 'member_created', author_class: 'User', author_name: 'Ada Example' },
};

export const jobHook = {
  object_kind: 'build',
  ref: 'main',
  tag: false,
  before_sha: '0000000000000000000000000000000000000000',
  sha: 'a'.repeat(40),
  build_id: 5001,
  build_name: 'deploy',
  build_stage: 'deploy',
  build_status: 'success',
  build_created_at: '2026-06-01 11:50:00 UTC',
  build_started_at: '2026-06-01 11:51:00 UTC',
  build_finished_at: '2026-06-01 11:52:00 UTC',
  pipeline_id: 4001,
  project_id: 7,
  project_name: 'team / app',
  user: { id: 41, name: 'Ada Example', username: 'ada', email: 'ada.example@acme.example' },
  commit: { id: 4001, sha: 'a'.repeat(40), message: 'change' },
  repository: { name: 'app', homepage: 'https://gitlab.acme.example/team/app' },
  project: { id: 7, web_url: 'https://gitlab.acme.example/team/app', path_with_namespace: 'team/app' },
  runner: { id: 3, description: 'runner', active: true, is_shared: false },
  environment: null,
};

export const tokenEvent = {
  specversion: '1.0',
  id: '01991f5e-0000-7000-8000-000000000001',
  source: 'https://broker.acme.example/eu1',
  type: 'io.accessaudit.token.issued.v1',
  subject: 'jti:tok-0001',
  time: '2026-06-01T11:59:30.000100Z',
  datacontenttype: 'application/json',
  sequence: '00000000000000000001',
  data: {
    schema_version: 1,
    request_id: 'tr-1',
    token: { iss: 'https://broker.acme.example', jti: 'tok-0001', kind: 'jwt' },
    subject: { kind: 'human', iss: 'https://acme.okta.example', sub: '00uTestUser1' },
    actors: [] as unknown[],
    audience: ['sts.amazonaws.com'],
    issued_at: '2026-06-01T11:59:30Z',
    expires_at: '2026-06-01T12:09:30Z',
    outcome: 'success',
  },
};

export const k8sEvent = {
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  level: 'Metadata',
  auditID: '11111111-2222-4333-8444-555555555555',
  stage: 'ResponseComplete',
  requestURI: '/apis/apps/v1/namespaces/app/deployments/web',
  verb: 'patch',
  user: { username: 'ada', groups: ['system:authenticated'] },
  sourceIPs: ['198.51.100.9'],
  userAgent: 'kubectl/v1',
  objectRef: { resource: 'deployments', namespace: 'app', name: 'web', apiGroup: 'apps', apiVersion: 'v1' },
  responseStatus: { metadata: {}, code: 200 },
  requestReceivedTimestamp: '2026-06-01T11:59:40.000001Z',
  stageTimestamp: '2026-06-01T11:59:40.010001Z',
  annotations: { 'authorization.k8s.io/decision': 'allow' },
};
export const k8sList = { kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items: [k8sEvent] };

const vaultHash = (digit: string): string => `hmac-sha256:${digit.repeat(64)}`;
export const vaultLine = {
  time: '2026-06-01T11:59:50.123456789Z',
  type: 'response',
  auth: {
    client_token: vaultHash('a'),
    accessor: 'accessor-0001',
    display_name: 'jwt-ada',
    token_type: 'service',
    policies: ['default'],
  },
  request: {
    id: '99999999-0000-4000-8000-000000000001',
    operation: 'read',
    mount_type: 'kv',
    mount_point: 'secret/',
    path: 'secret/data/app/prod',
    client_token: vaultHash('a'),
    namespace: { id: 'root' },
    remote_address: '198.51.100.10',
  },
  response: { mount_type: 'kv', data: { data: { password: vaultHash('b') } } },
};

export const trailRecord = {
  eventVersion: '1.11',
  userIdentity: {
    type: 'AssumedRole',
    principalId: 'AROATESTROLE00000001:session-1',
    arn: 'arn:aws:sts::111122223333:assumed-role/app/session-1',
    accountId: '111122223333',
    accessKeyId: 'ASIATESTKEY000000001',
  },
  eventTime: '2026-06-01T11:50:00Z',
  eventSource: 's3.amazonaws.com',
  eventName: 'PutObject',
  awsRegion: 'eu-north-1',
  sourceIPAddress: '198.51.100.11',
  userAgent: 'aws-sdk',
  requestParameters: { bucketName: 'app', key: 'x' },
  responseElements: null,
  requestID: 'REQ1',
  eventID: 'aaaaaaaa-0000-4000-8000-000000000001',
  readOnly: false,
  eventType: 'AwsApiCall',
  managementEvent: false,
  recipientAccountId: '111122223333',
  eventCategory: 'Data',
};

export const hoopClose = {
  event_type: 'session.close',
  id: '5b1e0c44-0000-4000-8000-0000000002a1',
  exit_code: 0,
  exit_err: '',
};

/** The door of a source with headers that a real sender of it would use. */
export interface Door {
  readonly url: string;
  readonly headers: Record<string, string>;
}

/** A JSON array nested to a depth. */
export function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}
