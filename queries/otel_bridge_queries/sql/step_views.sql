-- Lists the steps of runs or sessions in the order they were committed.
--
-- `content` and `condensed_content` are ids of messages: the texts stay in the database
-- until the rows to show are known.
--
--   $include_rolled_back  also steps that were taken back
--   $include_hidden       also steps that the model no longer sees
--   $condensed            only steps that were condensed, or that were not; all if NULL
--   $as_shown             give condensed texts in the place of those they stand for
--   $limit                how many rows at most, or NULL
SELECT
    s.run_id, s.step_id, s.ordinal, s.role,
    CASE WHEN $as_shown THEN coalesce(s.condensed_message, s.message) ELSE s.message END
        AS content,
    s.condensed_message AS condensed_content,
    s.tool_name, s.tool_call_id, s.is_error, s.hidden, s.rolled_back,
    moment(s.time_ns) AS created_at
FROM loaded.steps AS s LEFT JOIN loaded.runs AS r ON r.run_id = s.run_id
WHERE wanted('only_run_id', s.run_id)
    AND wanted('only_session_id', r.session_id)
    AND ($include_rolled_back::BOOLEAN OR NOT s.rolled_back)
    AND ($include_hidden::BOOLEAN OR NOT s.hidden)
    AND ($condensed::BOOLEAN IS NULL OR (s.condensed_message IS NOT NULL) = $condensed)
ORDER BY r.started_ns, s.run_id, s.time_ns, s.ordinal, s.step_id
LIMIT $limit
