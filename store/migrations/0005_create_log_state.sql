-- What the worker knows of its own progress. `batches` is an index, not the authority: the position comes from records.
CREATE TABLE IF NOT EXISTS batches
(
    topic LowCardinality(String), source_epoch UInt16, partition UInt16, first_offset UInt64, last_offset UInt64,
    records UInt32, events UInt32, keys UInt32, edges UInt32, content_sum UInt64, writer_epoch UInt64, ingested_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (topic, source_epoch, partition, first_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
