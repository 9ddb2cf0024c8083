import type { ActorRef } from '../../model/actor.ts';
import type { Action, Outcome } from '../../model/action.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import { addKey, compact } from './draft.ts';
import {
  addEntraApp,
  addEntraContext,
  entraId,
  entraPrincipal,
  entraRecordId,
  entraText,
  entraTime,
  entraUser,
} from './entra-parts.ts';
import type { EntraRecord, EntraTold } from './entra-parts.ts';
import { at, getNumber, getString } from './read.ts';

/**
 * Reads a call of Microsoft Graph (category MicrosoftGraphActivityLogs). `signInActivityId` is the claim `uti` of the
 * token that made it, so it joins the sign-in that issued it (sources.md 1.6.b).
 */
export function readGraphActivity(record: EntraRecord): EntraTold {
  const { doc, draft, tenant } = record;
  const method = getString(doc, 'requestMethod') ?? 'UNKNOWN';
  const path = pathOf(getString(doc, 'requestUri'));
  const address = entraText(doc, 'ipAddress') ?? entraText(record.envelope, 'callerIpAddress');
  addEntraContext(record, address);
  addEntraApp(record, 'appId');
  const token = addKey(draft, keyOf('token:uti', tenant, entraId(doc, 'signInActivityId')), 'uses', 'signInActivityId');
  const code = getNumber(doc, 'responseStatusCode');
  const action = METHODS.get(method) ?? 'api.read';
  const actor = callerOf(record);
  return compact<EntraTold>({
    kind: 'graph',
    id: entraRecordId(record, 'requestId'),
    type: `graph.${method}`,
    occurred: entraTime(record, 'timeGenerated'),
    action,
    outcome: outcomeOf(code),
    outcomeCode: code === undefined ? undefined : String(code),
    actor,
    credential: token && { kind: 'access_token', key: token.key },
    resource: { type: 'graph', key: `https://graph.microsoft.com${path}` },
    sourceIp: address,
    userAgent: entraText(doc, 'userAgent'),
    facts: {
      call: compact<NonNullable<Facts['call']>>({
        service: 'graph.microsoft.com',
        operation: `${method} ${path}`,
        write: action !== 'api.read',
        principal: actor.display ?? (actor.key || undefined),
      }),
    },
    content: [method, path, code ?? null, at(doc.json, 'appId') ?? null],
  });
}

const METHODS: ReadonlyMap<string, Action> = new Map([
  ['GET', 'api.read'],
  ['HEAD', 'api.read'],
  ['OPTIONS', 'api.read'],
  ['POST', 'api.create'],
  ['PUT', 'api.update'],
  ['PATCH', 'api.update'],
  ['DELETE', 'api.delete'],
]);

// Without host and query: a query holds search terms and filters.
function pathOf(uri: string | undefined): string {
  return (uri ?? '').replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/, '') || '/';
}

function outcomeOf(code: number | undefined): Outcome {
  if (code === undefined) return 'unknown';
  if (code < 400) return 'success';
  return code === 401 || code === 403 ? 'denied' : 'failure';
}

function callerOf(record: EntraRecord): ActorRef {
  const { doc, draft } = record;
  const principal = entraId(doc, 'servicePrincipalId');
  if (entraId(doc, 'userId') !== undefined || principal === undefined) return entraUser(record, doc, 'userId', 'actor');
  const key = addKey(draft, entraPrincipal(record, principal), 'actor', 'servicePrincipalId');
  return { kind: 'service', key: key?.key ?? '' };
}

/** Reads a finding of identity protection: it is about a user, and its state changes under one id. */
export function readRisk(record: EntraRecord): EntraTold {
  const { doc } = record;
  const state = getString(doc, 'riskState') ?? '';
  const address = entraText(doc, 'ipAddress') ?? entraText(record.envelope, 'callerIpAddress');
  addEntraContext(record, address);
  const user = entraUser(record, doc, 'userId', 'target');
  const type = getString(doc, 'riskEventType') ?? getString(doc, 'riskType') ?? 'unknown';
  const level = getString(doc, 'riskLevel');
  const id = entraRecordId(record);
  return compact<EntraTold>({
    kind: 'risk',
    id: [id, state, getString(doc, 'lastUpdatedDateTime')]
      .filter((part) => part !== undefined && part !== '')
      .join(':'),
    type: `risk.${type}`,
    occurred: entraTime(record, 'detectedDateTime', 'activityDateTime', 'lastUpdatedDateTime'),
    action: 'other',
    outcome: 'unknown',
    outcomeCode: state === '' ? undefined : state,
    // Entra itself found it; the user is who it is about.
    actor: { kind: 'system', key: '', display: 'Microsoft Entra ID Protection' },
    onBehalfOf: undefined,
    resource: user.key === '' ? undefined : { type: 'user', key: user.key },
    sourceIp: address,
    facts: { findings: [{ kind: 'identity_risk', detail: `${type}${level === undefined ? '' : `, level ${level}`}` }] },
    content: [id, type, state, level ?? null],
  });
}
