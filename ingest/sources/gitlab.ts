import type { ActorRef } from '../../model/actor.ts';
import type { KeyRole } from '../../model/event.ts';
import { decimalId, normaliseHost } from '../../model/key.ts';
import { emailKey, gitlabKey } from '../../model/keys.ts';
import type { ParseInput } from './adapter.ts';
import { addKey, compact } from './draft.ts';
import type { Draft } from './draft.ts';
import { at, fault, getString, isObject, note } from './read.ts';
import type { Doc, Path } from './read.ts';

/** What GitLab's webhooks and audit events have in common: the host as scope, users, numbers as ids. */

// Users that GitLab makes for project and group access tokens (sources.md 1.1, Actors).
const BOT_NAME = /^(?:project|group)_\d+_bot(?:_[0-9a-f]+)?$/;

/**
 * The scope of every GitLab key: the host of the instance. What the credential stands for decides; a host that the
 * body names must be the same (sources.md 4.9), and serves where the credential names none. An operator may mark a
 * restored instance, which uses ids again, as "<host>~2" (sources.md 4.3).
 */
export function gitlabScope(doc: Doc, input: ParseInput, bodyHosts: readonly unknown[]): string {
  const declared = normaliseHost(input.instance);
  const named = bodyHosts.map(normaliseHost).filter((host) => host !== undefined);
  const host = declared ?? named[0];
  if (host === undefined) fault(doc, 'missing_required_fields', ['instance']);
  else if (named.some((other) => other !== host.replace(/~\d+$/, ''))) fault(doc, 'instance_mismatch', ['instance']);
  return host ?? '';
}

/** The number of a GitLab object that must be there, as text; "" and a fault where it is not. */
export function needNumber(doc: Doc, ...path: Path): string {
  const value = at(doc.json, ...path);
  const id = decimalId(value);
  if (id !== undefined) return id;
  const missing = value === undefined || value === null || value === '';
  fault(doc, missing ? 'missing_required_fields' : 'wrong_type', path);
  return '';
}

/** The number of a GitLab object as text; absent for 0 and null; anything else is noted as unread. */
export function getNumberId(doc: Doc, ...path: Path): string | undefined {
  const value = at(doc.json, ...path);
  const id = decimalId(value);
  if (id === undefined && value !== undefined && value !== null && value !== 0 && value !== '') note(doc, ...path);
  return id;
}

/** What stands for a person or machine at GitLab, from the fields that name it. */
export interface GitlabUser {
  readonly id: string | undefined;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
  readonly email?: string | undefined;
}

/**
 * Reads the user object of a hook: who acts. It may be absent (old system hooks), but not be something else: that is a
 * fault. GitLab writes "[REDACTED]" for an e-mail that it does not tell.
 */
export function readUser(doc: Doc, ...path: Path): GitlabUser {
  const user = at(doc.json, ...path);
  const id = at(user, 'id');
  if (user !== undefined && user !== null && !isObject(user)) fault(doc, 'wrong_type', path);
  else if (id !== undefined && id !== null && id !== 0 && decimalId(id) === undefined)
    fault(doc, 'wrong_type', [...path, 'id']);
  return {
    id: getNumberId(doc, ...path, 'id'),
    username: getString(doc, ...path, 'username'),
    name: getString(doc, ...path, 'name'),
    email: getString(doc, ...path, 'email'),
  };
}

/** A GitLab user as a party; its bots are services. Without an id nothing is known of it but a name. */
export function gitlabActor(host: string, user: GitlabUser): ActorRef {
  const key = gitlabKey('gitlab:user', host, user.id);
  const display = user.name || user.username;
  if (!key) return compact<ActorRef>({ kind: 'unknown', key: '', display });
  const isBot = [user.username, user.name].some((name) => name !== undefined && BOT_NAME.test(name));
  const email = emailOf(user.email);
  return compact<ActorRef>({ kind: isBot ? 'service' : 'human', key: key.key, display, email });
}

/** Adds the hub keys of a user: its number and its e-mail. */
export function addUserKeys(draft: Draft, host: string, user: GitlabUser, role: KeyRole, field: string): void {
  addKey(draft, gitlabKey('gitlab:user', host, user.id), role, `${field}.id`);
  addKey(draft, emailKey(user.email), role, `${field}.email`, 'asserted');
}

/** The name of a GitLab resource (sources.md 2.5): ids, not paths, because projects move. */
export function gitlabResource(host: string, kind: string, id: string | undefined): string {
  return id === undefined ? `gitlab://${host}` : `gitlab://${host}/${kind}/${id}`;
}

/** An e-mail address in canonical form, or undefined. */
export function emailOf(value: unknown): string | undefined {
  return emailKey(value)?.key.slice('email:'.length);
}
