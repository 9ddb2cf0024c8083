-- The Merkle trees of the partitions (reliability.md 1.4 W6, 2.3). They follow from the leaf columns of records and gaps:
-- what stands here can be made again from those, and every seal checks that it still agrees with them.
-- A step is a stretch of records without a hole, or one gap, as it was added to its tree: so the place of a leaf is
-- leaf_from + (offset - first_offset). The projection gives the ends of all trees without reading the steps.
CREATE TABLE IF NOT EXISTS tree_steps
(
    topic LowCardinality(String), source_epoch UInt16, partition UInt16, first_offset UInt64, last_offset UInt64,
    kind Enum8('records' = 1, 'gap' = 2),
    leaf_from UInt64, leaf_to UInt64 COMMENT 'the size of the tree after this step',
    leaves FixedString(32) COMMENT 'SHA-256 over the leaf hashes of the step, one after another',
    root_after FixedString(32), frontier String COMMENT 'the perfect subtrees after this step (ledger/tree.ts)',
    writer_epoch UInt64, written_at DateTime64(6, 'UTC'),
    INDEX by_leaf (leaf_from, leaf_to) TYPE minmax GRANULARITY 1,
    PROJECTION ends (SELECT topic, source_epoch, partition, max(first_offset) GROUP BY topic, source_epoch, partition)
)
ENGINE = MergeTree ORDER BY (topic, source_epoch, partition, first_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, index_granularity = 1024;
-- Nodes at the levels of tiles, over 256, 65,536, ... leaves, as they become final. Level 0 are the leaf columns themselves.
-- `tree` is `<topic>/<partition>`, and empty for the log of checkpoints.
CREATE TABLE IF NOT EXISTS tree_nodes
(
    tree LowCardinality(String), level UInt8, place UInt64, hash FixedString(32)
)
ENGINE = MergeTree ORDER BY (tree, level, place)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, index_granularity = 1024;
-- The log of checkpoints: the head of a partition's tree at a place of it. `leaf` is RFC 6962 over the head's checkpoint.
CREATE TABLE IF NOT EXISTS tree_heads
(
    place UInt64, topic LowCardinality(String), partition UInt16, origin String, size UInt64, root FixedString(32), leaf FixedString(32),
    made_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY place
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, index_granularity = 1024;
-- What was signed: a note over origin, size and root of the log of checkpoints.
CREATE TABLE IF NOT EXISTS checkpoints
(
    size UInt64, root FixedString(32), frontier String, note String, made_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY size
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0, index_granularity = 1024;
