-- Lists the places where messages were said, the latest or the best first.
--
--   $found     ids of the messages that match, as a JSON list; NULL for all messages
--   $prompts   ids of the system prompts that match, likewise
--   $scores    how well the messages of $found match, in the same order, or NULL
--   $from_ns   places from this time on alone, or NULL
--   $limit     how many rows at most, or NULL
WITH found AS MATERIALIZED (
    SELECT
        unnest(from_json($found, '["BIGINT"]')) AS id,
        unnest(from_json($scores, '["DOUBLE"]')) AS score
),
prompts AS MATERIALIZED (SELECT unnest(from_json($prompts, '["BIGINT"]')) AS id),
places AS (
    SELECT
        run_id, message, time_ns, role, tool_name, step_id,
        false AS condensed, hidden, rolled_back, is_error
    FROM loaded.steps
    WHERE message IS NOT NULL
        AND ($found IS NULL OR message IN (SELECT id FROM found))
        AND ($from_ns IS NULL OR time_ns >= $from_ns)
    UNION ALL
    SELECT
        run_id, condensed_message, time_ns, role, tool_name, step_id,
        true, hidden, rolled_back, is_error
    FROM loaded.steps
    WHERE condensed_message IS NOT NULL
        AND ($found IS NULL OR condensed_message IN (SELECT id FROM found))
        AND ($from_ns IS NULL OR time_ns >= $from_ns)
    UNION ALL
    SELECT
        run_id, arguments, start_ns, 'tool arguments', tool_name, NULL, false, false, false, false
    FROM loaded.tool_calls
    WHERE arguments IS NOT NULL
        AND ($found IS NULL OR arguments IN (SELECT id FROM found))
        AND ($from_ns IS NULL OR start_ns >= $from_ns)
    UNION ALL
    SELECT
        run_id, result, coalesce(end_ns, start_ns), 'tool result', tool_name, NULL,
        false, false, false, false
    FROM loaded.tool_calls
    WHERE result IS NOT NULL
        AND ($found IS NULL OR result IN (SELECT id FROM found))
        AND ($from_ns IS NULL OR coalesce(end_ns, start_ns) >= $from_ns)
    UNION ALL
    -- All calls of a run begin with the same prompt, which was said as the run began.
    SELECT DISTINCT
        run_id, c.first_message, r.started_ns, 'system', NULL, NULL, false, false, false, false
    FROM loaded.llm_calls AS c JOIN loaded.runs AS r USING (run_id)
    WHERE c.first_message IS NOT NULL
        AND ($found IS NULL OR c.first_message IN (SELECT id FROM prompts))
        AND ($from_ns IS NULL OR r.started_ns >= $from_ns)
)
SELECT
    moment(p.time_ns) AS said_at, p.run_id, r.agent_name, r.session_id, r.user_id, r.service,
    p.role, p.tool_name, p.step_id, p.condensed, p.hidden, p.rolled_back, p.is_error,
    p.message AS message_id, CASE WHEN $scores IS NOT NULL THEN found.score END AS score
FROM places AS p
LEFT JOIN loaded.runs AS r ON r.run_id = p.run_id
LEFT JOIN found ON $scores IS NOT NULL AND found.id = p.message
WHERE wanted('only_agent_name', r.agent_name)
    AND wanted('only_session_id', r.session_id)
    AND wanted('only_user_id', r.user_id)
    AND wanted('only_tenant_id', r.tenant_id)
    AND wanted('only_run_id', p.run_id)
    AND wanted('only_service', r.service)
    AND wanted('only_tool_name', p.tool_name)
    AND (wanted('only_role', p.role) OR wanted('only_role', split_part(p.role, ' ', 1)))
    AND wanted_tags(r.tags)
    AND wanted_metadata(r.metadata)
    AND within(p.time_ns)
ORDER BY
    score DESC NULLS LAST, p.time_ns DESC, p.run_id, p.message, p.role, p.step_id, p.condensed
LIMIT $limit
