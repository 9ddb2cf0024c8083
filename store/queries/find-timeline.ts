import type { Query } from '../query.ts';
import { EVENT_COLUMNS, eventRow } from './event-row.ts';
import type { EventRow } from './event-row.ts';

/** One condition over events; the field is one of the map below, the values are bound. */
export interface TimelineCondition {
  readonly field: keyof typeof FIELDS;
  readonly negated: boolean;
  readonly prefix: boolean;
  readonly values: readonly string[];
}

export interface TimelineRequest {
  readonly tenant: string;
  /** `[fromUs, toUs)`, microseconds UTC. */
  readonly fromUs: number;
  readonly toUs: number;
  readonly asOfMs: number;
  readonly conditions: readonly TimelineCondition[];
  /** Begin after this event: its time and its place in the log. */
  readonly after?: { readonly us: number; readonly ref: string };
  readonly limit: number;
}

/** What a field of a filter is compared with. An action is also found by its stage: `touch.*`. Names never come from outside. */
const FIELDS = {
  actor: ['actor_key'],
  action: ['action', "concat(stage, '.', action)"],
  stage: ['stage'],
  outcome: ['outcome'],
  family: ['family'],
  instance: ['instance'],
  type: ['type'],
  resource: ['resource_key', 'resource_display'],
  environment: ['environment'],
  ip: ['source_ip'],
  key: [],
} as const satisfies Record<string, readonly string[]>;

/** Accepted events of a period in order of time, then of their place in the log. */
export function findTimeline(request: TimelineRequest): Query<EventRow> {
  const { sql, params } = compileConditions(request.tenant, request.conditions, 'c');
  const after =
    request.after === undefined
      ? ''
      : `AND (occurred_at, events.ref) > (fromUnixTimestamp64Micro({after_us:Int64}), {after_ref:UInt64})`;
  return {
    sql: `SELECT ${EVENT_COLUMNS}
FROM events
WHERE tenant = {tenant:String} AND events.disposition = 'accepted'
  AND occurred_at >= fromUnixTimestamp64Micro({from_us:Int64}) AND occurred_at < fromUnixTimestamp64Micro({to_us:Int64})
  AND received_at <= fromUnixTimestamp64Milli({as_of:Int64}) ${after}
  AND ${sql}
ORDER BY occurred_at, events.ref
LIMIT {row_limit:UInt32}`,
    params: {
      ...params,
      tenant: request.tenant,
      from_us: request.fromUs,
      to_us: request.toUs,
      as_of: request.asOfMs,
      row_limit: request.limit,
      ...(request.after === undefined ? {} : { after_us: request.after.us, after_ref: request.after.ref }),
    },
    row: eventRow,
  };
}

/**
 * Conditions as one boolean expression over `events`, with the values as parameters whose names begin with `prefix`.
 * Every name in the text is of this file, so nothing that was asked for becomes SQL.
 */
export function compileConditions(
  tenant: string,
  conditions: readonly TimelineCondition[],
  prefix: string,
): { readonly sql: string; readonly params: Query<unknown>['params'] } {
  const params: Record<string, string | readonly string[]> = {};
  const parts = conditions.map((condition, index) => {
    const name = `${prefix}_${index}`;
    params[name] = [...condition.values];
    const alternatives =
      condition.field === 'key'
        ? [keyCondition(condition, name)]
        : FIELDS[condition.field].map((column) => compare(column, condition.prefix, name));
    const any = `(${alternatives.join(' OR ')})`;
    return condition.negated ? `NOT ${any}` : any;
  });
  if (conditions.some((condition) => condition.field === 'key')) params[`${prefix}_tenant`] = tenant;
  return { sql: parts.length === 0 ? 'true' : parts.join(' AND '), params };

  function keyCondition(condition: TimelineCondition, name: string): string {
    const match = compare('event_keys.key', condition.prefix, name);
    return `events.ref IN (SELECT event_keys.ref FROM event_keys WHERE event_keys.tenant = {${prefix}_tenant:String} AND ${match})`;
  }
}

function compare(column: string, prefix: boolean, name: string): string {
  return prefix
    ? `arrayExists(start -> startsWith(${column}, start), {${name}:Array(String)})`
    : `${column} IN {${name}:Array(String)}`;
}
