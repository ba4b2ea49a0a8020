-- Lists the places where messages were said, the latest or the best first.
--
--   $found     ids of the messages that match, as a JSON list; NULL for all messages
--   $prompts   ids of the system prompts that match, likewise
--   $scores    how well the messages of $found match, in the same order, or NULL
--   $from_ns   places from this time on alone, or NULL
--   $agent_name $session_id $user_id $run_id $service $tag $tool_name $role
--              lists of wanted values, or NULL
--   $since $until   times in nanoseconds, from and before, or NULL
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
        AND within(time_ns, $from_ns, NULL)
    UNION ALL
    SELECT
        run_id, condensed_message, time_ns, role, tool_name, step_id,
        true, hidden, rolled_back, is_error
    FROM loaded.steps
    WHERE condensed_message IS NOT NULL
        AND ($found IS NULL OR condensed_message IN (SELECT id FROM found))
        AND within(time_ns, $from_ns, NULL)
    UNION ALL
    SELECT
        run_id, arguments, start_ns, 'tool arguments', tool_name, NULL, false, false, false, false
    FROM loaded.tool_texts
    WHERE arguments IS NOT NULL
        AND ($found IS NULL OR arguments IN (SELECT id FROM found))
        AND within(start_ns, $from_ns, NULL)
    UNION ALL
    SELECT
        run_id, result, coalesce(end_ns, start_ns), 'tool result', tool_name, NULL,
        false, false, false, false
    FROM loaded.tool_texts
    WHERE result IS NOT NULL
        AND ($found IS NULL OR result IN (SELECT id FROM found))
        AND within(coalesce(end_ns, start_ns), $from_ns, NULL)
    UNION ALL
    -- All calls of a run begin with the same prompt, which was said as the run began.
    SELECT DISTINCT
        run_id, f.message, r.started_ns, 'system', NULL, NULL, false, false, false, false
    FROM loaded.first_messages AS f JOIN loaded.run_keys AS r USING (run_id)
    WHERE ($found IS NULL OR f.message IN (SELECT id FROM prompts))
        AND within(r.started_ns, $from_ns, NULL)
)
SELECT
    moment(p.time_ns) AS said_at, p.run_id, r.agent_name, r.session_id, r.user_id, r.service,
    p.role, p.tool_name, p.step_id, p.condensed, p.hidden, p.rolled_back, p.is_error,
    p.message AS message_id, CASE WHEN $scores IS NOT NULL THEN found.score END AS score
FROM places AS p
LEFT JOIN loaded.run_keys AS r ON r.run_id = p.run_id
LEFT JOIN found ON $scores IS NOT NULL AND found.id = p.message
WHERE wanted($agent_name, r.agent_name)
    AND wanted($session_id, r.session_id)
    AND wanted($user_id, r.user_id)
    AND wanted($run_id, p.run_id)
    AND wanted($service, r.service)
    AND wanted($tool_name, p.tool_name)
    AND (wanted($role, p.role) OR wanted($role, split_part(p.role, ' ', 1)))
    AND ($tag::VARCHAR[] IS NULL OR list_has_any(r.tags, $tag::VARCHAR[]))
    AND within(p.time_ns, $since, $until)
ORDER BY
    score DESC NULLS LAST, p.time_ns DESC, p.run_id, p.message, p.role, p.step_id, p.condensed
LIMIT $limit
