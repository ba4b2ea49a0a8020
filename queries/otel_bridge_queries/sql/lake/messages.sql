-- The long texts that the spans of a lake refer to, each once for an exporter.
--
--   $exporter    whose rows these are
--   $content     unused here: without content this table is left out
--   $low $high   ids, from and before, or NULL
SELECT
    m.id // 50000 AS partition, 0::BIGINT AS part,
    $exporter::VARCHAR AS exporter,
    m.id, m.body, m.text
FROM loaded.messages AS m
WHERE in_reach(m.id, $low, $high) AND $content::BOOLEAN IS NOT NULL
