-- Users of Custody with the least rights. Set the passwords first: each stands as <...> and is refused as it is.
-- Database: custody. On a cluster write ON CLUSTER '<name>' behind each name.

CREATE DATABASE IF NOT EXISTS custody;

-- Limits that a reader may set lower and not higher; `readonly = 2` lets it set them at all, and change nothing else.
CREATE SETTINGS PROFILE IF NOT EXISTS custody_reader SETTINGS
    readonly = 2,
    max_execution_time = 60 MIN 1 MAX 300,
    max_memory_usage = 4294967296 MAX 17179869184,
    max_result_rows = 5000000 MAX 10000000,
    allow_ddl = 0 CONST,
    http_max_field_value_size = 16777216;

CREATE SETTINGS PROFILE IF NOT EXISTS custody_writer SETTINGS
    async_insert = 0 CONST,
    http_max_field_value_size = 16777216;

-- The same limits for custody serve, which adds the results of checks: without `readonly`, so the rights alone say what it may.
CREATE SETTINGS PROFILE IF NOT EXISTS custody_server SETTINGS
    max_execution_time = 60 MIN 1 MAX 300,
    max_memory_usage = 4294967296 MAX 17179869184,
    max_result_rows = 5000000 MAX 10000000,
    allow_ddl = 0 CONST,
    async_insert = 0 CONST,
    http_max_field_value_size = 16777216;

CREATE ROLE IF NOT EXISTS custody_reads SETTINGS PROFILE 'custody_reader';
CREATE ROLE IF NOT EXISTS custody_writes SETTINGS PROFILE 'custody_writer';

GRANT SELECT ON custody.* TO custody_reads;
GRANT SELECT(name, value) ON system.settings TO custody_reads;

-- What custody serve may beside reading: add results of checks. For one that may only read take custody_reads; POST /v1/check
-- is then refused, and says what to grant.
CREATE ROLE IF NOT EXISTS custody_serves SETTINGS PROFILE 'custody_server';
GRANT SELECT ON custody.* TO custody_serves;
GRANT INSERT ON custody.check_runs TO custody_serves;
GRANT INSERT ON custody.check_items TO custody_serves;
GRANT SELECT ON system.processes TO custody_serves;
GRANT SELECT(name, value) ON system.settings TO custody_serves;

-- Evidence is only added to, but for the mark of a record whose events the engine refuses, and what is derived from it.
GRANT SELECT, INSERT ON custody.* TO custody_writes;
GRANT ALTER UPDATE(status, reason, detail, events) ON custody.records TO custody_writes;
GRANT ALTER DELETE ON custody.events TO custody_writes;
GRANT ALTER DELETE ON custody.event_keys TO custody_writes;
GRANT ALTER DELETE ON custody.edges TO custody_writes;
GRANT TRUNCATE ON custody.events TO custody_writes;
GRANT TRUNCATE ON custody.event_keys TO custody_writes;
GRANT TRUNCATE ON custody.edges TO custody_writes;
GRANT TRUNCATE ON custody.batches TO custody_writes;
-- Tables are made and widened by the migrations; nothing drops one.
GRANT CREATE TABLE, ALTER ADD COLUMN, ALTER ADD INDEX ON custody.* TO custody_writes;
-- The trial of rows that are refused writes to a table that keeps nothing: the table function null().
GRANT CREATE TEMPORARY TABLE ON *.* TO custody_writes;
-- What became of a statement whose answer was lost. A user sees and kills its own alone.
GRANT SELECT ON system.processes TO custody_writes;
GRANT SELECT(name, value) ON system.settings TO custody_writes;
GRANT SELECT(database, table, name, type, position) ON system.columns TO custody_writes;
GRANT REMOTE ON *.* TO custody_writes;

-- The signer adds to the log of checkpoints and reads the trees; of the records it sees their places and leaves alone.
CREATE ROLE IF NOT EXISTS custody_signs SETTINGS PROFILE 'custody_writer';
GRANT SELECT ON custody.schema_migrations TO custody_signs;
GRANT SELECT ON custody.tree_steps TO custody_signs;
GRANT SELECT(topic, source_epoch, partition, offset, leaf) ON custody.records TO custody_signs;
GRANT SELECT ON custody.gaps TO custody_signs;
GRANT SELECT, INSERT ON custody.tree_nodes TO custody_signs;
GRANT SELECT, INSERT ON custody.tree_heads TO custody_signs;
GRANT SELECT, INSERT ON custody.checkpoints TO custody_signs;
GRANT SELECT ON system.processes TO custody_signs;
GRANT SELECT(name, value) ON system.settings TO custody_signs;

CREATE USER IF NOT EXISTS custody_ingest IDENTIFIED WITH sha256_password BY '<password of custody ingest>'
    DEFAULT ROLE custody_writes DEFAULT DATABASE custody;
CREATE USER IF NOT EXISTS custody_serve IDENTIFIED WITH sha256_password BY '<password of custody serve>'
    DEFAULT ROLE custody_serves DEFAULT DATABASE custody;
CREATE USER IF NOT EXISTS custody_sign IDENTIFIED WITH sha256_password BY '<password of custody sign>'
    DEFAULT ROLE custody_signs DEFAULT DATABASE custody;
GRANT custody_writes TO custody_ingest;
GRANT custody_signs TO custody_sign;
GRANT custody_serves TO custody_serve;

-- A server that several tenants share: every reader sees its own tenant's rows, whatever a query says. One policy and
-- one reader a tenant. Tables without a tenant hold no evidence, only positions.
CREATE ROW POLICY IF NOT EXISTS own_records ON custody.records FOR SELECT USING tenant = 'acme' TO custody_serve;
CREATE ROW POLICY IF NOT EXISTS own_events ON custody.events FOR SELECT USING tenant = 'acme' TO custody_serve;
CREATE ROW POLICY IF NOT EXISTS own_keys ON custody.event_keys FOR SELECT USING tenant = 'acme' TO custody_serve;
CREATE ROW POLICY IF NOT EXISTS own_edges ON custody.edges FOR SELECT USING tenant = 'acme' TO custody_serve;
-- Once a table has a policy, a user that none names sees no row: the writer and the signer are named too.
CREATE ROW POLICY IF NOT EXISTS all_records ON custody.records FOR SELECT USING 1 TO custody_ingest, custody_sign;
CREATE ROW POLICY IF NOT EXISTS all_events ON custody.events FOR SELECT USING 1 TO custody_ingest;
CREATE ROW POLICY IF NOT EXISTS all_keys ON custody.event_keys FOR SELECT USING 1 TO custody_ingest;
CREATE ROW POLICY IF NOT EXISTS all_edges ON custody.edges FOR SELECT USING 1 TO custody_ingest;
