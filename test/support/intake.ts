import { createHmac } from 'node:crypto';
import fastify from 'fastify';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { openCredentials } from '../../ingest/intake/credentials.ts';
import type { IntakeDeps } from '../../ingest/intake/deps.ts';
import { scanDelivery } from '../../ingest/intake/json-scan.ts';
import { createIntake } from '../../ingest/intake/routes.ts';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import { limitUploads, serverOptions } from '../../ingest/intake/server-options.ts';
import { adapterFor } from '../../ingest/sources/registry.ts';
import { policySchema } from '../../model/policy.ts';
import type { Policy } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import { parseStamp } from '../../model/time.ts';
import { answerProblems } from '../../server/problem-reply.ts';
import { createFakeLog } from './fake-log.ts';
import type { FakeLog } from './fake-log.ts';

/** Noon of a made-up day: the clock of these tests. */
export const NOW = '2026-06-01T12:00:00Z';
export const NOW_US = parseStamp(NOW)?.at ?? 0;

/** Made-up secrets of the transports. Two of one kind stand for a rotation. */
export const SECRETS = {
  okta: 'okta-hook-secret-0001',
  stream: 'gitlab-stream-token-0001',
  stream_new: 'gitlab-stream-token-0002',
  hook: 'gitlab-hook-token-0001',
  hook_signing: `whsec_${Buffer.from('gitlab-signing-key-of-32-bytes!!').toString('base64')}`,
  issuer: 'issuer-bearer-token-0001',
  issuer_signing: Buffer.from('issuer-signing-key-of-32-bytes!!').toString('hex'),
  other_issuer: 'issuer-bearer-token-0002',
  cluster: 'cluster-bearer-token-0001',
  vault: 'vault-bearer-token-0001',
  hoop: `whsec_${Buffer.from('hoop-signing-key-with-32-bytes!!').toString('base64')}`,
  trail: 'trail-bearer-token-0001',
} as const;

/** A policy in which each source has an installation, and two clusters share a token. */
export const POLICY: Policy = policySchema.parse({
  tenant: 'acme',
  sources: [
    { family: 'okta.log', instance: 'acme.okta.example', credentials: [{ kind: 'header', secret: 'okta' }] },
    {
      family: 'gitlab.audit',
      instance: 'gitlab.acme.example',
      credentials: [
        { kind: 'gitlab_token', secret: 'stream' },
        { kind: 'gitlab_token', secret: 'stream_new' },
      ],
    },
    {
      family: 'gitlab.hook',
      instance: 'gitlab.acme.example',
      credentials: [
        { kind: 'gitlab_token', secret: 'hook' },
        { kind: 'gitlab_signature', secret: 'hook_signing' },
      ],
    },
    {
      family: 'ce',
      instance: 'https://broker.acme.example/eu1',
      may_speak_for: ['https://broker.acme.example'],
      credentials: [
        { kind: 'bearer', secret: 'issuer' },
        { kind: 'standard_webhooks', secret: 'issuer_signing' },
      ],
    },
    {
      family: 'ce',
      instance: 'https://other.acme.example',
      may_speak_for: ['https://other.acme.example'],
      credentials: [{ kind: 'bearer', secret: 'other_issuer' }],
    },
    { family: 'k8s.audit', instance: 'prod-a', credentials: [{ kind: 'bearer', secret: 'cluster' }] },
    { family: 'k8s.audit', instance: 'stg-a', credentials: [{ kind: 'bearer', secret: 'cluster' }] },
    { family: 'vault.audit', instance: 'vault-a', credentials: [{ kind: 'bearer', secret: 'vault' }] },
    { family: 'hoop', instance: 'hoop.acme.example', credentials: [{ kind: 'standard_webhooks', secret: 'hoop' }] },
    { family: 'aws.cloudtrail', instance: '111122223333', credentials: [{ kind: 'bearer', secret: 'trail' }] },
  ],
});

export const OPERATOR = 'Bearer operator-token';

export interface TestIntake {
  readonly app: FastifyInstance;
  readonly log: FakeLog;
  readonly deps: IntakeDeps;
  /** Sends a body to a door. */
  readonly send: (
    url: string,
    headers: Record<string, string>,
    body: string | Buffer,
  ) => Promise<LightMyRequestResponse>;
  readonly inject: (options: InjectOptions) => Promise<LightMyRequestResponse>;
  readonly at: (iso: string) => void;
}

/** An intake over a log in memory, as the composition would make it. */
export async function createTestIntake(change: Partial<IntakeDeps> = {}): Promise<TestIntake> {
  const log = createFakeLog(POLICY.tenant);
  let now = NOW_US;
  const deps: IntakeDeps = {
    log,
    index: log.index,
    policy: POLICY,
    credentials: openCredentials(POLICY, secretsFrom(SECRETS)),
    adapterFor,
    scan: scanDelivery,
    now: () => now,
    settle: log.settle,
    authorize: async (authorization) => {
      if (authorization !== OPERATOR) throw new Problem('unauthenticated', 'Send the operator token.');
    },
    ...change,
  };
  const app = fastify(serverOptions());
  limitUploads(app);
  answerProblems(app);
  await app.register(createIntake(deps));
  await app.ready();
  return {
    app,
    log,
    deps,
    inject: (options) => app.inject(options),
    send: (url, headers, body) => app.inject({ method: 'POST', url, headers, payload: body }),
    at: (iso) => void (now = parseStamp(iso)?.at ?? 0),
  };
}

/** Standard Webhooks headers for a body, signed by hand with node's own HMAC. */
export function sign(
  key: Buffer,
  body: string,
  options: { id?: string; at?: string; prefix?: 'webhook' | 'svix' } = {},
): Record<string, string> {
  const { id = 'msg_1', at = NOW, prefix = 'webhook' } = options;
  const timestamp = String(Math.floor(Date.parse(at) / 1_000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { [`${prefix}-id`]: id, [`${prefix}-timestamp`]: timestamp, [`${prefix}-signature`]: `v1,${signature}` };
}
