/**
 * The four tables that the worker fills, and the SELECT that makes their rows. What is compared after every insert:
 * rows, distinct places, first, last, and a sum over the contents that the worker has computed too.
 */
export interface TableSpec {
  readonly table: 'records' | 'events' | 'event_keys' | 'edges';
  /** Column of the table -> expression over what the rows come from. */
  readonly columns: Readonly<Record<string, string>>;
  /** Expressions over the table: `place`, and a UInt64 that a row's contents are summed up by. */
  readonly place: string;
  readonly check: string;
  /** What tells rows of one place apart, over columns that table and source share by name. */
  readonly identity: string;
}

/**
 * A table whose rows come in a file (binary-rows.ts), with columns that are cheap to make and to read: whole numbers for
 * times and enums.
 */
export interface FileTableSpec extends TableSpec {
  /** Columns of the file, with types. */
  readonly structure: string;
  /** Which column of the file, from 0, holds the reference. */
  readonly refColumn: number;
}

/** A table whose rows the engine makes from those of another, within the same range of references. */
export interface DerivedTableSpec extends TableSpec {
  /** The table, and the rows that are made of each of its rows. */
  readonly source: string;
  /** Which of its rows count. */
  readonly only: string;
}

const micros = (column: string): string => `fromUnixTimestamp64Micro(${column}, 'UTC')`;
const millis = (column: string): string => `fromUnixTimestamp64Milli(${column}, 'UTC')`;

function named(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, name]));
}

function texts(...names: readonly string[]): string {
  return names.map((name) => `${name} String`).join(', ');
}

const WORDS = 'LowCardinality(String)';
function words(...names: readonly string[]): string {
  return names.map((name) => `${name} ${WORDS}`).join(', ');
}

export const RECORDS: FileTableSpec = {
  table: 'records',
  structure: `${words('tenant', 'topic')}, source_epoch UInt16, partition UInt16, offset UInt64, ref UInt64, ${words('source', 'instance', 'delivery')},
    received_at Int64, ingested_at Int64, writer_epoch UInt64, status Int8, reason ${WORDS}, detail String, events UInt16,
    ${texts('key', 'headers')}, salt FixedString(16), leaf FixedString(32), value String`,
  columns: {
    ...named('tenant', 'topic', 'source_epoch', 'partition', 'offset', 'ref', 'source', 'instance', 'delivery'),
    received_at: millis('received_at'),
    ingested_at: micros('ingested_at'),
    ...named('writer_epoch', 'status', 'reason', 'detail', 'events', 'key', 'headers'),
    ...named('salt', 'leaf', 'value'),
  },
  refColumn: 5,
  place: 'offset',
  check: 'reinterpretAsUInt64(substring(leaf, 1, 6)) + CRC32(value)',
  identity: 'ref',
};

export const EVENTS: FileTableSpec = {
  table: 'events',
  structure: `tenant ${WORDS}, ref UInt64, event_id UUID, content_hash FixedString(16), disposition Int8, first_ref UInt64, ${words('family', 'source', 'instance')},
    native_id String, type ${WORDS}, occurred_at Int64, precision Int8, observed_at Nullable(Int64), received_at Int64, ingested_at Int64,
    sequence String, ${words('action', 'stage', 'outcome', 'outcome_code')}, outcome_reason String, actor_kind ${WORDS}, ${texts('actor_key', 'actor', 'parties')},
    credential_kind ${WORDS}, credential_key String, resource_type ${WORDS}, ${texts('resource_key', 'resource_display')}, environment ${WORDS},
    ${texts('source_ip', 'user_agent', 'facts', 'keys', 'unread')}, parser_version ${WORDS}`,
  columns: {
    ...named('tenant', 'ref', 'event_id', 'content_hash'),
    ...named('disposition', 'first_ref', 'family', 'source', 'instance', 'native_id', 'type'),
    occurred_at: micros('occurred_at'),
    precision: 'precision',
    observed_at: micros('observed_at'),
    received_at: millis('received_at'),
    ingested_at: micros('ingested_at'),
    ...named(
      'sequence',
      'action',
      'stage',
      'outcome',
      'outcome_code',
      'outcome_reason',
      'actor_kind',
      'actor_key',
      'actor',
      'parties',
    ),
    ...named(
      'credential_kind',
      'credential_key',
      'resource_type',
      'resource_key',
      'resource_display',
      'environment',
      'source_ip',
      'user_agent',
      'facts',
      'keys',
    ),
    unread: "if(unread = '', emptyArrayString(), JSONExtract(unread, 'Array(String)'))",
    parser_version: 'parser_version',
  },
  refColumn: 1,
  place: 'ref',
  check:
    "CRC32(concat(native_id, '\\t', type, '\\t', action, '\\t', facts)) + toUInt64(disposition) + first_ref % 1048573",
  identity: 'ref',
};

// An event holds its keys as JSON, so the engine makes these rows by itself, from events that were read back already.
export const EVENT_KEYS: DerivedTableSpec = {
  table: 'event_keys',
  source: "events ARRAY JOIN JSONExtract(keys, 'Array(Tuple(String, String, String, String, String))') AS named",
  only: "disposition = 'accepted'",
  columns: {
    tenant: 'tenant',
    key: 'named.1 AS key',
    ...named('occurred_at', 'ref'),
    class: 'named.2',
    role: 'named.3 AS role',
    confidence: 'named.4',
    field: 'named.5',
    ...named('received_at', 'ingested_at'),
  },
  place: 'ref',
  check: 'CRC32(key)',
  identity: '(ref, key, role)',
};

export const EDGES: FileTableSpec = {
  table: 'edges',
  structure: `tenant ${WORDS}, key String, direction Int8, other String, other_class Int8, relation ${WORDS}, confidence Int8, rule ${WORDS}, principal String,
    ref UInt64, occurred_at Int64, received_at Int64, ingested_at Int64`,
  columns: {
    ...named(
      'tenant',
      'key',
      'direction',
      'other',
      'other_class',
      'relation',
      'confidence',
      'rule',
      'principal',
      'ref',
    ),
    occurred_at: micros('occurred_at'),
    received_at: millis('received_at'),
    ingested_at: micros('ingested_at'),
  },
  refColumn: 9,
  place: 'ref',
  check: 'CRC32(key) + toUInt64(direction)',
  identity: '(ref, key, toInt8(direction), other, relation)',
};

export const DERIVED = [EVENTS, EVENT_KEYS, EDGES] as const;

/** `INSERT INTO t (...) SELECT ...`, to be followed by where the rows come from. */
export function insertInto(spec: TableSpec, table: string = spec.table): string {
  return `INSERT INTO ${table} (${Object.keys(spec.columns).join(', ')}) SELECT ${Object.values(spec.columns).join(', ')}`;
}
