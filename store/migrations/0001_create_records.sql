-- The evidence itself: every record of the log, redacted before it came here, in the order of the log. Plain MergeTree,
-- because a Replacing engine would let a later insert overwrite evidence (reliability.md finding 6).
-- ORDER BY serves the read-back of a range of offsets and the rebuild; PARTITION BY ingest time, never event time,
-- which a sender chooses.
CREATE TABLE IF NOT EXISTS records
(
    tenant        LowCardinality(String),
    topic         LowCardinality(String),
    source_epoch  UInt16,
    partition     UInt16,
    offset        UInt64,
    ref           UInt64 COMMENT 'the place in the log as one number (model/position.ts)',
    source        LowCardinality(String),
    instance      LowCardinality(String),
    delivery      LowCardinality(String),
    received_at   DateTime64(3, 'UTC') COMMENT 'timestamp of the log; the as-of of a report compares with this',
    ingested_at   DateTime64(6, 'UTC') COMMENT 'when this worker stored it; informational',
    writer_epoch  UInt64,
    status        Enum8('accepted' = 1, 'duplicate' = 2, 'conflict' = 3, 'rejected' = 4),
    reason        LowCardinality(String),
    detail        String CODEC(ZSTD(3)),
    events        UInt16 COMMENT 'how many events were derived from it',
    key           String CODEC(ZSTD(3)),
    value         String CODEC(ZSTD(3)),
    headers       String COMMENT 'JSON object, keys sorted' CODEC(ZSTD(3)),
    salt          FixedString(16),
    leaf          FixedString(32) COMMENT 'RFC 6962 leaf hash (reliability.md 2.2)'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (topic, source_epoch, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, non_replicated_deduplication_window = 0;
