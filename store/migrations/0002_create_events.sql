-- The meaning of records: derived, so it can be dropped and rebuilt. ORDER BY the place in the log, because chains and
-- tests fetch events by reference; time is served by a min-max index, since the log is nearly in order of time.
CREATE TABLE IF NOT EXISTS events
(
    tenant         LowCardinality(String),
    ref            UInt64,
    event_id       UUID,
    content_hash   FixedString(16),
    disposition    Enum8('accepted' = 1, 'duplicate' = 2, 'conflict' = 3) COMMENT 'only accepted events are counted',
    first_ref      UInt64 COMMENT 'the accepted event of this id; itself where accepted',
    family         LowCardinality(String),
    source         LowCardinality(String),
    instance       LowCardinality(String),
    native_id      String CODEC(ZSTD(3)),
    type           LowCardinality(String),
    occurred_at    DateTime64(6, 'UTC'),
    precision      Enum8('s' = 0, 'ms' = 3, 'us' = 6, 'ns' = 9),
    observed_at    Nullable(DateTime64(6, 'UTC')),
    received_at    DateTime64(3, 'UTC'),
    ingested_at    DateTime64(6, 'UTC'),
    sequence       String,
    action         LowCardinality(String),
    stage          LowCardinality(String),
    outcome        LowCardinality(String),
    outcome_code   LowCardinality(String),
    outcome_reason String CODEC(ZSTD(3)),
    actor_kind     LowCardinality(String),
    actor_key      String CODEC(ZSTD(3)),
    actor          String COMMENT 'ActorRef as JSON' CODEC(ZSTD(3)),
    parties        String COMMENT '{onBehalfOf, actChain, initiator} as JSON' CODEC(ZSTD(3)),
    credential_kind LowCardinality(String),
    credential_key String CODEC(ZSTD(3)),
    resource_type  LowCardinality(String),
    resource_key   String CODEC(ZSTD(3)),
    resource_display String CODEC(ZSTD(3)),
    environment    LowCardinality(String),
    source_ip      String,
    user_agent     String CODEC(ZSTD(3)),
    facts          String COMMENT 'Facts as JSON (model/facts.ts)' CODEC(ZSTD(3)),
    keys           String COMMENT 'the keys it names as JSON: [key, class, role, confidence, field] each; event_keys has the same by key' CODEC(ZSTD(3)),
    unread         Array(String),
    parser_version LowCardinality(String),
    INDEX occurred occurred_at TYPE minmax GRANULARITY 1,
    INDEX by_id event_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_native_id native_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (tenant, ref)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, index_granularity = 1024;
