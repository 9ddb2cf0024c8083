import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import { ipKey } from '../../model/keys.ts';
import type { ParseInput, ParseResult, SourceAdapter } from './adapter.ts';
import { isInsight, readAction } from './aws-action.ts';
import type { AwsAction } from './aws-action.ts';
import { addCallerKeys, readCaller } from './aws-identity.ts';
import type { Caller } from './aws-identity.ts';
import { parseDigest } from './aws-digest.ts';
import { awsRedactions } from './aws-redact.ts';
import { addIssued, addSession, claimsOf } from './aws-sts.ts';
import { addEdge, addKey, compact, openDraft } from './draft.ts';
import type { Draft } from './draft.ts';
import { embeddedJson } from './embedded.ts';
import { at, fault, getId, getString, isObject, needStamp, needString, openDoc, partsOf, refusalOf } from './read.ts';
import type { Doc } from './read.ts';

/** Calls to AWS as CloudTrail records them (sources.md 1.8), in each of the shapes in which a record travels. */
export const awsCloudtrail: SourceAdapter = {
  source: 'aws.cloudtrail',
  family: 'aws.cloudtrail',
  containers: [['Records'], ['Events'], ['logEvents'], []],
  redact: awsRedactions,
  parse,
};

function parse(input: ParseInput): ParseResult {
  const json = unwrap(input.json);
  const record = openDoc(json);
  if (isObject(json) && 'digestStartTime' in json) return parseDigest(record);
  if (isObject(json) && !('eventID' in json)) {
    // A file whose list could not be cut: say what is wrong with the list, not with a record that never was.
    for (const list of ['Records', 'Events', 'logEvents'])
      if (list in json) fault(record, Array.isArray(json[list]) ? 'missing_required_fields' : 'wrong_type', [list]);
  }
  const eventId = needString(record, 'eventID');
  const occurred = needStamp(record, 'eventTime');
  const name = at(json, 'eventName') === undefined ? needString(record, 'eventType') : needString(record, 'eventName');
  const account = accountOf(record, input.instance);
  const refusal = refusalOf(record);
  if (refusal) return refusal;
  const draft = openDraft();
  const caller = readCaller(record);
  const action = readAction(record);
  const session = addSession(draft, record, account);
  const made = action.action === 'session.assume' && action.outcome === 'success';
  const credential = made
    ? addIssued(draft, record, {
        caller,
        session,
        gitlabHost: input.settings?.gitlab_host?.toLowerCase(),
        time: occurred.at,
      })
    : undefined;
  addRequestKeys(draft, record);
  addCallerKeys(draft, record, caller);
  const resource = addResources(draft, record, account);
  const address = getString(record, 'sourceIPAddress');
  const place = addKey(draft, ipKey(address), 'place', 'sourceIPAddress');
  const used = session.accessKey ?? session.session;
  const event = compact<AuditEvent>({
    family: 'aws.cloudtrail',
    source: 'aws.cloudtrail',
    instance: account,
    nativeId: eventId,
    dedupeKey: `${eventId}\u0000${account}`,
    type: `${action.service || 'aws'}:${name}`,
    occurred,
    action: action.action,
    outcome: action.outcome,
    outcomeCode: getString(record, 'errorCode'),
    outcomeReason: getString(record, 'errorMessage'),
    actor: caller.actor,
    credential: used && {
      kind: used.key.startsWith('aws:accesskey:AKIA') ? 'access_key' : 'sts_session',
      key: used.key,
    },
    resource,
    environment: account,
    sourceIp: place?.key.slice('ip:'.length),
    userAgent: getString(record, 'userAgent'),
    facts: compact<Facts>({
      credential,
      call: isInsight(record) ? undefined : callFacts(record, action, caller, account),
      claimed: claimsOf(record, caller, session),
      login: loginFacts(record, action),
    }),
    keys: draft.keys,
    edges: draft.edges,
    unread: record.notes.unread,
    content: json,
  });
  return { ok: true, events: [event] };
}

/**
 * The record itself: alone or in a file as it is; EventBridge puts it into `detail`, LookupEvents into the text of
 * `CloudTrailEvent`, a CloudWatch subscription into the text of `message`.
 */
function unwrap(json: unknown): unknown {
  if (!isObject(json) || 'eventID' in json) return json;
  if (isObject(json['detail']) && 'eventID' in json['detail']) return json['detail'];
  for (const name of ['CloudTrailEvent', 'message']) {
    const inner = isObject(json[name]) ? json[name] : embeddedJson(json[name]);
    if (isObject(inner) && 'eventID' in inner) return inner;
  }
  return json;
}

// The account that got the record is the installation; the oldest records, and cut ones, name only the caller's.
function accountOf(record: Doc, instance: string): string {
  const account = getId(record, 'recipientAccountId') ?? (instance || getId(record, 'userIdentity', 'accountId'));
  if (account === undefined) fault(record, 'missing_required_fields', ['recipientAccountId']);
  return account ?? '';
}

function callFacts(record: Doc, action: AwsAction, caller: Caller, account: string): NonNullable<Facts['call']> {
  return compact<NonNullable<Facts['call']>>({
    service: action.service,
    operation: action.operation,
    write: action.write,
    dry_run: action.dryRun || undefined,
    login: action.login || undefined,
    principal: caller.principal,
    account,
    invoked_by: getString(record, 'userIdentity', 'invokedBy'),
  });
}

function loginFacts(record: Doc, action: AwsAction): Facts['login'] {
  if (action.action !== 'session.login') return undefined;
  const used = getString(record, 'additionalEventData', 'MFAUsed');
  return used === undefined ? {} : { mfa: used === 'Yes' };
}

// One call that several accounts record has one shared id: the copies hang together by it (E34).
function addRequestKeys(draft: Draft, record: Doc): void {
  addKey(draft, keyOf('aws:request', undefined, getString(record, 'requestID')), 'subject', 'requestID');
  const shared = addKey(
    draft,
    keyOf('aws:sharedevent', undefined, getString(record, 'sharedEventID')),
    'subject',
    'sharedEventID',
  );
  if (!shared) return;
  const used = draft.keys.find((key) => key.type === 'aws:accesskey' && key.role === 'uses' && key.class === 'chain');
  const made = draft.keys.find((key) => key.type === 'aws:accesskey' && key.role === 'creates');
  addEdge(draft, used && { key: used.key, type: used.type, class: used.class }, shared, {
    relation: 'same_as',
    rule: 'E34',
  });
  addEdge(draft, shared, made && { key: made.key, type: made.type, class: made.class }, {
    relation: 'same_as',
    rule: 'E34',
  });
}

const MAX_RESOURCES = 20;

// What was touched: named in `resources`, else the one ARN of the answer, else the role that was asked for.
function addResources(draft: Draft, record: Doc, account: string): AuditEvent['resource'] {
  addKey(draft, keyOf('aws:account', undefined, account), 'place', 'recipientAccountId');
  if (isInsight(record)) return callOfInsight(record);
  const named = partsOf(record, 'resources')
    .slice(0, MAX_RESOURCES)
    .map((part) => ({ arn: getString(part, 'ARN'), type: getString(part, 'type'), field: `${part.where}.ARN` }))
    .filter((part) => part.arn !== undefined && part.arn !== '');
  for (const { arn, field } of named)
    addKey(draft, keyOf(isRole(arn) ? 'aws:role' : 'aws:resource', undefined, arn), 'target', field);
  const first = named[0]?.arn ?? answeredArn(record) ?? getString(record, 'requestParameters', 'roleArn');
  if (first === undefined) return undefined;
  if (named.length === 0)
    addKey(draft, keyOf(isRole(first) ? 'aws:role' : 'aws:resource', undefined, first), 'target', 'responseElements');
  return { type: named[0]?.type ?? 'aws', key: first };
}

/** What an insight is about: the call whose rate is unusual, as `service:operation`. */
function callOfInsight(record: Doc): AuditEvent['resource'] {
  const service = getString(record, 'insightDetails', 'eventSource')?.replace(/\.amazonaws\.com(?:\.cn)?$/, '');
  const operation = getString(record, 'insightDetails', 'eventName');
  if (operation === undefined) return undefined;
  return { type: 'aws:call', key: service === undefined ? operation : `${service}:${operation}` };
}

function answeredArn(record: Doc): string | undefined {
  const response = at(record.json, 'responseElements');
  if (!isObject(response)) return undefined;
  const direct = response['arn'];
  return typeof direct === 'string' && direct.startsWith('arn:') ? direct : undefined;
}

function isRole(arn: string | undefined): boolean {
  return arn !== undefined && /^arn:[a-z-]+:iam::\d{12}:role\//.test(arn);
}
