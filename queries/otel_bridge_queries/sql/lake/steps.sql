-- What was said in the runs of a lake, in order, each text once.
--
--   $exporter    whose rows these are
--   $content     whether texts are given
--   $low $high   times in nanoseconds, from and before, or NULL
SELECT
    day_of(s.time_ns) AS partition, 0::BIGINT AS part,
    $exporter::VARCHAR AS exporter,
    s.run_id, s.step_id, s.ordinal, s.role,
    moment(s.time_ns) AS created_at, s.time_ns,
    said.text AS content, condensed.text AS condensed_content,
    s.tool_name, s.tool_call_id, s.is_error, s.hidden, s.rolled_back
FROM loaded.steps AS s
LEFT JOIN loaded.texts AS said ON $content AND said.id = s.message
LEFT JOIN loaded.texts AS condensed ON $content AND condensed.id = s.condensed_message
WHERE in_reach(s.time_ns, $low, $high)
