-- Seals (reliability.md 1.4): a range of a partition that was counted, found whole and equal to its tree, or was found
-- broken. Reports read only what is sealed.
CREATE TABLE IF NOT EXISTS seals
(
    topic LowCardinality(String), source_epoch UInt16, partition UInt16, first_offset UInt64, last_offset UInt64,
    state Enum8('sealed' = 1, 'broken' = 2), fault LowCardinality(String) COMMENT 'what is broken; empty where sealed',
    records UInt64, gaps UInt64, dups UInt64, size UInt64 COMMENT 'of the tree', root FixedString(32), writer_epoch UInt64, sealed_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (topic, source_epoch, partition, last_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, index_granularity = 1024;
-- Who may write a partition: the highest epoch. Only clusters need it; in one process the engine's lock on the folder fences.
CREATE TABLE IF NOT EXISTS leases
(
    topic LowCardinality(String), source_epoch UInt16, partition UInt16, writer_epoch UInt64, holder String, taken_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (topic, source_epoch, partition, writer_epoch)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, index_granularity = 1024;
-- Second copies of a record that a fenced writer still brought: kept, named here, and never counted.
CREATE TABLE IF NOT EXISTS dups
(
    topic LowCardinality(String), source_epoch UInt16, partition UInt16, offset UInt64, ref UInt64,
    ingested_at DateTime64(6, 'UTC') COMMENT 'of the copy that does not count', writer_epoch UInt64 COMMENT 'of the copy that does not count',
    copies UInt32 COMMENT 'how many such copies', found_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (topic, source_epoch, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, index_granularity = 1024;
