-- Records and events stand in the order of the log, so parts that are merged early win little for queries, while each
-- merge packs every row again: with the engine's default base of 5, merges took up to 30 % of the work of ingest, and
-- more the more there was. A larger base merges more parts at once and each row less often. Keys and edges, which are
-- sought in another order, keep the default.
ALTER TABLE records MODIFY SETTING merge_selector_base = 20;
ALTER TABLE events MODIFY SETTING merge_selector_base = 20;
