-- Counts the LLM calls that `cost` leaves out, by the reason why they have no price.
--
--   $by        names of the group keys beside reason
--   $zone      time zone of the calendar keys
--   $agent_name $model $provider $session_id $user_id $run_id $service $tag
--              lists of wanted values, or NULL
--   $since $until   start times in nanoseconds, from and before, or NULL
--   $limit     how many rows at most, or NULL
SELECT
    month, week, day, hour, agent_name, model, provider, session_id, user_id, run_id, service,
    tag, u.reason,
    count(*) AS unpriced_calls,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    moment(max(start_ns)) AS last_at
FROM llm_calls_by(
    $by, $zone, $agent_name, $model, $provider, $session_id, $user_id, $run_id, $service, $tag,
    $since, $until
)
JOIN loaded.unpriced_calls AS u USING (span)
GROUP BY ALL
ORDER BY
    month, week, day, hour, unpriced_calls DESC, u.reason,
    agent_name, model, provider, session_id, user_id, run_id, service, tag
LIMIT $limit
