-- Sums the tokens of LLM calls by any keys, with the share of input read from a cache.
--
-- A sum is NULL where no call of the group told. The share is over the calls that told
-- both numbers.
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
    CASE
        WHEN count(input_tokens) + count(output_tokens) > 0
        THEN coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0)
    END AS total_tokens,
    count(*) FILTER (input_tokens IS NULL AND output_tokens IS NULL) AS calls_without_usage,
    sum(cache_read_tokens) FILTER (input_tokens IS NOT NULL)::DOUBLE
        / nullif(sum(input_tokens) FILTER (cache_read_tokens IS NOT NULL), 0)
        AS cache_hit_ratio
FROM llm_calls_by(
    $by, $zone, $agent_name, $model, $provider, $session_id, $user_id, $run_id, $service, $tag,
    $since, $until
)
GROUP BY ALL
ORDER BY
    month, week, day, hour, total_tokens DESC NULLS LAST,
    agent_name, model, provider, session_id, user_id, run_id, service, tag
LIMIT $limit
