-- Tells how long ended LLM calls took, by any keys.
--
--   $limit     how many rows at most, or NULL
SELECT
    COLUMNS(lambda name: asked(name)),
    count(*) AS calls,
    milliseconds(quantile_cont(duration_ns, 0.50)) AS p50_ms,
    milliseconds(quantile_cont(duration_ns, 0.90)) AS p90_ms,
    milliseconds(quantile_cont(duration_ns, 0.95)) AS p95_ms,
    milliseconds(quantile_cont(duration_ns, 0.99)) AS p99_ms,
    milliseconds(max(duration_ns)) AS max_ms,
    milliseconds(quantile_cont(time_to_first_chunk_ns, 0.50)) AS ttft_p50_ms,
    milliseconds(quantile_cont(time_to_first_chunk_ns, 0.95)) AS ttft_p95_ms
FROM asked.llm_calls
WHERE duration_ns IS NOT NULL
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)), calls DESC, COLUMNS(lambda name: asked(name))
LIMIT $limit
