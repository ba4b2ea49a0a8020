-- Tells how long ended LLM calls took, by any keys.
--
--   $by        names of the group keys
--   $zone      time zone of the calendar keys
--   $agent_name $model $provider $session_id $user_id $run_id $service $tag
--              lists of wanted values, or NULL
--   $since $until   start times in nanoseconds, from and before, or NULL
--   $limit     how many rows at most, or NULL
SELECT
    month, week, day, hour, agent_name, model, provider, session_id, user_id, run_id, service,
    tag,
    count(*) AS calls,
    milliseconds(quantile_cont(end_ns - start_ns, 0.50)) AS p50_ms,
    milliseconds(quantile_cont(end_ns - start_ns, 0.90)) AS p90_ms,
    milliseconds(quantile_cont(end_ns - start_ns, 0.95)) AS p95_ms,
    milliseconds(quantile_cont(end_ns - start_ns, 0.99)) AS p99_ms,
    milliseconds(max(end_ns - start_ns)) AS max_ms,
    milliseconds(quantile_cont(time_to_first_chunk_ns, 0.50)) AS ttft_p50_ms,
    milliseconds(quantile_cont(time_to_first_chunk_ns, 0.95)) AS ttft_p95_ms
FROM llm_calls_by(
    $by, $zone, $agent_name, $model, $provider, $session_id, $user_id, $run_id, $service, $tag,
    $since, $until
)
WHERE end_ns IS NOT NULL
GROUP BY ALL
ORDER BY
    month, week, day, hour, calls DESC,
    agent_name, model, provider, session_id, user_id, run_id, service, tag
LIMIT $limit
