import type { AuditEvent } from '../../model/event.ts';
import { at } from '../../ingest/sources/read.ts';

/** What a publisher of the corpus says of an event, from its own form (ECS or OCSF); fields it does not tell are absent. */
export interface Opinion {
  readonly who?: readonly string[];
  readonly what?: string;
  readonly when?: number;
  readonly outcome?: string;
  readonly ip?: string;
}

export type Field = keyof Opinion;
export const FIELDS: readonly Field[] = ['who', 'what', 'when', 'outcome', 'ip'];

/** Reads a publisher's form. ECS names people in `user`, OCSF in `actor.user`. */
export function readOpinion(expected: unknown): Opinion {
  const isOcsf = at(expected, 'class_uid') !== undefined;
  const text = (...path: readonly string[]): string | undefined => {
    const value = at(expected, ...path);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const names = isOcsf
    ? ['uid', 'uid_alt', 'name', 'email_addr'].map((name) => text('actor', 'user', name))
    : [text('user', 'id'), text('user', 'name'), text('user', 'email')];
  const who = names.filter((name) => name !== undefined);
  // OCSF names a call in `api`; the code of a call is the kind of record.
  const what = isOcsf
    ? (text('api', 'operation') ?? text('metadata', 'event_code'))
    : (text('event', 'action') ?? text('event', 'code'));
  const written = isOcsf ? at(expected, 'time') : Date.parse(text('@timestamp') ?? '');
  // Some examples of OCSF write seconds where the schema says milliseconds.
  const time = typeof written === 'number' && written < 1e11 ? written * 1_000 : written;
  const outcome = isOcsf ? text('status')?.toLowerCase() : text('event', 'outcome');
  const ip = isOcsf ? text('src_endpoint', 'ip') : text('source', 'ip');
  return {
    ...(who.length > 0 && { who }),
    ...(what !== undefined && { what }),
    ...(typeof time === 'number' && Number.isFinite(time) && { when: time }),
    ...((outcome === 'success' || outcome === 'failure') && { outcome }),
    ...(ip !== undefined && { ip }),
  };
}

/** Whether an event says the same in a field; undefined where the publisher tells nothing. */
export function agrees(event: AuditEvent, opinion: Opinion, field: Field): boolean | undefined {
  return opinion[field] === undefined ? undefined : SAME[field](event, opinion);
}

const SAME: Record<Field, (event: AuditEvent, opinion: Opinion) => boolean> = {
  who: (event, { who = [] }) => {
    const parties = [event.actor, event.onBehalfOf].filter((one) => one !== undefined);
    // Where an application changes a user, ECS has that user: we name the person as what was changed.
    const changed = event.resource?.type === 'user' ? [event.resource.key, event.resource.display] : [];
    const named = [...parties.flatMap((one) => [one.key, one.display, one.email]), ...changed];
    const ours = [...named, ...event.keys.map((one) => one.key)];
    return who.some((name) =>
      ours.some((one) => one === name || (one !== undefined && name.length > 4 && one.includes(name))),
    );
  },
  // We put the service or the object beside the operation: "kms:Decrypt", "create pods".
  what: (event, { what = '' }) => event.type === what.trim() || event.type.split(/[: ]/).includes(what),
  when: (event, { when = 0 }) =>
    [event.occurred, event.observed].some((stamp) => stamp !== undefined && Math.abs(stamp.at / 1_000 - when) < 1_000),
  outcome: (event, { outcome }) => (event.outcome === 'success') === (outcome === 'success'),
  ip: (event, { ip }) => plainAddress(event.sourceIp) === plainAddress(ip),
};

// One address has several forms in version 6; a URL writes each in one.
function plainAddress(address: string | undefined): string | undefined {
  return address?.includes(':') === true && URL.canParse(`http://[${address}]`)
    ? new URL(`http://[${address}]`).hostname
    : address;
}
