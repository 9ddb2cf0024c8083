import type { Action } from '../../model/action.ts';
import { formatMicros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { CLASS_PARTS } from './class-parts.ts';
import { activityName, CLASS_NAMES, OCSF_PLACES, OCSF_VERSION } from './classes.ts';
import { compact } from './compact.ts';
import type { OcsfObject } from './parties.ts';

const CATEGORIES: Readonly<Record<number, string>> = {
  3: 'Identity & Access Management',
  6: 'Application Activity',
};

/** `status_id`: 1 Success, 2 Failure, 0 Unknown, 99 Other. A refusal is a failure whose detail says so. */
const STATUSES: Readonly<Record<string, readonly [number, string]>> = {
  success: [1, 'Success'],
  failure: [2, 'Failure'],
  denied: [2, 'Failure'],
  pending: [99, 'Pending'],
  unknown: [0, 'Unknown'],
};

const AUDIT_SETTING = /audit|logging|trail|stream|destination/i;

/**
 * An event as OCSF 1.8.0 (sources.md 2.6), profile `datetime`, with `cloud` for AWS and `ai_operation` for calls by an AI
 * agent whose model is known. Pure. What OCSF has no place for stands under `unmapped` with our own names: keys, facts,
 * the parties behind the actor, the precision of the time. Times are milliseconds UTC; `*_dt` has the microseconds.
 */
export function toOcsf(event: StoredEvent, tenant: string): OcsfObject {
  const place = OCSF_PLACES[event.action as Action] ?? OCSF_PLACES.other;
  const { classUid, activityId } = place;
  const categoryUid = Math.floor(classUid / 1_000);
  const name = activityName(event.action, place);
  const [statusId, status] = STATUSES[event.outcome] ?? [0, 'Unknown'];
  const [severityId, severity] = severityOf(event);
  const cloud = cloudOf(event);
  const model = classUid === 6003 && event.actor.kind === 'ai_agent' ? event.actor.model : undefined;
  return compact({
    category_uid: categoryUid,
    category_name: CATEGORIES[categoryUid],
    class_uid: classUid,
    class_name: CLASS_NAMES[classUid],
    activity_id: activityId,
    activity_name: name,
    type_uid: classUid * 100 + activityId,
    type_name: `${CLASS_NAMES[classUid]}: ${activityId === 99 ? 'Other' : name}`,
    time: Math.floor(event.occurredAt / 1_000),
    time_dt: formatMicros(event.occurredAt),
    severity_id: severityId,
    severity,
    status_id: statusId,
    status,
    status_code: event.outcomeCode,
    status_detail: event.outcomeReason ?? (event.outcome === 'denied' ? 'denied' : undefined),
    metadata: metadataOf(event, tenant, cloud !== undefined, model !== undefined),
    ...(cloud === undefined ? {} : { cloud }),
    ...(model === undefined ? {} : { ai_model: { name: model, ai_provider: 'not recorded' } }),
    ...compact(CLASS_PARTS[classUid](event)),
    unmapped: unmappedOf(event),
  });
}

function severityOf(event: StoredEvent): readonly [number, string] {
  if (event.outcome === 'denied') return [3, 'Medium'];
  if (event.action === 'config.change' && AUDIT_SETTING.test(event.type)) return [4, 'High'];
  return [1, 'Informational'];
}

function metadataOf(event: StoredEvent, tenant: string, isCloud: boolean, isAi: boolean): OcsfObject {
  const sequence = Number(event.sequence);
  return compact({
    version: OCSF_VERSION,
    profiles: [...(isAi ? ['ai_operation'] : []), ...(isCloud ? ['cloud'] : []), 'datetime'],
    product: { name: 'Custody', vendor_name: 'Custody' },
    tenant_uid: tenant,
    uid: event.eventId,
    original_event_uid: event.nativeId,
    event_code: event.type,
    log_name: event.source,
    log_provider: event.instance,
    sequence: event.sequence !== undefined && Number.isSafeInteger(sequence) ? sequence : undefined,
    logged_time: event.observedAt === undefined ? undefined : Math.floor(event.observedAt / 1_000),
    logged_time_dt: event.observedAt === undefined ? undefined : formatMicros(event.observedAt),
    processed_time: Math.floor(event.receivedAt / 1_000),
    processed_time_dt: formatMicros(event.receivedAt),
  });
}

function cloudOf(event: StoredEvent): OcsfObject | undefined {
  if (event.family !== 'aws.cloudtrail') return undefined;
  const account = event.facts.call?.account ?? (/^\d{12}$/.test(event.instance) ? event.instance : undefined);
  return compact({ provider: 'AWS', account: account === undefined ? undefined : { uid: account } });
}

function unmappedOf(event: StoredEvent): OcsfObject {
  const { actor, onBehalfOf, initiator, actChain } = event;
  return compact({
    event: event.event,
    ref: event.ref,
    family: event.family,
    instance: event.instance,
    action: event.action,
    stage: event.stage,
    outcome: event.outcome,
    precision: event.precision,
    environment: event.environment,
    actor,
    on_behalf_of: onBehalfOf,
    initiator,
    act_chain: actChain.length === 0 ? undefined : actChain,
    credential: event.credential,
    resource: event.resource,
    source_ip: event.sourceIp,
    user_agent: event.userAgent,
    corr_keys: event.keys,
    facts: event.facts,
    unread: event.unread.length === 0 ? undefined : event.unread,
  });
}
