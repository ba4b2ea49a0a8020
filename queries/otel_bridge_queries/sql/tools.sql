-- Counts and times tool calls by any keys; calls that still run are counted, not timed.
--
--   $by        names of the group keys
--   $zone      time zone of the calendar keys
--   $agent_name $session_id $user_id $run_id $service $tag $tool_name
--              lists of wanted values, or NULL
--   $since $until   start times in nanoseconds, from and before, or NULL
--   $limit     how many rows at most, or NULL
SELECT
    month, week, day, hour, tool_name, agent_name, session_id, user_id, run_id, service, tag,
    count(*) AS calls,
    count(*) FILTER (status = 'error') AS errors,
    count(*) FILTER (status = 'error') / count(*) AS error_rate,
    milliseconds(quantile_cont(end_ns - start_ns, 0.50)) AS p50_ms,
    milliseconds(quantile_cont(end_ns - start_ns, 0.95)) AS p95_ms
FROM tool_calls_by(
    $by, $zone, $agent_name, $session_id, $user_id, $run_id, $service, $tag, $tool_name,
    $since, $until
)
GROUP BY ALL
ORDER BY
    month, week, day, hour, calls DESC,
    tool_name, agent_name, session_id, user_id, run_id, service, tag
LIMIT $limit
