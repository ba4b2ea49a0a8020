-- Compares what LLM calls cost with what their telemetry claims, over the calls that have both.
--
-- Both sums are over the same calls, the compared ones: neither is what all calls cost. The
-- four kinds of calls (compared, only_ours, only_emitted, neither) add up to `llm_calls`.
--
--   $by        names of the group keys; `source` is the dialect that read the claim
--   $zone      time zone of the calendar keys
--   $agent_name $model $provider $session_id $user_id $run_id $service $tag
--              lists of wanted values, or NULL
--   $since $until   start times in nanoseconds, from and before, or NULL
--   $limit     how many rows at most, or NULL
SELECT
    month, week, day, hour, agent_name, model, provider, session_id, user_id, run_id, service,
    tag,
    CASE WHEN asked($by, 'source') THEN e.source END AS source,
    count(*) AS llm_calls,
    count(*) FILTER (cost_picousd IS NOT NULL AND emitted_cost_picousd IS NOT NULL)
        AS compared_calls,
    usd(sum(cost_picousd) FILTER (emitted_cost_picousd IS NOT NULL)) AS compared_cost_usd,
    usd(sum(emitted_cost_picousd) FILTER (cost_picousd IS NOT NULL)) AS compared_emitted_usd,
    usd(sum(emitted_cost_picousd - cost_picousd)) AS difference_usd,
    count(*) FILTER (cost_picousd IS NOT NULL AND emitted_cost_picousd IS NULL)
        AS only_ours_calls,
    count(*) FILTER (cost_picousd IS NULL AND emitted_cost_picousd IS NOT NULL)
        AS only_emitted_calls,
    count(*) FILTER (cost_picousd IS NULL AND emitted_cost_picousd IS NULL) AS neither_calls
FROM llm_calls_by(
    $by, $zone, $agent_name, $model, $provider, $session_id, $user_id, $run_id, $service, $tag,
    $since, $until
)
LEFT JOIN loaded.emitted_costs AS e USING (span)
GROUP BY ALL
ORDER BY
    month, week, day, hour, abs(sum(emitted_cost_picousd - cost_picousd)) DESC NULLS LAST,
    agent_name, model, provider, session_id, user_id, run_id, service, tag, source
LIMIT $limit
