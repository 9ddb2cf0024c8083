import type { Source } from '../../model/source.ts';
import { doorFault } from './door-fault.ts';
import type { Headers } from './signature.ts';

/** The three forms of the CloudEvents HTTP binding; undefined for every other source. */
export type CloudEventsMode = 'structured' | 'batch' | 'binary';

const JSON_LIKE = new Set([
  '',
  'application/json',
  'text/json',
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/json-lines',
  // GitLab's audit stream sends JSON under this type (sources.md 1.1).
  'application/x-www-form-urlencoded',
  'application/octet-stream',
  'text/plain',
]);

/**
 * Refuses what cannot be read as JSON in UTF-8: another media type, another charset, a compressed body (a bomb of 1:1000
 * costs a sender nothing, so none is unpacked here: reliability.md 3.2 row 13). Gives the mode of CloudEvents.
 */
export function checkContentType(source: Source, headers: Headers): CloudEventsMode | undefined {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity') {
    throw doorFault(
      'invalid_encoding',
      'Content-Encoding is not taken; send the body as it is, or import a compressed file.',
    );
  }
  const [type = '', ...parameters] = (headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const charset = parameters
    .find((part) => part.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '');
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    throw doorFault('invalid_encoding', 'Only UTF-8 is taken.');
  }
  if (source === 'issuer.cloudevents') return cloudEventsMode(type, headers);
  if (!JSON_LIKE.has(type) && !type.endsWith('+json'))
    throw doorFault('unsupported_media_type', 'This content type is not taken.');
  return undefined;
}

function cloudEventsMode(type: string, headers: Headers): CloudEventsMode {
  if (type === 'application/cloudevents+json') return 'structured';
  if (type === 'application/cloudevents-batch+json') return 'batch';
  const isBinary = headers['ce-specversion'] !== undefined || headers['ce-id'] !== undefined;
  if (isBinary && (type === '' || type === 'application/json' || type === 'text/json' || type.endsWith('+json')))
    return 'binary';
  throw doorFault(
    'unsupported_media_type',
    'Send application/cloudevents+json, application/cloudevents-batch+json, or JSON data with ce- headers.',
  );
}

/** Headers that tell something of the event, and are stored with it. Everything else of a request is transport. */
const MEANINGFUL: Partial<Record<Source, readonly string[]>> = {
  'gitlab.audit-stream': ['x-gitlab-audit-event-type'],
  'gitlab.webhook': [
    'x-gitlab-event',
    'x-gitlab-instance',
    'x-gitlab-event-uuid',
    'x-gitlab-webhook-uuid',
    'idempotency-key',
  ],
  'hoop.event': ['svix-id', 'svix-timestamp', 'webhook-id', 'webhook-timestamp'],
};
const MAX_HEADER_CHARS = 2_048;
const MAX_ATTRIBUTES = 64;

/** The headers that an adapter may read, by lower-case name. In binary mode they are the context attributes. */
export function meaningfulHeaders(source: Source, headers: Headers, mode?: CloudEventsMode): Record<string, string> {
  const names = mode === 'binary' ? attributeNames(headers) : (MEANINGFUL[source] ?? []);
  const kept: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined && value.length <= MAX_HEADER_CHARS) kept[name] = value;
  }
  return kept;
}

function attributeNames(headers: Headers): readonly string[] {
  const names = Object.keys(headers).filter((name) => /^ce-[a-z0-9]{1,20}$/.test(name));
  const tooLong = names.find((name) => (headers[name] ?? '').length > MAX_HEADER_CHARS);
  if (names.length > MAX_ATTRIBUTES || tooLong !== undefined) {
    throw doorFault('bounds', 'The context attributes are too many or too long.', { limit: MAX_HEADER_CHARS });
  }
  return [...names, 'content-type'];
}
