-- The spans of a lake, whatever they show.
--
-- Long texts in `attributes` are references: {"$text": id} means `messages` of the same
-- exporter, and `message_ids` lists them.
--
--   $exporter    whose rows these are
--   $content     whether attributes are given
--   $low $high   start times in nanoseconds, from and before, or NULL
SELECT
    day_of(s.start_ns) AS partition, s.id // 1000000 AS part,
    $exporter::VARCHAR AS exporter,
    s.trace_id, s.span_id, s.parent_span_id, s.run_id, s.service, s.scope, s.name, s.kind,
    s.role, s.status_code, s.status_message,
    moment(s.start_ns) AS started_at, moment(s.end_ns) AS ended_at, s.start_ns, s.end_ns,
    CASE WHEN $content::BOOLEAN THEN s.attributes END AS attributes,
    CASE WHEN $content::BOOLEAN THEN message_ids(s.attributes) ELSE [] END AS message_ids
FROM loaded.spans AS s
WHERE in_reach(s.start_ns, $low, $high)
