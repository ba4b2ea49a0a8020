-- Lists runs, the latest first, with their totals and the ids of their texts.
--
-- `response` and `last_user_input` are ids of messages: the texts stay in the database
-- until the rows to show are known.
--
--   $limit $offset  how many rows at most, or NULL, and how many to pass over
WITH chosen AS (
    SELECT *
    FROM asked.listed_runs
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
            SELECT arg_max(s.message, (s.time_ns, s.ordinal, s.step_id))
            FROM loaded.steps AS s
            WHERE s.run_id = chosen.run_id AND s.role = 'user' AND NOT s.rolled_back
        ),
        input_message
    ) AS last_user_input,
    tags, TRY_CAST(metadata AS JSON) AS metadata
FROM chosen
ORDER BY started_ns DESC, run_id
