-- Counts the LLM calls that `cost` leaves out, by the reason why they have no price.
--
--   $limit     how many rows at most, or NULL
SELECT
    COLUMNS(lambda name: asked(name)),
    unpriced_reason AS reason,
    count(*) AS unpriced_calls,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    moment(max(start_ns)) AS last_at
FROM asked.llm_calls()
WHERE cost_picousd IS NULL
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)), unpriced_calls DESC, reason,
    COLUMNS(lambda name: asked(name))
LIMIT $limit
