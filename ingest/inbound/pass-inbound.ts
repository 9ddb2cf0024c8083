import type { Policy } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import { REASONS } from '../../model/reason.ts';
import { familyOf } from '../../model/source.ts';
import type { Source } from '../../model/source.ts';
import { HEADERS } from '../log/event-log.ts';
import type { LogRecord, LoggedRecord } from '../log/event-log.ts';
import { checkContentType } from '../intake/content-type.ts';
import type { Sender } from '../intake/credentials.ts';
import type { IntakeDeps } from '../intake/deps.ts';
import { doorFault } from '../intake/door-fault.ts';
import { installationOfFetch } from '../intake/installation.ts';
import type { Installation } from '../intake/installation.ts';
import { checkContract } from '../intake/issuer-contract.ts';
import { maxBodyOf } from '../intake/limits.ts';
import { prepareDelivery } from '../intake/prepare.ts';
import type { Headers } from '../intake/signature.ts';

/** What the checks of a door need; a record that came by Kafka has no credential to check. */
export type InboundDeps = Pick<IntakeDeps, 'policy' | 'adapterFor' | 'scan' | 'now'>;

/** A record of an inbound topic and where it lay, such as `custody.issuers/0/17`. */
export interface InboundRecord {
  readonly source: 'issuer.cloudevents' | 'entra.log';
  /** The installation that the topic stands for; undefined where the records tell, or only one is registered. */
  readonly instance?: string | undefined;
  readonly place: string;
  readonly record: Pick<LoggedRecord, 'headers' | 'value'>;
}

/** Records of one installation for the log of its family. */
export interface InboundGroup {
  readonly instance: string;
  readonly records: readonly LogRecord[];
}

/**
 * Passes a record that others produced through the checks of the door: size, type, depth, redaction, and for issuers the
 * contract. Never throws for what the record holds: nobody waits for an answer, so what the door would refuse is kept as a
 * record with its reason, redacted like the rest, and ends as rejected. Headers of ours that it carries have no
 * authority: of all headers only the media type and the attributes of CloudEvents are read (Kafka binding 1.0.2, 3).
 */
export function passInbound(deps: InboundDeps, inbound: InboundRecord): readonly InboundGroup[] {
  const receivedAt = deps.now();
  const headers = headersOf(inbound.record.headers);
  try {
    const installation = installationOfFetch(deps.policy, inbound.source, inbound.instance);
    return marked(inbound, groupsOf(deps, inbound, headers, receivedAt, installation));
  } catch (error) {
    return marked(inbound, refusedGroups(deps, inbound, receivedAt, reasonOf(error)));
  }
}

function groupsOf(
  deps: InboundDeps,
  { source, record }: InboundRecord,
  headers: Headers,
  receivedAt: number,
  installation: Installation,
): readonly InboundGroup[] {
  const body = record.value;
  const limit = maxBodyOf(source);
  if (body.length > limit) throw doorFault('too_large', `A record of this source may have ${limit} bytes.`, { limit });
  const mode = checkContentType(source, headers);
  const delivery = { source, headers, body, receivedAt, via: 'push' as const, installation, mode };
  const prepared = prepareDelivery(deps as IntakeDeps, delivery);
  if (source === 'issuer.cloudevents') checkContract(prepared, sendersOf(deps.policy, source));
  return prepared.groups;
}

/** Whoever may write to the topic, by the broker's rules, may speak for every registered installation of the family. */
function sendersOf(policy: Policy, source: Source): readonly Sender[] {
  return policy.sources
    .filter(({ family }) => family === familyOf(source))
    .map((installation) => ({ installation, kind: 'bearer' as const }));
}

/** What is kept of a record that the door refuses: its redacted bytes where they can be read, else none. */
function refusedGroups(
  deps: InboundDeps,
  { source, record, instance }: InboundRecord,
  receivedAt: number,
  reason: string,
): readonly InboundGroup[] {
  const fixed: Installation = { fixed: instance ?? '' };
  try {
    const body = record.value.subarray(0, maxBodyOf(source) + 1);
    if (body.length > maxBodyOf(source)) throw new RangeError('too large to be kept');
    // As what a connector fetched: secrets are taken out instead of refused, and elements that cannot be read withheld.
    const delivery = { source, headers: {}, body, receivedAt, via: 'poll' as const, installation: fixed };
    const { groups } = prepareDelivery(deps as IntakeDeps, delivery);
    const kept = groups.flatMap(({ records }) => records);
    return [{ instance: instance ?? '', records: kept.map((one) => withReason(one, reason)) }];
  } catch {
    const headers = {
      [HEADERS.source]: source,
      [HEADERS.instance]: instance ?? '',
      [HEADERS.tenant]: deps.policy.tenant,
      [HEADERS.delivery]: 'push',
    };
    const timestampMs = Math.floor(receivedAt / 1_000);
    const empty: LogRecord = { timestampMs, key: instance ?? '', value: Buffer.alloc(0), headers };
    return [{ instance: instance ?? '', records: [withReason(empty, reason)] }];
  }
}

function withReason(record: LogRecord, reason: string): LogRecord {
  const found = record.headers[HEADERS.unreadable];
  return {
    ...record,
    headers: { ...record.headers, [HEADERS.delivery]: 'push', [HEADERS.unreadable]: found ?? reason },
  };
}

/** "reason: detail" of the closed list, as the worker reads it. A fault of ours is no reason to drop a record. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Problem)) return 'adapter_failed: the record could not be prepared';
  const reason = error.facts['reason'];
  const known = typeof reason === 'string' && Object.hasOwn(REASONS, reason) ? reason : 'contract';
  return `${known}: ${error.message}`;
}

function marked({ place }: InboundRecord, groups: readonly InboundGroup[]): readonly InboundGroup[] {
  return groups.map(({ instance, records }) => ({
    instance,
    records: records.map((record) => ({ ...record, headers: { ...record.headers, [HEADERS.inbound]: place } })),
  }));
}

/** Headers of the Kafka binding as those of the HTTP binding, by lower-case name: `ce_id` is `ce-id`. Nothing else. */
function headersOf(headers: Readonly<Record<string, string>>): Headers {
  const read: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (lower === 'content-type') read['content-type'] = value;
    else if (/^ce_[a-z0-9]{1,20}$/.test(lower)) read[lower.replace('_', '-')] = value;
  }
  return read;
}
