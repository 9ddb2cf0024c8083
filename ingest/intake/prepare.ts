import { familyOf } from '../../model/source.ts';
import type { Family, Source } from '../../model/source.ts';
import type { Micros } from '../../model/time.ts';
import { HEADERS } from '../log/event-log.ts';
import type { LogRecord } from '../log/event-log.ts';
import type { SourceAdapter } from '../sources/adapter.ts';
import type { CloudEventsMode } from './content-type.ts';
import { meaningfulHeaders } from './content-type.ts';
import type { IntakeDeps } from './deps.ts';
import { cutPage } from './cut-page.ts';
import { doorFault, doorFaultFor } from './door-fault.ts';
import { instanceOfRecord } from './installation.ts';
import type { Installation } from './installation.ts';
import { limitsOf } from './scan-types.ts';
import type { Redaction, ScanOptions, ScannedElement } from './scan-types.ts';
import type { Headers } from './signature.ts';

/** One delivery whose sender is known, on its way to the log. */
export interface Delivery {
  readonly source: Source;
  readonly headers: Headers;
  readonly body: Buffer;
  readonly receivedAt: Micros;
  readonly via: 'push' | 'poll' | 'import';
  readonly installation: Installation;
  readonly mode?: CloudEventsMode | undefined;
  /** Of a poll's page: whether an element, redacted, was taken in before by the same poll and need not be again. */
  readonly isKnown?: ((value: Buffer) => boolean) | undefined;
}

/** Records of one installation, in the order in which they stood in the delivery. */
export interface RecordGroup {
  readonly instance: string;
  readonly records: readonly LogRecord[];
}

/** A delivery as it goes into the log: cut, redacted, with everything that the worker needs to know of it. */
export interface Prepared {
  readonly source: Source;
  readonly family: Family;
  readonly count: number;
  readonly groups: readonly RecordGroup[];
  /** The elements behind the records, for checks that need their meaning. */
  readonly elements: readonly ScannedElement[];
  /** Headers that an adapter reads, redacted. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The adapter of a source; the fault `unknown_source` where none is built. */
export function adapterOf(deps: Pick<IntakeDeps, 'adapterFor'>, source: Source): SourceAdapter {
  const adapter = deps.adapterFor(source);
  if (!adapter) throw doorFault('unknown_source', 'This source cannot be taken in yet.');
  return adapter;
}

/** How a delivery of a source is scanned: bounds, containers, redaction (sources.md 3.6). */
export function scanOptionsOf(deps: Pick<IntakeDeps, 'policy'>, adapter: SourceAdapter): ScanOptions {
  const { access_request: request, change } = deps.policy.pipeline_variables;
  return {
    containers: adapter.containers,
    redact: adapter.redact,
    limits: limitsOf(adapter.source),
    keep: [request, change],
    secrets: 'redact',
    format: 'detect',
  };
}

/**
 * Checks, cuts and redacts a delivery. Throws the fault of the door for what must not be stored; of what a connector
 * fetched, a bad element is withheld and the others stay, because nobody can be asked to mend it.
 */
export function prepareDelivery(deps: IntakeDeps, delivery: Delivery): Prepared {
  const { source, body, via, mode } = delivery;
  const adapter = adapterOf(deps, source);
  if (body.length === 0) throw doorFault('empty_body', 'The body is empty.');
  const isIssuer = source === 'issuer.cloudevents' && via === 'push';
  const options: ScanOptions = {
    ...scanOptionsOf(deps, adapter),
    ...(mode !== undefined && { format: 'json' }),
    secrets: isIssuer ? 'refuse' : 'redact',
    faults: via === 'push' ? 'refuse' : 'withhold',
  };
  const whole = deps.scan(body, options);
  const scanned =
    !whole.ok && delivery.isKnown
      ? ({ ok: true, cut: true, elements: cutPage(deps, adapter, body, options) } as const)
      : whole;
  if (!scanned.ok) {
    const failing = scanned.reason === 'token_material_present' ? materialIn(deps, body, options) : [];
    throw doorFaultFor(
      scanned.reason,
      `${scanned.detail} (at byte ${scanned.position})`,
      failing.length > 0 ? { failing } : {},
    );
  }
  if (mode !== undefined && scanned.cut !== (mode === 'batch')) {
    throw doorFault(
      'not_an_object',
      mode === 'batch'
        ? 'A batch is a JSON array.'
        : 'An array of events is sent as application/cloudevents-batch+json.',
    );
  }
  const headers = redactedHeaders(deps, delivery, isIssuer);
  const elements = scanned.elements.filter(({ value }) => delivery.isKnown?.(value) !== true);
  return {
    source,
    family: familyOf(source),
    count: elements.length,
    elements,
    headers,
    groups: toGroups(deps, delivery, elements, headers),
  };
}

/** The records of scanned elements, grouped by installation. */
export function toGroups(
  deps: Pick<IntakeDeps, 'policy'>,
  delivery: Omit<Delivery, 'body' | 'headers'>,
  elements: readonly ScannedElement[],
  headers: Readonly<Record<string, string>>,
): readonly RecordGroup[] {
  const groups = new Map<string, LogRecord[]>();
  for (const [index, element] of elements.entries()) {
    const instance = instanceOfRecord(delivery.source, delivery.installation, () => parsed(element));
    const group = groups.get(instance) ?? [];
    if (group.length === 0) groups.set(instance, group);
    group.push({
      timestampMs: Math.floor(delivery.receivedAt / 1_000),
      key: instance,
      value: element.value,
      headers: {
        ...headers,
        [HEADERS.source]: delivery.source,
        [HEADERS.instance]: instance,
        [HEADERS.tenant]: deps.policy.tenant,
        [HEADERS.delivery]: delivery.via,
        ...(element.redactions.length > 0 && { [HEADERS.redacted]: redactedHeader(element.redactions) }),
        ...(elements.length > 1 && delivery.via !== 'import' && { [HEADERS.part]: `${index + 1}/${elements.length}` }),
        ...(element.unreadable && {
          [HEADERS.unreadable]: `${element.unreadable.reason}: ${element.unreadable.detail}`,
        }),
        ...(element.duplicateKeys && { [HEADERS.duplicateKeys]: '1' }),
      },
    });
  }
  return [...groups].map(([instance, records]) => ({ instance, records }));
}

/** The parsed JSON of an element; undefined for one that was withheld. Its depth was bounded by the scan. */
export function parsed(element: ScannedElement): unknown {
  if (element.unreadable) return undefined;
  return JSON.parse(element.value.toString('utf8')) as unknown;
}

const MAX_LISTED = 50;

// A body may hold thousands of redactions; their number is kept, and the first of them by name.
function redactedHeader(redactions: readonly Redaction[]): string {
  const listed: Redaction[] = redactions.slice(0, MAX_LISTED).map(([path, rule]) => [path.slice(0, 256), rule]);
  return JSON.stringify(
    redactions.length > MAX_LISTED ? [...listed, [`and ${redactions.length - MAX_LISTED} more`, '']] : listed,
  );
}

// A header may carry a secret as well as a body may: the same scan reads them, as a JSON object.
function redactedHeaders(deps: IntakeDeps, delivery: Delivery, refuse: boolean): Readonly<Record<string, string>> {
  const kept = meaningfulHeaders(delivery.source, delivery.headers, delivery.mode);
  if (Object.keys(kept).length === 0) return kept;
  const scanned = deps.scan(Buffer.from(JSON.stringify(kept)), {
    containers: [],
    redact: [],
    limits: limitsOf(delivery.source),
    secrets: refuse ? 'refuse' : 'redact',
    format: 'json',
  });
  if (!scanned.ok)
    throw doorFaultFor(scanned.reason, `A header is not acceptable: ${scanned.detail}`, { path: scanned.detail });
  const [element] = scanned.elements;
  return element && element.redactions.length > 0 ? (parsed(element) as Record<string, string>) : kept;
}

// Which events of a batch carry token material, so that the issuer finds all of them at once. Nothing is kept of it.
function materialIn(deps: IntakeDeps, body: Buffer, options: ScanOptions): readonly object[] {
  const scanned = deps.scan(body, { ...options, redact: [], secrets: 'redact' });
  if (!scanned.ok || !scanned.cut) return [];
  const failing = scanned.elements.flatMap(({ redactions }, index) =>
    redactions.length === 0 ? [] : [{ index, reason: 'token_material_present', path: redactions[0]?.[0] }],
  );
  return failing.slice(0, MAX_LISTED);
}
