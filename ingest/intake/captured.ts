import { z } from 'zod';
import { normaliseHost } from '../../model/key.ts';
import { isSource } from '../../model/source.ts';
import type { Source } from '../../model/source.ts';
import { parseStamp } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import { doorFault } from './door-fault.ts';
import type { Headers } from './signature.ts';

/** One line of a file of captured deliveries: what came, when, from where, byte for byte as a string. */
const capturedSchema = z.looseObject({
  delivery_id: z.string().max(256).optional(),
  received_at: z.string(),
  source: z.string().max(64),
  transport: z.string().max(64).optional(),
  method: z.string().max(16),
  path_hint: z.string().max(2_048).default(''),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string(),
});

/** A captured delivery as the intake takes it. */
export interface Captured {
  readonly id: string | undefined;
  readonly source: Source;
  readonly receivedAt: Micros;
  /** POST is verified like a request; anything else was fetched by a connector of ours and is trusted. */
  readonly pushed: boolean;
  /** The installation as far as path and headers tell; undefined where credential, policy or body must. */
  readonly instance: string | undefined;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** How captures name systems, where that differs from our own source names. Transport and path tell the shapes apart. */
const SYSTEMS: Readonly<Record<string, (transport: string, path: string) => Source>> = {
  okta: () => 'okta.log',
  gitlab: (transport, path) => gitlabSource(transport, path),
  'gitlab-webhook': () => 'gitlab.webhook',
  'gitlab-audit': (transport, path) => gitlabSource(transport === 'rest' ? 'rest' : 'stream', path),
  issuer: () => 'issuer.cloudevents',
  cloudevents: () => 'issuer.cloudevents',
  cloudtrail: () => 'aws.cloudtrail',
  kubernetes: () => 'kubernetes.audit',
  vault: () => 'vault.audit',
  hoop: () => 'hoop.event',
  entra: () => 'entra.log',
  keycloak: () => 'keycloak.event',
  teleport: () => 'teleport.event',
  ssf: () => 'ssf.set',
  github: () => 'github.audit',
  'github-audit': () => 'github.audit',
};

/** Reads one line. A Problem names what is wrong with it; of the body nothing is repeated. */
export function readCaptured(line: Buffer): Captured {
  let json: unknown;
  try {
    json = JSON.parse(line.toString('utf8'));
  } catch {
    throw doorFault('invalid_json', 'The line is not JSON.');
  }
  const read = capturedSchema.safeParse(json);
  if (!read.success)
    throw doorFault(
      'contract',
      `The line is no captured delivery: ${read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`,
    );
  const {
    delivery_id: id,
    received_at: receivedAt,
    source: system,
    transport = '',
    method,
    path_hint: path,
    body,
  } = read.data;
  const stamp = parseStamp(receivedAt);
  if (!stamp) throw doorFault('contract', 'received_at is no RFC 3339 time with a zone.');
  const source = isSource(system)
    ? system
    : Object.hasOwn(SYSTEMS, system)
      ? SYSTEMS[system]?.(transport, path)
      : undefined;
  if (source === undefined) throw doorFault('unknown_source', 'The source of the captured delivery is unknown.');
  const headers = lowerCased(read.data.headers);
  return {
    id,
    source,
    receivedAt: stamp.at,
    pushed: method.toUpperCase() === 'POST',
    instance: instanceOf(source, path, headers),
    headers,
    body: Buffer.from(body, 'utf8'),
  };
}

function gitlabSource(transport: string, path: string): Source {
  if (transport === 'rest' || /(?:^|\/)api\/v\d+\//.test(path)) return 'gitlab.audit-rest';
  return transport === 'stream' || /audit/.test(path) ? 'gitlab.audit-stream' : 'gitlab.webhook';
}

/**
 * What path and headers say of the installation: `kubernetes/<cluster>`, `vault/<cluster>`, the account in the key of a
 * CloudTrail file, the host in the link of an Okta page.
 */
function instanceOf(source: Source, path: string, headers: Headers): string | undefined {
  if (source === 'kubernetes.audit' || source === 'vault.audit') return /^[^/]+\/([^/]+)/.exec(path)?.[1];
  if (source === 'aws.cloudtrail') return /(?:^|\/)AWSLogs\/(?:o-[a-z0-9]+\/)?(\d{12})\//.exec(path)?.[1];
  if (source === 'okta.log') return normaliseHost(/<(https:\/\/[^/>]+)/.exec(headers['link'] ?? '')?.[1]);
  return undefined;
}

function lowerCased(headers: Readonly<Record<string, string>>): Headers {
  return Object.assign(
    Object.create(null) as Headers,
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  );
}
