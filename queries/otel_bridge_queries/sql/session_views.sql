-- Lists sessions with the sums over their runs, the latest active or the largest first.
--
-- What is not known comes last. Only the runs that are taken in count: a session without
-- any is not listed, and runs without a session belong to none.
--
--   $by              cost, tokens, duration, runs, llm_calls or errors; NULL for the latest
--   $limit $offset   how many rows at most, or NULL, and how many to pass over
WITH session AS (
    SELECT
        session_id,
        arg_max(user_id, started_ns) AS user_id,
        count(*) AS runs,
        count(*) FILTER (status = 'error') AS failed_runs,
        count(*) FILTER (ended_ns IS NULL) AS open_runs,
        sum(llm_calls)::BIGINT AS llm_calls,
        sum(tool_calls)::BIGINT AS tool_calls,
        sum(failed_llm_calls + failed_tool_calls)::BIGINT AS errors,
        sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens,
        sum(cost_picousd) AS cost_picousd,
        sum(unpriced_calls)::BIGINT AS unpriced_calls,
        min(started_ns) AS started_ns,
        CASE WHEN count(*) = count(ended_ns) THEN max(ended_ns) END AS ended_ns,
        max(coalesce(ended_ns, updated_ns)) AS updated_ns,
        list_sort(list(DISTINCT agent_name) FILTER (agent_name IS NOT NULL)) AS agents,
        arg_max(status, (started_ns, run_id)) AS last_status,
        arg_max(run_id, (started_ns, run_id)) AS last_run_id
    FROM asked.listed_runs
    WHERE session_id IS NOT NULL
    GROUP BY session_id
)
SELECT
    session_id, user_id, last_status, runs, failed_runs, open_runs, llm_calls, tool_calls,
    errors, input_tokens, output_tokens, usd(cost_picousd) AS cost_usd, unpriced_calls,
    moment(started_ns) AS started_at,
    moment(ended_ns) AS ended_at,
    moment(updated_ns) AS updated_at,
    milliseconds(ended_ns - started_ns) AS duration_ms,
    coalesce(agents, []) AS agents, last_run_id
FROM session
ORDER BY
    CASE $by
        WHEN 'cost' THEN cost_picousd
        WHEN 'tokens' THEN coalesce(input_tokens + output_tokens, input_tokens, output_tokens)
        WHEN 'duration' THEN ended_ns - started_ns
        WHEN 'runs' THEN runs
        WHEN 'llm_calls' THEN llm_calls
        WHEN 'errors' THEN errors
    END DESC NULLS LAST,
    updated_ns DESC, session_id
LIMIT $limit OFFSET $offset
