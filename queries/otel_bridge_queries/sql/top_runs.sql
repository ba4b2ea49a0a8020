-- Lists the runs that took the most of something; what is not known comes last.
--
-- Costs, tokens and calls are a run's own, without the runs it started.
--
--   $by      cost, tokens, duration, llm_calls or errors
--   $limit   how many rows at most, or NULL
SELECT
    run_id, agent_name, status, session_id, user_id,
    moment(started_ns) AS started_at,
    milliseconds(ended_ns - started_ns) AS duration_ms,
    llm_calls, tool_calls,
    failed_llm_calls + failed_tool_calls AS errors,
    input_tokens, output_tokens,
    usd(cost_picousd) AS cost_usd, unpriced_calls
FROM asked.listed_runs
ORDER BY
    CASE $by
        WHEN 'cost' THEN cost_picousd
        WHEN 'tokens' THEN coalesce(input_tokens + output_tokens, input_tokens, output_tokens)
        WHEN 'duration' THEN ended_ns - started_ns
        WHEN 'llm_calls' THEN llm_calls
        WHEN 'errors' THEN failed_llm_calls + failed_tool_calls
    END DESC NULLS LAST,
    started_ns DESC, run_id
LIMIT $limit
