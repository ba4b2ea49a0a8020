-- Counts failures of LLM calls, tool calls and runs by type, with the latest message.
--
-- A failed run is counted beside the failed call that brought it down: `where` tells
-- them apart. Failures of tools and runs have no provider, those of tools no model. `share`
-- is that of all calls to models, of tools, or runs of the group, failed or not.
--
--   $limit     how many rows at most, or NULL
WITH happened AS (
    SELECT 'llm' AS place, * FROM asked.llm_calls()
    UNION ALL BY NAME
    SELECT 'tool' AS place, * FROM asked.tool_calls()
    UNION ALL BY NAME
    SELECT 'run' AS place, * FROM asked.runs()
),
counted AS (
    SELECT
        COLUMNS(lambda name: asked(name)),
        place,
        status = 'error' AS failed,
        CASE WHEN status = 'error' THEN error_type END AS error_type,
        count(*) AS happened,
        min(start_ns) AS first_ns,
        max(coalesce(end_ns, start_ns)) AS last_ns,
        count(DISTINCT CASE WHEN status = 'error' THEN run_id END) AS runs,
        arg_max(error_message, coalesce(end_ns, start_ns)) FILTER (status = 'error') AS message
    FROM happened
    GROUP BY ALL
),
of_all AS (
    SELECT
        *,
        sum(happened) OVER (PARTITION BY place, row(*COLUMNS(lambda name: asked(name))))
            AS all_happened
    FROM counted
)
SELECT
    COLUMNS(lambda name: asked(name)),
    error_type,
    place AS "where",
    happened AS count,
    happened / all_happened AS share,
    runs,
    moment(first_ns) AS first_at,
    moment(last_ns) AS last_at,
    message AS example_message
FROM of_all
WHERE failed
ORDER BY
    COLUMNS(lambda name: asked_time(name)), count DESC, "where", error_type,
    COLUMNS(lambda name: asked(name))
LIMIT $limit
