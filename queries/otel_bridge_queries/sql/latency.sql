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
        FROM asked.llm_calls()
        WHERE duration_ns IS NOT NULL
    )
),
timed AS (
    SELECT
        COLUMNS(lambda name: asked(name)),
        count(*) AS calls,
        avg(duration_ns) AS mean_ns,
        -- One list costs a quarter of four quantiles by themselves.
        quantile_cont(duration_ns, [0.50, 0.90, 0.95, 0.99]) AS took_ns,
        max(duration_ns) AS max_ns,
        count(time_to_first_chunk_ns) AS streamed_calls,
        quantile_cont(time_to_first_chunk_ns, [0.50, 0.90, 0.95, 0.99]) AS began_ns,
        sum(written)::DOUBLE / (sum(written_ns) / 1e9) AS output_tokens_per_s
    FROM ended
    GROUP BY ALL
)
SELECT
    COLUMNS(lambda name: asked(name)),
    calls,
    milliseconds(mean_ns) AS mean_ms,
    milliseconds(took_ns[1]) AS p50_ms,
    milliseconds(took_ns[2]) AS p90_ms,
    milliseconds(took_ns[3]) AS p95_ms,
    milliseconds(took_ns[4]) AS p99_ms,
    milliseconds(max_ns) AS max_ms,
    streamed_calls,
    milliseconds(began_ns[1]) AS ttft_p50_ms,
    milliseconds(began_ns[2]) AS ttft_p90_ms,
    milliseconds(began_ns[3]) AS ttft_p95_ms,
    milliseconds(began_ns[4]) AS ttft_p99_ms,
    output_tokens_per_s
FROM timed
ORDER BY
    COLUMNS(lambda name: asked_time(name)), calls DESC, COLUMNS(lambda name: asked(name))
LIMIT $limit
