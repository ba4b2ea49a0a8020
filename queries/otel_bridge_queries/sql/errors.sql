-- Counts failures of LLM calls, tool calls and runs by type, with the latest message.
--
-- A failed run is counted beside the failed call that brought it down: `where` tells
-- them apart. Failures of tools and runs have no provider, those of tools no model.
--
--   $limit     how many rows at most, or NULL
WITH failure AS (
    SELECT 'llm' AS place, * FROM asked.llm_calls WHERE status = 'error'
    UNION ALL BY NAME
    SELECT 'tool' AS place, * FROM asked.tool_calls WHERE status = 'error'
    UNION ALL BY NAME
    SELECT 'run' AS place, * FROM asked.runs WHERE status = 'error'
)
SELECT
    COLUMNS(lambda name: asked(name)),
    error_type,
    place AS "where",
    count(*) AS count,
    moment(max(coalesce(end_ns, start_ns))) AS last_at,
    arg_max(error_message, coalesce(end_ns, start_ns)) AS example_message
FROM failure
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)), count DESC, "where", error_type,
    COLUMNS(lambda name: asked(name))
LIMIT $limit
