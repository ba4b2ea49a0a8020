-- Counts and times tool calls by any keys; calls that still run are counted, not timed.
--
--   $limit     how many rows at most, or NULL
SELECT
    COLUMNS(lambda name: asked(name)),
    count(*) AS calls,
    count(*) FILTER (status = 'error') AS errors,
    count(*) FILTER (status = 'error') / count(*) AS error_rate,
    milliseconds(quantile_cont(duration_ns, 0.50)) AS p50_ms,
    milliseconds(quantile_cont(duration_ns, 0.95)) AS p95_ms
FROM asked.tool_calls
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)), calls DESC, COLUMNS(lambda name: asked(name))
LIMIT $limit
