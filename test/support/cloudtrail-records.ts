import { HEADERS } from '../../ingest/log/event-log.ts';
import type { LogRecord } from '../../ingest/log/event-log.ts';

/** A made-up event as CloudTrail writes it; `index` decides everything in it, so equal indexes give equal bytes. */
export function cloudtrailEvent(index: number, changes: Record<string, unknown> = {}): Record<string, unknown> {
  const at = new Date(Date.UTC(2026, 0, 5) + index * 1_731).toISOString().replace(/\.\d+Z$/, 'Z');
  const account = String(111_122_223_333 + (index % 3));
  const job = 700_000 + Math.floor(index / 9);
  const role = `deploy-${index % 5}`;
  const accessKeyId = `ASIA${hex(job * 7 + 1, 16).toUpperCase()}`;
  const base = {
    eventVersion: '1.11',
    eventTime: at,
    awsRegion: 'eu-west-1',
    sourceIPAddress: `198.51.100.${index % 250}`,
    userAgent:
      'aws-cli/2.31.5 md/awscrt#0.28 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.13 md/pyimpl#CPython cfg/retry-mode#standard',
    requestID: uuid(index, 2),
    eventID: uuid(index, 1),
    readOnly: index % 4 !== 0,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: account,
    eventCategory: 'Management',
    tlsDetails: {
      tlsVersion: 'TLSv1.3',
      cipherSuite: 'TLS_AES_128_GCM_SHA256',
      clientProvidedHostHeader: 'sts.eu-west-1.amazonaws.example',
    },
  };
  return {
    ...base,
    ...(index % 9 === 0 ? assumeRole(account, role, job, accessKeyId) : call(index, account, role, job, accessKeyId)),
    ...changes,
  };
}

function assumeRole(account: string, role: string, job: number, accessKeyId: string): Record<string, unknown> {
  const roleArn = `arn:aws:iam::${account}:role/${role}`;
  const subject = `project_path:shop/checkout:ref_type:branch:ref:main`;
  return {
    eventSource: 'sts.amazonaws.com',
    eventName: 'AssumeRoleWithWebIdentity',
    readOnly: true,
    userIdentity: {
      type: 'WebIdentityUser',
      principalId: `arn:aws:iam::${account}:oidc-provider/gitlab.example:https://gitlab.example:${subject}`,
      userName: subject,
      identityProvider: `arn:aws:iam::${account}:oidc-provider/gitlab.example`,
    },
    requestParameters: { roleArn, roleSessionName: `gl-${job}`, durationSeconds: 3_600 },
    responseElements: {
      credentials: { accessKeyId, sessionToken: '[REDACTED:aws_session_token]', expiration: 'Jan 5, 2026, 1:00:00 PM' },
      subjectFromWebIdentityToken: subject,
      assumedRoleUser: {
        assumedRoleId: `AROAEXAMPLE${role.toUpperCase().replaceAll('-', 'X')}:gl-${job}`,
        arn: `arn:aws:sts::${account}:assumed-role/${role}/gl-${job}`,
      },
      provider: `arn:aws:iam::${account}:oidc-provider/gitlab.example`,
      audience: 'https://sts.amazonaws.example',
    },
    resources: [{ accountId: account, type: 'AWS::IAM::Role', ARN: roleArn }],
  };
}

function call(index: number, account: string, role: string, job: number, accessKeyId: string): Record<string, unknown> {
  const names = ['DescribeInstances', 'PutObject', 'GetObject', 'UpdateService', 'ListTasks'] as const;
  return {
    eventSource: index % 5 === 0 ? 'ec2.amazonaws.com' : 'ecs.amazonaws.com',
    eventName: names[index % names.length],
    userIdentity: {
      type: 'AssumedRole',
      principalId: `AROAEXAMPLE${role.toUpperCase().replaceAll('-', 'X')}:gl-${job}`,
      arn: `arn:aws:sts::${account}:assumed-role/${role}/gl-${job}`,
      accountId: account,
      accessKeyId,
      sessionContext: {
        sessionIssuer: {
          type: 'Role',
          principalId: 'AROAEXAMPLE',
          arn: `arn:aws:iam::${account}:role/${role}`,
          accountId: account,
          userName: role,
        },
        attributes: { creationDate: '2026-01-05T09:00:00Z', mfaAuthenticated: 'false' },
      },
    },
    requestParameters: {
      cluster: `checkout-${index % 7}`,
      service: `svc-${index % 40}`,
      taskDefinition: `checkout:${index % 900}`,
      desiredCount: index % 12,
      note: `rollout "${index}" of\tstage`,
    },
    responseElements: null,
  };
}

/** The record of an event in the log, as the intake would have written it, received two minutes after it happened. */
export function cloudtrailRecord(
  event: Record<string, unknown>,
  headers: Readonly<Record<string, string>> = HEADERS_OF_ALL,
): LogRecord {
  const at = Date.parse(String(event['eventTime']));
  return {
    timestampMs: (Number.isNaN(at) ? Date.UTC(2026, 0, 5) : at) + 120_000,
    key: '111122223333',
    value: Buffer.from(JSON.stringify(event)),
    headers,
  };
}

const HEADERS_OF_ALL = {
  [HEADERS.source]: 'aws.cloudtrail',
  [HEADERS.instance]: '111122223333',
  [HEADERS.delivery]: 'push',
};

function hex(seed: number, length: number): string {
  let state = (seed * 2_654_435_761) >>> 0;
  let text = '';
  while (text.length < length) {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e3779b9) >>> 0;
    text += state.toString(16).padStart(8, '0');
  }
  return text.slice(0, length);
}

function uuid(index: number, salt: number): string {
  const text = hex(index * 31 + salt * 1_000_003, 32);
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-4${text.slice(13, 16)}-8${text.slice(17, 20)}-${text.slice(20)}`;
}
