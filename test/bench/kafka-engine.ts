import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../store/clickhouse.ts';
import { scalar } from '../support/ingest-harness.ts';
import { createWatch, TOPIC } from './kafka-worker.ts';
import type { RunFigures } from './kafka-worker.ts';

// ClickHouse's own Kafka engine, as one who knows it would set it up: messages as they are, parsed once, four tables with
// the same columns, engines and settings as ours, filled by views on what was parsed. It validates nothing, hashes
// nothing, finds no repeats, keeps no rejects and reads nothing back.
const BLOCK_ROWS = 65_536;
const SHAPE = `Tuple(eventTime String, sourceIPAddress String, userAgent String, requestID String, eventID String, readOnly Bool, recipientAccountId String,
  eventSource String, eventName String, userIdentity Tuple(principalId String, accessKeyId String, userName String, identityProvider String,
  sessionContext Tuple(sessionIssuer Tuple(arn String))), requestParameters Tuple(roleArn String, roleSessionName String),
  responseElements Tuple(credentials Tuple(accessKeyId String), assumedRoleUser Tuple(assumedRoleId String)), resources Array(Tuple(ARN String, type String)))`;
const PARSED = `value String, key String, headers String, partition UInt16, offset UInt64, received_at DateTime64(3, 'UTC'), ref UInt64, at DateTime64(6, 'UTC'),
  account String, id String, service String, operation String, made UInt8, written UInt8, session_name String, actor_key String, actor_kind String, credential String,
  resource_type String, resource String, ip String, agent String, issued String, session String, principal String, keys Array(Tuple(String, String, String, String, String))`;
const STAMPS = "received_at, now64(6, 'UTC') AS ingested_at";

const VIEWS: Readonly<Record<string, string>> = {
  records: `SELECT 'default' AS tenant, '${TOPIC}' AS topic, 1 AS source_epoch, partition, offset, ref, '${TOPIC}' AS source, '111122223333' AS instance,
    'push' AS delivery, ${STAMPS}, 1 AS writer_epoch, 'accepted' AS status, '' AS reason, '' AS detail, 1 AS events, key, value, headers, '' AS salt, '' AS leaf FROM peer_parsed`,
  events: `SELECT 'default' AS tenant, ref, reinterpretAsUUID(MD5(concat(id, '\\0', account))) AS event_id, '' AS content_hash, 'accepted' AS disposition, ref AS first_ref,
    '${TOPIC}' AS family, '${TOPIC}' AS source, account AS instance, id AS native_id, concat(service, ':', operation) AS type, at AS occurred_at, 's' AS precision,
    CAST(NULL, 'Nullable(DateTime64(6))') AS observed_at, ${STAMPS}, '' AS sequence, multiIf(made, 'session.assume', written, 'api.update', 'api.read') AS action,
    if(made, 'credential', 'touch') AS stage, 'success' AS outcome, '' AS outcome_code, '' AS outcome_reason, actor_kind, actor_key,
    concat('{"kind":"', actor_kind, '","key":"', actor_key, '","display":"', session_name, '"}') AS actor, '' AS parties, if(credential = '', '', 'sts_session') AS credential_kind,
    credential AS credential_key, resource_type, resource AS resource_key, '' AS resource_display, account AS environment, ip AS source_ip, agent AS user_agent,
    concat('{"call":{"service":"', service, '","operation":"', operation, '","write":', if(written, 'true', 'false'), ',"principal":"', principal, '","account":"', account,
      '"},"claimed":{"session_name":"', session_name, '"}}') AS facts, replaceAll(toJSONString(keys), '\\\\/', '/') AS keys, emptyArrayString() AS unread, '2' AS parser_version FROM peer_parsed`,
  event_keys: `SELECT 'default' AS tenant, named.1 AS key, at AS occurred_at, ref, named.2 AS class, named.3 AS role, named.4 AS confidence, named.5 AS field, ${STAMPS}
    FROM peer_parsed ARRAY JOIN keys AS named`,
  edges: `SELECT 'default' AS tenant, e.1 AS key, e.2 AS direction, e.3 AS other, 'chain' AS other_class, 'issued' AS relation, 'exact' AS confidence, 'E18' AS rule,
    '' AS principal, ref, at AS occurred_at, ${STAMPS} FROM peer_parsed ARRAY JOIN [(session, 'down', issued), (issued, 'up', session)] AS e WHERE made`,
};

const PARSE = `WITH JSONExtract(value, '${SHAPE.replaceAll(/\s+/g, ' ')}') AS d
  SELECT value, _key AS key, toJSONString(CAST((_headers.name, _headers.value), 'Map(String, String)')) AS headers, _partition AS partition, _offset AS offset,
    assumeNotNull(_timestamp_ms) AS received_at, bitOr(bitShiftLeft(toUInt64(_partition), 48), bitShiftLeft(toUInt64(_offset), 12)) AS ref,
    parseDateTime64BestEffort(d.eventTime, 6, 'UTC') AS at, d.recipientAccountId AS account, d.eventID AS id, splitByChar('.', d.eventSource)[1] AS service,
    d.eventName AS operation, startsWith(operation, 'AssumeRole') AS made, NOT d.readOnly AS written,
    if(made, d.requestParameters.roleSessionName, splitByChar(':', d.userIdentity.principalId)[2]) AS session_name,
    if(made, concat('idp:user:https://', splitByChar('/', d.userIdentity.identityProvider)[2], '/', d.userIdentity.userName),
      concat('aws:role:', d.userIdentity.sessionContext.sessionIssuer.arn)) AS actor_key,
    if(made, 'service', 'unknown') AS actor_kind, if(made, '', concat('aws:accesskey:', d.userIdentity.accessKeyId)) AS credential,
    d.resources[1].type AS resource_type, d.resources[1].ARN AS resource, d.sourceIPAddress AS ip, d.userAgent AS agent,
    if(made, concat('aws:accesskey:', d.responseElements.credentials.accessKeyId), credential) AS issued,
    concat('aws:session:', account, '/', if(made, d.responseElements.assumedRoleUser.assumedRoleId, d.userIdentity.principalId)) AS session,
    d.userIdentity.sessionContext.sessionIssuer.arn AS principal,
    arrayFilter(named -> named.1 != '', [
      (issued, 'chain', if(made, 'creates', 'uses'), 'exact', if(made, 'responseElements.credentials.accessKeyId', 'userIdentity.accessKeyId')),
      (session, 'chain', if(made, 'creates', 'uses'), 'exact', if(made, 'responseElements.assumedRoleUser.assumedRoleId', 'userIdentity.principalId')),
      (if(made, concat('aws:role:', resource), ''), 'hub', 'target', 'exact', 'requestParameters.roleArn'),
      (concat('aws:request:', d.requestID), 'chain', 'subject', 'exact', 'requestID'), (actor_key, 'hub', 'actor', 'exact', 'userIdentity'),
      (concat('aws:account:', account), 'hub', 'place', 'exact', 'recipientAccountId'), (concat('ip:', ip), 'hub', 'place', 'exact', 'sourceIPAddress')]) AS keys
  FROM peer_queue`;

/** Lets the engine consume a topic into tables of its own; the clock runs from its first rows to its last full block. */
export async function runEngine(
  store: Store,
  brokers: string,
  topic: string,
  count: number,
  consumers: number,
): Promise<RunFigures> {
  const run = (sql: string): Promise<void> => store.writer.run(sql);
  for (const table of Object.keys(VIEWS)) await run(`CREATE TABLE peer_${table} AS ${table}`);
  await run(`CREATE TABLE peer_parsed (${PARSED}) ENGINE = Null`);
  for (const [table, sql] of Object.entries(VIEWS))
    await run(`CREATE MATERIALIZED VIEW peer_to_${table} TO peer_${table} AS ${sql}`);
  await run(`CREATE TABLE peer_queue (value String) ENGINE = Kafka SETTINGS kafka_broker_list = '${brokers}', kafka_topic_list = '${topic}',
    kafka_group_name = 'peer-${randomUUID()}', kafka_format = 'RawBLOB', kafka_num_consumers = ${consumers}, kafka_thread_per_consumer = ${consumers > 1 ? 1 : 0},
    kafka_max_block_size = ${BLOCK_ROWS}, kafka_poll_max_batch_size = ${BLOCK_ROWS}`);
  const watch = createWatch();
  await run(`CREATE MATERIALIZED VIEW peer_to_parsed TO peer_parsed AS ${PARSE}`);
  // The last rows wait until the engine's flush interval of 7.5 s is over: they are no measure of its rate.
  let figures: RunFigures | undefined;
  let first = -1;
  for (let held = 0; held < count; await sleep(10)) {
    const now = Number(await scalar(store, 'SELECT count() FROM peer_records'));
    if (now === held) continue;
    if (first < 0) {
      first = now;
      watch.begin();
    } else if (now - held >= BLOCK_ROWS || !figures) figures = watch.look(now - first);
    held = now;
  }
  const complete =
    'SELECT (SELECT count() FROM peer_edges) + (SELECT count() FROM peer_event_keys) + (SELECT count() FROM peer_events)';
  for (let before = ''; before !== (before = await scalar(store, complete)); await sleep(300));
  await run('DROP TABLE peer_to_parsed');
  await run('DROP TABLE peer_queue');
  if (!figures) throw new Error('the engine gave all rows at once: the topic is too short to measure it');
  return { ...figures, peakRss: watch.end(1).peakRss };
}

/** The rows of four tables as counts, and sums over what both ways must agree in: whole rows, and each column by itself. */
export async function contentsOf(store: Store, prefix: '' | 'peer_'): Promise<Readonly<Record<string, string>>> {
  const columns = {
    records: 'key, value, partition, offset',
    events:
      'native_id, type, action, stage, outcome, instance, occurred_at, actor_kind, actor_key, credential_kind, credential_key, resource_type, resource_key, source_ip, user_agent, keys',
    event_keys: 'key, occurred_at, class, role, confidence, field',
    edges: 'key, direction, other, other_class, relation, confidence, rule, occurred_at',
  };
  const sums: Record<string, string> = {};
  for (const [table, list] of Object.entries(columns)) {
    const names = list.split(', ');
    const each = names.map((name) => `sum(sipHash64(${name}))`).join(', ');
    const found = await scalar(store, `SELECT count(), sum(sipHash64(${list})), ${each} FROM ${prefix}${table}`);
    const [rows = '', whole = '', ...parts] = found.split('\t');
    sums[table] = `${rows} ${whole}`;
    names.forEach((name, at) => (sums[`${table}.${name}`] = parts[at] ?? ''));
  }
  return sums;
}
