-- Tells how much of the input of LLM calls came from a cache, by any keys.
--
-- Shares are over the calls that told how many tokens they read from a cache
-- (`telling_calls`); a call that did not say is no miss.
--
--   $limit     how many rows at most, or NULL
SELECT
    COLUMNS(lambda name: asked(name)),
    count(*) AS llm_calls,
    count(cache_read_tokens) AS telling_calls,
    count(*) FILTER (cache_read_tokens > 0) AS reading_calls,
    count(*) FILTER (cache_read_tokens > 0) / nullif(count(cache_read_tokens), 0)
        AS call_hit_rate,
    sum(input_tokens) AS input_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(cache_write_tokens) AS cache_write_tokens,
    sum(cache_read_tokens) FILTER (input_tokens IS NOT NULL)::DOUBLE
        / nullif(sum(input_tokens) FILTER (cache_read_tokens IS NOT NULL), 0)
        AS token_hit_rate,
    sum(cache_read_tokens) FILTER (cache_write_tokens IS NOT NULL)::DOUBLE
        / nullif(sum(cache_write_tokens) FILTER (cache_read_tokens IS NOT NULL), 0)
        AS reads_per_write
FROM asked.llm_calls()
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)), input_tokens DESC NULLS LAST,
    COLUMNS(lambda name: asked(name))
LIMIT $limit
