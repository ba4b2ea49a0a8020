-- Counts and times tool calls by any keys; calls that still run are counted, not timed.
--
-- A retry is the next call of the same tool with the same arguments in the same run, begun
-- after the call before it had failed. Calls whose arguments were not recorded are never taken for retries.
--
--   $limit     how many rows at most, or NULL
WITH troubled AS (
    SELECT DISTINCT run_id FROM asked.tool_calls() WHERE status = 'error'
),
attempt AS (
    SELECT
        *,
        arguments IS NOT NULL AND coalesce(
            lag(status) OVER calls = 'error'
            AND coalesce(lag(end_ns) OVER calls, lag(start_ns) OVER calls) <= start_ns,
            false
        ) AS is_retry
    FROM asked.tool_calls() SEMI JOIN troubled USING (run_id)
    WINDOW calls AS (
        PARTITION BY run_id, tool_name, arguments, tag ORDER BY start_ns, end_ns, span_id
    )
    UNION ALL BY NAME
    SELECT *, false AS is_retry FROM asked.tool_calls() ANTI JOIN troubled USING (run_id)
)
SELECT
    COLUMNS(lambda name: asked(name)),
    count(*) AS calls,
    count(*) FILTER (status = 'running') AS running_calls,
    count(*) FILTER (status = 'error') AS errors,
    count(*) FILTER (status = 'error') / count(*) AS error_rate,
    count(*) FILTER (is_retry) AS retries,
    count(*) FILTER (is_retry AND status = 'ok') AS recovered,
    milliseconds(quantile_cont(duration_ns, 0.50)) AS p50_ms,
    milliseconds(quantile_cont(duration_ns, 0.90)) AS p90_ms,
    milliseconds(quantile_cont(duration_ns, 0.95)) AS p95_ms,
    milliseconds(quantile_cont(duration_ns, 0.99)) AS p99_ms,
    milliseconds(max(duration_ns)) AS max_ms
FROM attempt
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)), calls DESC, COLUMNS(lambda name: asked(name))
LIMIT $limit
