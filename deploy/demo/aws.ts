import { ACCOUNTS } from './organisation.ts';
import { awsLocale, isoSeconds } from './emit.ts';
import type { Emit } from './emit.ts';
import type { Random } from './random.ts';

/** A role session at AWS, as STS opened it. */
export interface AwsSession {
  readonly account: string;
  readonly roleArn: string;
  readonly roleId: string;
  readonly name: string;
  readonly accessKey: string;
  readonly openedAt: number;
  readonly providerHost: string;
  readonly sourceIdentity?: string;
}

/** Opens a session with a web identity token (sources.md 1.8). `sourceIdentity` is the token's jti where a broker sets it. */
export function assumeRole(
  emit: Emit,
  random: Random,
  ask: {
    account: string;
    roleArn: string;
    name: string;
    providerHost: string;
    subject: string;
    sourceIdentity?: string;
    ip: string;
    at: number;
    durationS?: number;
  },
): AwsSession {
  const session: AwsSession = {
    account: ask.account,
    roleArn: ask.roleArn,
    roleId: `AROA${random.word(17, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`,
    name: ask.name,
    openedAt: ask.at,
    accessKey: `ASIA${random.word(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`,
    providerHost: ask.providerHost,
    ...(ask.sourceIdentity === undefined ? {} : { sourceIdentity: ask.sourceIdentity }),
  };
  const provider = `arn:aws:iam::${ask.account}:oidc-provider/${ask.providerHost}`;
  const duration = ask.durationS ?? 3_600;
  record(emit, random, ask.account, ask.at, {
    eventSource: 'sts.amazonaws.com',
    eventName: 'AssumeRoleWithWebIdentity',
    readOnly: true,
    sourceIPAddress: ask.ip,
    userAgent: 'aws-cli/2.31.4',
    userIdentity: {
      type: 'WebIdentityUser',
      principalId: `${provider}:sts.amazonaws.com:${ask.subject}`,
      userName: ask.subject,
      identityProvider: provider,
    },
    requestParameters: {
      roleArn: ask.roleArn,
      roleSessionName: ask.name,
      durationSeconds: duration,
      ...(ask.sourceIdentity === undefined ? {} : { sourceIdentity: ask.sourceIdentity }),
    },
    responseElements: {
      credentials: {
        accessKeyId: session.accessKey,
        sessionToken: `IQoJb3JpZ2luX2Vj${random.word(120)}`,
        expiration: awsLocale(ask.at + duration * 1_000),
      },
      subjectFromWebIdentityToken: ask.subject,
      provider,
      audience: 'sts.amazonaws.com',
      ...(ask.sourceIdentity === undefined ? {} : { sourceIdentity: ask.sourceIdentity }),
      assumedRoleUser: {
        assumedRoleId: `${session.roleId}:${ask.name}`,
        arn: `${ask.roleArn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${ask.name}`,
      },
    },
    resources: [{ accountId: ask.account, type: 'AWS::IAM::Role', ARN: ask.roleArn }],
  });
  return session;
}

export interface AwsCall {
  readonly at: number;
  readonly service: string;
  readonly name: string;
  readonly readOnly: boolean;
  readonly ip: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly error?: string;
  /** The account that was called, when it is not the session's own. */
  readonly account?: string;
}

/** A call with a session's key. */
export function callWithSession(emit: Emit, random: Random, session: AwsSession, call: AwsCall): void {
  const issuer = {
    type: 'Role',
    principalId: session.roleId,
    arn: session.roleArn,
    accountId: session.account,
    userName: session.roleArn.split('/').at(-1),
  };
  record(emit, random, call.account ?? session.account, call.at, {
    ...callFields(call),
    userIdentity: {
      type: 'AssumedRole',
      principalId: `${session.roleId}:${session.name}`,
      accountId: session.account,
      accessKeyId: session.accessKey,
      arn: `${session.roleArn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${session.name}`,
      sessionContext: {
        sessionIssuer: issuer,
        attributes: { creationDate: isoSeconds(session.openedAt), mfaAuthenticated: 'false' },
        webIdFederationData: {
          federatedProvider: `arn:aws:iam::${session.account}:oidc-provider/${session.providerHost}`,
          attributes: {},
        },
        ...(session.sourceIdentity === undefined ? {} : { sourceIdentity: session.sourceIdentity }),
      },
    },
  });
}

/** A call with the long-lived key of an IAM user. */
export function callWithStaticKey(
  emit: Emit,
  random: Random,
  user: { name: string; accessKey: string },
  call: AwsCall,
): void {
  const account = call.account ?? ACCOUNTS.production;
  record(emit, random, account, call.at, {
    ...callFields(call),
    userIdentity: {
      type: 'IAMUser',
      principalId: `AIDA${user.accessKey.slice(4)}`,
      arn: `arn:aws:iam::${account}:user/${user.name}`,
      accountId: account,
      accessKeyId: user.accessKey,
      userName: user.name,
    },
  });
}

/** A call by an AWS service on its own, such as the autoscaler. */
export function callByService(emit: Emit, random: Random, call: AwsCall): void {
  const role = `arn:aws:iam::${ACCOUNTS.production}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling`;
  record(emit, random, ACCOUNTS.production, call.at, {
    ...callFields(call),
    userIdentity: {
      type: 'AssumedRole',
      principalId: 'AROAAUTOSCALING23456A:AutoScaling',
      arn: `arn:aws:sts::${ACCOUNTS.production}:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling`,
      accountId: ACCOUNTS.production,
      accessKeyId: `ASIA${random.word(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`,
      invokedBy: 'autoscaling.amazonaws.com',
      sessionContext: {
        sessionIssuer: {
          type: 'Role',
          principalId: 'AROAAUTOSCALING23456A',
          arn: role,
          accountId: ACCOUNTS.production,
          userName: 'AWSServiceRoleForAutoScaling',
        },
        attributes: { creationDate: isoSeconds(call.at - 600_000), mfaAuthenticated: 'false' },
      },
    },
  });
}

function callFields(call: AwsCall): Record<string, unknown> {
  return {
    eventSource: `${call.service}.amazonaws.com`,
    eventName: call.name,
    readOnly: call.readOnly,
    sourceIPAddress: call.ip,
    userAgent: 'aws-cli/2.31.4',
    requestParameters: call.parameters ?? null,
    responseElements: null,
    ...(call.error === undefined ? {} : { errorCode: call.error, errorMessage: 'not authorized' }),
  };
}

function record(emit: Emit, random: Random, account: string, at: number, fields: Record<string, unknown>): void {
  emit({
    at,
    source: 'cloudtrail',
    instance: account,
    body: {
      eventVersion: '1.11',
      eventTime: isoSeconds(at),
      awsRegion: 'eu-north-1',
      ...fields,
      requestID: random.uuid(),
      eventID: random.uuid(),
      eventType: 'AwsApiCall',
      managementEvent: true,
      recipientAccountId: account,
      eventCategory: 'Management',
    },
  });
}
