-- What a control test gave, each time it was run: a row a run and test, written once and never updated. A check of the
-- past is run again with the same as-of; whether the digests agree shows whether it is reproducible (controls.md 2.3, rule 7).
CREATE TABLE IF NOT EXISTS check_runs
(
    tenant            LowCardinality(String),
    run               String COMMENT 'one run may hold many tests',
    created_at        DateTime64(6, 'UTC'),
    test              LowCardinality(String),
    test_version      UInt16,
    framework         LowCardinality(String),
    period_from       DateTime64(6, 'UTC'),
    period_to         DateTime64(6, 'UTC'),
    as_of             DateTime64(6, 'UTC'),
    catalogue         String COMMENT 'SHA-256 of what the tests say of themselves',
    policy            String COMMENT 'SHA-256 of the policy',
    engine            LowCardinality(String) COMMENT 'version of the package',
    parameters        String COMMENT 'JSON: what of the policy decided' CODEC(ZSTD(3)),
    population        UInt64,
    population_sha256 String,
    passed            UInt64,
    exceptions        UInt64,
    undetermined      UInt64,
    excluded          String COMMENT 'JSON: count by code',
    result            LowCardinality(String),
    reason            String CODEC(ZSTD(3)),
    digest            String COMMENT 'SHA-256 of the whole result, items included',
    items_run         String COMMENT 'the run under which its items stand: an earlier one of the same digest, or itself'
)
ENGINE = MergeTree ORDER BY (tenant, test, period_from, period_to, as_of, created_at, run)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
-- The items of a result that did not simply pass, as they were found. Stored before the row of their run, so that a run
-- that is seen has its items.
CREATE TABLE IF NOT EXISTS check_items
(
    tenant    LowCardinality(String),
    run       String,
    test      LowCardinality(String),
    item      String CODEC(ZSTD(3)),
    verdict   LowCardinality(String),
    attribute LowCardinality(String),
    at        DateTime64(6, 'UTC'),
    finding   String CODEC(ZSTD(3)),
    stratum   LowCardinality(String),
    aliases   Array(String) CODEC(ZSTD(3)),
    evidence  Array(String) CODEC(ZSTD(3))
)
ENGINE = MergeTree ORDER BY (tenant, run, test, item)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
