import type { ActorKind, ActorRef } from '../../model/actor.ts';
import type { AuditEvent, KeyRole } from '../../model/event.ts';
import { addKey, compact } from './draft.ts';
import { emailKey } from '../../model/keys.ts';
import { keyOf } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { emailOf } from './gitlab.ts';
import { at, getString } from './read.ts';
import type { TeleportEvent } from './teleport-links.ts';

/**
 * Who acts, and for whom. A decision is made by the author of a review or by who updated a request: `user` is whose
 * request it is. Who impersonates acts, with the rights of `user` (sources.md 1.11, 2.2).
 */
export function partiesOf(
  about: TeleportEvent,
): Pick<AuditEvent, 'actor'> & { readonly onBehalfOf: ActorRef | undefined } {
  const { doc, event } = about;
  const isDecision = event === 'access_request.review' || event === 'access_request.update';
  const field = isDecision ? (event.endsWith('review') ? 'author' : 'updated_by') : 'user';
  const bot = botName(about);
  const user =
    getString(doc, field) ?? getString(doc, 'identity', 'user') ?? (bot === undefined ? undefined : `bot-${bot}`);
  if (isDecision) addUser(about, getString(doc, 'user'), 'mentions', 'user');
  if (user === 'system') return { actor: { kind: 'system', key: '', display: 'Teleport' }, onBehalfOf: undefined };
  const by = getString(doc, 'impersonator') ?? getString(doc, 'identity', 'impersonator');
  if (by === undefined || by === '' || by === user)
    return { actor: party(about, user, 'actor', field), onBehalfOf: undefined };
  return { actor: party(about, by, 'actor', 'impersonator'), onBehalfOf: party(about, user, 'on_behalf_of', field) };
}

function botName({ doc }: TeleportEvent): string | undefined {
  return getString(doc, 'bot_name') || getString(doc, 'identity', 'bot_name') || undefined;
}

function party(about: TeleportEvent, name: string | undefined, role: KeyRole, field: string): ActorRef {
  const kind = kindOf(about, name);
  const key = addUser(about, name, role, field);
  const email = kind === 'human' ? emailOf(name) : undefined;
  return compact<ActorRef>({ kind, key: key?.key ?? '', display: name, email });
}

function kindOf(about: TeleportEvent, name: string | undefined): ActorKind {
  if (name === undefined || name === '') return 'unknown';
  const isMachine = at(about.doc.json, 'user_kind') === 2 || name.startsWith('bot-') || name === botName(about);
  return isMachine ? 'service' : 'human';
}

// A name in the cluster is a hub key; where it has the form of an e-mail address, it is taken for one.
function addUser(about: TeleportEvent, name: string | undefined, role: KeyRole, field: string): Key | undefined {
  const key = addKey(about.draft, keyOf('teleport:user', about.cluster, name), role, field);
  addKey(about.draft, emailKey(name), role, field, 'asserted');
  return key;
}
