import type { Action } from '../../model/action.ts';
import { ipKey } from '../../model/keys.ts';
import { addKey, compact } from './draft.ts';
import { addParty, getText, hoopParty } from './hoop-parts.ts';
import type { Hoop, HoopEvent } from './hoop-parts.ts';
import { getBoolean, getNumber, getString, needId, needStamp, needString } from './read.ts';

/** A row of the audit log: an administrator's act. `outcome` says how it ended; the HTTP status may not. */
export function readAuditRow(hoop: Hoop): HoopEvent {
  const { doc, draft } = hoop;
  const id = needId(doc, 'id');
  const actor = hoopParty(hoop, {
    id: needId(doc, 'actor_subject'),
    email: getText(doc, 'actor_email'),
    name: getText(doc, 'actor_name'),
  });
  const kind = needString(doc, 'resource_type');
  const verb = needString(doc, 'action');
  const code = getNumber(doc, 'http_status');
  const isDone = getBoolean(doc, 'outcome');
  addParty(hoop, actor, 'actor', 'actor_subject');
  addKey(draft, ipKey(getText(doc, 'client_ip')), 'place', 'client_ip');
  return compact<HoopEvent>({
    nativeId: id,
    dedupeKey: `audit:${id}`,
    type: `audit.${kind}.${verb}`,
    occurred: needStamp(doc, 'created_at'),
    action: auditAction(kind, verb),
    outcome: isDone === undefined ? 'unknown' : isDone ? 'success' : 'failure',
    outcomeCode: code === undefined ? undefined : String(code),
    actor,
    resource: { type: kind, key: `hoop://${hoop.host}/${kind}`, display: getString(doc, 'http_path') ?? kind },
    sourceIp: getText(doc, 'client_ip'),
    facts: {},
    content: [id, actor.key, kind, verb, isDone, getString(doc, 'http_path')],
  });
}

function auditAction(kind: string, verb: string): Action {
  if (/key|machine_identit|service_account|agent/.test(kind)) {
    return verb === 'create' ? 'credential.create' : verb === 'delete' ? 'credential.delete' : 'config.change';
  }
  if (kind === 'users') return verb === 'delete' ? 'user.deactivate' : 'user.change';
  return 'config.change';
}
