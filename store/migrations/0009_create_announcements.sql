-- Which rejected records were announced on the dead-letter topic, and where: what this does not cover is announced at the
-- next start (reliability.md 1.4, W7). One row an announcement; the letters of it stand in the order of their offsets.
CREATE TABLE IF NOT EXISTS announcements
(
    topic LowCardinality(String), source_epoch UInt16, partition UInt16, first_offset UInt64, last_offset UInt64,
    letters UInt32, announced_partition UInt16, announced_first UInt64, announced_last UInt64, announced_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (topic, source_epoch, partition, first_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
-- Rejected records and replays are few among many: these let the engine pass over granules that hold none.
ALTER TABLE records ADD INDEX IF NOT EXISTS by_status status TYPE minmax GRANULARITY 1;
ALTER TABLE records ADD INDEX IF NOT EXISTS by_delivery delivery TYPE set(16) GRANULARITY 1;
ALTER TABLE records MATERIALIZE INDEX by_status;
ALTER TABLE records MATERIALIZE INDEX by_delivery;
