-- Sums calls, tokens and money of LLM calls by any keys.
--
-- A sum is NULL where no call of the group told; `unpriced_calls` says how many calls
-- `cost_usd` leaves out.
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
    count(*) AS llm_calls,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(cache_write_tokens) AS cache_write_tokens,
    sum(reasoning_tokens) AS reasoning_tokens,
    usd(sum(cost_picousd)) AS cost_usd,
    count(*) - count(cost_picousd) AS unpriced_calls,
    count(*) FILTER (status = 'error') AS error_calls
FROM llm_calls_by(
    $by, $zone, $agent_name, $model, $provider, $session_id, $user_id, $run_id, $service, $tag,
    $since, $until
)
GROUP BY ALL
ORDER BY
    month, week, day, hour, sum(cost_picousd) DESC NULLS LAST,
    agent_name, model, provider, session_id, user_id, run_id, service, tag
LIMIT $limit
