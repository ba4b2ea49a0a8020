-- Tells how long ended LLM calls took and how fast their output came, by any keys.
--
-- `output_tokens_per_s` is the output of the calls that told it over the time it took: the
-- duration less the time to the first part where that is known, else the whole duration.
--
--   $limit     how many rows at most, or NULL
WITH ended AS (
    SELECT
        *,
        CASE WHEN output_tokens IS NOT NULL AND writing_ns > 0 THEN output_tokens END AS written,
        CASE WHEN output_tokens IS NOT NULL AND writing_ns > 0 THEN writing_ns END AS written_ns
    FROM (
        SELECT *, duration_ns - coalesce(time_to_first_chunk_ns, 0) AS writing_ns
        FROM asked.llm_calls
        WHERE duration_ns IS NOT NULL
    )
)
SELECT
    COLUMNS(lambda name: asked(name)),
    count(*) AS calls,
    milliseconds(avg(duration_ns)) AS mean_ms,
    milliseconds(quantile_cont(duration_ns, 0.50)) AS p50_ms,
    milliseconds(quantile_cont(duration_ns, 0.90)) AS p90_ms,
    milliseconds(quantile_cont(duration_ns, 0.95)) AS p95_ms,
    milliseconds(quantile_cont(duration_ns, 0.99)) AS p99_ms,
    milliseconds(max(duration_ns)) AS max_ms,
    count(time_to_first_chunk_ns) AS streamed_calls,
    milliseconds(quantile_cont(time_to_first_chunk_ns, 0.50)) AS ttft_p50_ms,
    milliseconds(quantile_cont(time_to_first_chunk_ns, 0.90)) AS ttft_p90_ms,
    milliseconds(quantile_cont(time_to_first_chunk_ns, 0.95)) AS ttft_p95_ms,
    milliseconds(quantile_cont(time_to_first_chunk_ns, 0.99)) AS ttft_p99_ms,
    sum(written)::DOUBLE / (sum(written_ns) / 1e9) AS output_tokens_per_s
FROM ended
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)), calls DESC, COLUMNS(lambda name: asked(name))
LIMIT $limit
