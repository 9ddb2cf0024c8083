import type { AuditEvent } from '../../model/event.ts';
import { at } from '../../ingest/sources/read.ts';

/** What a publisher of the corpus says of an event, from its own form; fields it does not tell are absent. */
export interface Opinion {
  readonly who?: readonly string[];
  readonly what?: string;
  readonly when?: number;
  readonly outcome?: string;
  readonly ip?: string;
}

export type Field = keyof Opinion;
export const FIELDS: readonly Field[] = ['who', 'what', 'when', 'outcome', 'ip'];

/** Reads a publisher's form: OCSF, ECS, Datadog's attributes, or the fields that Panther adds. */
export function readOpinion(expected: unknown): Opinion {
  const text = (...path: readonly string[]): string | undefined => {
    const value = at(expected, ...path);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  if (at(expected, 'class_uid') !== undefined) return readOcsf(expected, text);
  // What else Panther adds is an index of every address and name of a record, whatever each is there for.
  if (at(expected, 'p_log_type') !== undefined) return opinionOf({ when: Date.parse(text('p_event_time') ?? '') });
  return opinionOf({
    who: [text('user', 'id'), text('user', 'name'), text('user', 'email'), text('usr', 'id')],
    what: text('event', 'action') ?? text('event', 'code') ?? text('http', 'method'),
    when: Date.parse(text('@timestamp') ?? text('event', 'start') ?? ''),
    outcome: ecsOutcome(expected, text('event', 'outcome')),
    ip: text('source', 'ip') ?? text('network', 'client', 'ip'),
  });
}

// OCSF names people in `actor.user`, and a call in `api`; the code of a call is the kind of record.
function readOcsf(expected: unknown, text: (...path: readonly string[]) => string | undefined): Opinion {
  const time = at(expected, 'time');
  return opinionOf({
    who: ['uid', 'uid_alt', 'name', 'email_addr'].map((name) => text('actor', 'user', name)),
    what: text('api', 'operation') ?? text('metadata', 'event_code'),
    // Some examples of OCSF write seconds where the schema says milliseconds.
    when: typeof time === 'number' && time < 1e11 ? time * 1_000 : time,
    outcome: text('status')?.toLowerCase(),
    ip: text('src_endpoint', 'ip'),
  });
}

// "allow" is what was decided; how it ended stands in the status of the answer, where there is one.
function ecsOutcome(expected: unknown, told: string | undefined): string | undefined {
  if (told !== 'allow') return told;
  const status = at(expected, 'http', 'response', 'status_code');
  return typeof status === 'number' ? (status < 400 ? 'success' : 'failure') : undefined;
}

interface Read {
  readonly who?: readonly (string | undefined)[];
  readonly what?: string | undefined;
  readonly when?: unknown;
  readonly outcome?: string | undefined;
  readonly ip?: string | undefined;
}

function opinionOf({ who = [], what, when, outcome, ip }: Read): Opinion {
  const named = who.filter((name) => name !== undefined);
  return {
    ...(named.length > 0 && { who: named }),
    ...(what !== undefined && { what }),
    ...(typeof when === 'number' && Number.isFinite(when) && { when }),
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
