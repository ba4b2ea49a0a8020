-- Lists runs, the latest first, with their totals and the ids of their texts.
--
-- `response` and `last_user_input` are ids of messages: the texts stay in the database
-- until the rows to show are known.
--
--   $agent_name $model $provider $session_id $user_id $run_id $service $tag $status
--              lists of wanted values, or NULL; a run has the models of its calls
--   $since $until   start times in nanoseconds, from and before, or NULL
--   $limit $offset  how many rows at most, or NULL, and how many to pass over
WITH chosen AS (
    SELECT *
    FROM loaded.run_states AS r
    WHERE wanted($agent_name, agent_name)
        AND wanted($session_id, session_id)
        AND wanted($user_id, user_id)
        AND wanted($run_id, run_id)
        AND wanted($service, service)
        AND wanted($status, status)
        AND ($tag::VARCHAR[] IS NULL OR list_has_any(tags, $tag::VARCHAR[]))
        AND within(started_ns, $since, $until)
        AND (
            ($model::VARCHAR[] IS NULL AND $provider::VARCHAR[] IS NULL)
            OR EXISTS (
                SELECT 1 FROM loaded.llm_calls AS c
                WHERE c.run_id = r.run_id
                    AND wanted($model, c.model)
                    AND wanted($provider, c.provider)
            )
        )
    ORDER BY started_ns DESC, run_id
    LIMIT $limit OFFSET $offset
)
SELECT
    run_id, session_id, agent_name, status, user_id,
    answer_message AS response,
    termination_reason, error_type, error_message AS error,
    trace_id, parent_run_id, delegation_level AS depth,
    moment(started_ns) AS started_at,
    moment(ended_ns) AS ended_at,
    milliseconds(ended_ns - started_ns) AS duration_ms,
    service, model, iteration_count,
    llm_calls, failed_llm_calls, tool_calls, failed_tool_calls,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
    usd(cost_picousd) AS cost_usd, unpriced_calls,
    coalesce(
        (
            SELECT arg_max(s.message, s.ordinal)
            FROM loaded.steps AS s
            WHERE s.run_id = chosen.run_id AND s.role = 'user' AND NOT s.rolled_back
        ),
        input_message
    ) AS last_user_input,
    tags, TRY_CAST(metadata AS JSON) AS metadata
FROM chosen
ORDER BY started_ns DESC, run_id
