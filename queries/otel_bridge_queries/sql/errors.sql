-- Counts failures of LLM calls, tool calls and runs by type, with the latest message.
--
-- A failed run is counted beside the failed call that brought it down: `where` tells
-- them apart. Failures of tools and runs have no provider, those of tools no model.
--
--   $by        names of the group keys beside error_type and where
--   $zone      time zone of the calendar keys
--   $agent_name $model $provider $session_id $user_id $run_id $service $tag
--   $tool_name lists of wanted values, or NULL
--   $since $until   start times in nanoseconds, from and before, or NULL
--   $limit     how many rows at most, or NULL
WITH failure AS (
    SELECT
        'llm' AS place, run_id, model, provider, NULL::VARCHAR AS tool_name, start_ns, end_ns,
        error_type, error_message
    FROM loaded.llm_calls WHERE status = 'error'
    UNION ALL BY NAME
    SELECT 'tool' AS place, run_id, tool_name, start_ns, end_ns, error_type, error_message
    FROM loaded.tool_calls WHERE status = 'error'
    UNION ALL BY NAME
    SELECT
        'run' AS place, run_id, model, started_ns AS start_ns, ended_ns AS end_ns, error_type,
        error_message
    FROM loaded.runs WHERE status = 'error'
),
keyed AS (
    SELECT
        CASE WHEN asked($by, 'month') THEN bucket_of('month', moment(start_ns), $zone) END
            AS month,
        CASE WHEN asked($by, 'week') THEN bucket_of('week', moment(start_ns), $zone) END AS week,
        CASE WHEN asked($by, 'day') THEN bucket_of('day', moment(start_ns), $zone) END AS day,
        CASE WHEN asked($by, 'hour') THEN hour_of(moment(start_ns), $zone) END AS hour,
        CASE WHEN asked($by, 'agent_name') THEN r.agent_name END AS agent_name,
        CASE WHEN asked($by, 'model') THEN f.model END AS model,
        CASE WHEN asked($by, 'provider') THEN f.provider END AS provider,
        CASE WHEN asked($by, 'tool_name') THEN f.tool_name END AS tool_name,
        CASE WHEN asked($by, 'session_id') THEN r.session_id END AS session_id,
        CASE WHEN asked($by, 'user_id') THEN r.user_id END AS user_id,
        CASE WHEN asked($by, 'run_id') THEN f.run_id END AS run_id,
        CASE WHEN asked($by, 'service') THEN r.service END AS service,
        unnest(tags_or_none($by, r.tags)) AS tag,
        f.error_type, f.place, coalesce(f.end_ns, f.start_ns) AS time_ns, f.error_message
    FROM failure AS f LEFT JOIN loaded.run_keys AS r ON r.run_id = f.run_id
    WHERE wanted($agent_name, r.agent_name)
        AND wanted($model, f.model)
        AND wanted($provider, f.provider)
        AND wanted($session_id, r.session_id)
        AND wanted($user_id, r.user_id)
        AND wanted($run_id, f.run_id)
        AND wanted($service, r.service)
        AND ($tag::VARCHAR[] IS NULL OR list_has_any(r.tags, $tag::VARCHAR[]))
        AND wanted($tool_name, f.tool_name)
        AND within(f.start_ns, $since, $until)
)
SELECT
    month, week, day, hour, agent_name, model, provider, tool_name, session_id, user_id, run_id,
    service, tag, error_type, place AS "where",
    count(*) AS count,
    moment(max(time_ns)) AS last_at,
    arg_max(error_message, time_ns) AS example_message
FROM keyed
GROUP BY ALL
ORDER BY
    month, week, day, hour, count DESC, "where", error_type,
    agent_name, model, provider, tool_name, session_id, user_id, run_id, service, tag
LIMIT $limit
