-- Each edge stands here twice, once under each of its ends, so that climbing and descending are both a range read:
-- direction `down` means that `key` is the parent and `other` the child, `up` the reverse.
CREATE TABLE IF NOT EXISTS edges
(
    tenant      LowCardinality(String),
    key         String CODEC(LZ4),
    direction   Enum8('down' = 1, 'up' = 2),
    other       String CODEC(LZ4),
    other_class Enum8('chain' = 1, 'session' = 2, 'hub' = 3),
    relation    LowCardinality(String),
    confidence  Enum8('exact' = 1, 'asserted' = 2, 'inferred' = 3),
    rule        LowCardinality(String),
    principal   String CODEC(LZ4),
    ref         UInt64 CODEC(LZ4),
    occurred_at DateTime64(6, 'UTC') CODEC(LZ4),
    received_at DateTime64(3, 'UTC') CODEC(LZ4),
    ingested_at DateTime64(6, 'UTC') CODEC(LZ4)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (tenant, key, direction, other, relation, ref)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, index_granularity = 1024;
