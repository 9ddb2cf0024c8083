import { setTimeout as sleep } from 'node:timers/promises';
import { openCredentials } from '../../ingest/intake/credentials.ts';
import { scanDelivery } from '../../ingest/intake/json-scan.ts';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import { createPollService } from '../../ingest/pollers/poll-service.ts';
import type { PollService, PollServiceDeps } from '../../ingest/pollers/poll-service.ts';
import { adapterFor } from '../../ingest/sources/registry.ts';
import { policySchema } from '../../model/policy.ts';
import type { Policy } from '../../model/policy.ts';
import { createFakeLog } from './fake-log.ts';
import type { FakeLog } from './fake-log.ts';
import { seeded } from './random.ts';

/** Made-up credentials of the scripted servers. */
export const POLL_SECRETS = {
  okta_api: 'okta-api-token-000001',
  gitlab_api: 'glpat-made-up-token-0001',
  keycloak_api: 'keycloak-client-secret-1',
  hoop_api: 'hoop-api-key-00000001',
  entra_api: 'entra-client-secret-0001',
  aws_api: 'AKIAEXAMPLE000000001:made-up-secret-access-key-0001',
} as const;

/** The moment at which the scripted events end. */
export const POLL_NOW = Date.UTC(2026, 7, 20, 12);

/** How each system is polled in tests, at the address of a scripted server. */
export function pollSource(family: string, url: string, more: Readonly<Record<string, unknown>> = {}): object {
  const oauth = { kind: 'oauth', client_id: 'custody' };
  const all: Readonly<Record<string, { readonly instance: string; readonly auth: object }>> = {
    'okta.log': { instance: 'acme.okta.example', auth: { kind: 'ssws', secret: 'okta_api' } },
    'gitlab.audit': { instance: 'gitlab.acme.example', auth: { kind: 'header', name: 'PRIVATE-TOKEN', secret: 'gitlab_api' } },
    'gitlab.users': { instance: 'gitlab.acme.example', auth: { kind: 'header', name: 'PRIVATE-TOKEN', secret: 'gitlab_api' } },
    keycloak: {
      instance: 'sso.acme.example/realms/acme',
      auth: { ...oauth, secret: 'keycloak_api', token_url: `${url}/realms/acme/protocol/openid-connect/token` },
    },
    hoop: { instance: 'hoop.acme.example', auth: { kind: 'header', name: 'Api-Key', secret: 'hoop_api' } },
    entra: {
      instance: '5a0d2c1e-0000-4000-8000-00000000aa01',
      auth: { ...oauth, secret: 'entra_api', token_url: `${url}/tenant/oauth2/v2.0/token`, scope: 'https://graph.microsoft.com/.default' },
    },
    'aws.cloudtrail': { instance: '111122223333', auth: { kind: 'aws', region: 'eu-central-1', secret: 'aws_api' } },
  }; // prettier-ignore
  return { family, instance: all[family]?.instance, poll: { url, auth: all[family]?.auth, page_size: 50, ...more } };
}

export interface PollHarness {
  readonly log: FakeLog;
  readonly service: PollService;
  readonly policy: Policy;
  /** A service anew over the same log, as after a restart. */
  restart(): PollService;
  /** Sets the clock, milliseconds of the epoch. */
  readonly at: (ms: number) => void;
}

/** Polls over a log in memory, with a clock of their own and pauses that take no time. */
export function createPollHarness(sources: readonly object[], change: Partial<PollServiceDeps> = {}): PollHarness {
  const policy = policySchema.parse({ tenant: 'acme', sources });
  const log = createFakeLog(policy.tenant);
  const secrets = secretsFrom(POLL_SECRETS);
  let nowMs = POLL_NOW;
  const make = (): PollService =>
    createPollService({
      log,
      index: log.index,
      notes: log.index,
      policy,
      credentials: openCredentials(policy, secrets),
      adapterFor,
      scan: scanDelivery,
      now: () => nowMs * 1_000,
      settle: log.settle,
      authorize: () => Promise.resolve(),
      secrets,
      sleep: (_ms, signal) => sleep(0, undefined, { signal }),
      random: seeded(7),
      onRound: () => undefined,
      ...change,
    });
  return { log, policy, service: make(), restart: make, at: (ms) => void (nowMs = ms) };
}
