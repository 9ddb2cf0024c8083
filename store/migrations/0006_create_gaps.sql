-- Offsets that the log skipped, each with a reason and a leaf of its own, so that a missing range is itself provable
-- (reliability.md 1.5). Together with records they cover each partition without a hole.
CREATE TABLE IF NOT EXISTS gaps
(
    topic LowCardinality(String), source_epoch UInt16, partition UInt16, first_offset UInt64, last_offset UInt64,
    reason LowCardinality(String), leaf FixedString(32), ingested_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (topic, source_epoch, partition, first_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
