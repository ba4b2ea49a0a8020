-- Sums LLM calls by keys of runs: those of the runs themselves, and with all runs below.
--
-- Each run counts once in a group, also where it is below several runs of it. Groups by the
-- run at the top have that run's own calls, and the totals of its tree; other groups may
-- share the runs below them, and their totals do not add up.
--
--   $runs    only these runs and those below them, or NULL
--   $limit   how many rows at most, or NULL
WITH RECURSIVE
tree AS (
    SELECT
        d.run_id, d.parent_run_id, d.root_run_id, d.depth, r.agent_name, r.session_id,
        r.user_id, r.tenant_id, r.service, top.agent_name AS root_agent_name, true AS every
    FROM loaded.delegation AS d
    JOIN loaded.runs AS r ON r.run_id = d.run_id
    JOIN loaded.runs AS top ON top.run_id = d.root_run_id
),
line AS (
    SELECT run_id AS member_id, run_id AS above_id, 0 AS distance FROM tree
    UNION ALL
    SELECT line.member_id, tree.parent_run_id, line.distance + 1
    FROM line JOIN tree ON tree.run_id = line.above_id
    WHERE tree.parent_run_id IS NOT NULL
),
own AS (
    SELECT
        run_id AS member_id, count(*) AS calls, sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens, sum(cost_picousd) AS cost_picousd,
        count(*) - count(cost_picousd) AS unpriced_calls
    FROM asked.chosen_llm_calls
    GROUP BY run_id
),
member AS (
    SELECT COLUMNS(lambda name: asked(name)), line.member_id, min(line.distance) = 0 AS is_own
    FROM tree JOIN line ON line.above_id = tree.run_id
    WHERE (tree.depth = 0 OR NOT (asked('root_run_id') OR asked('root_agent_name')))
        AND (
            $runs::VARCHAR[] IS NULL
            OR tree.run_id IN (
                SELECT member_id FROM line WHERE list_contains($runs::VARCHAR[], above_id)
            )
        )
    GROUP BY ALL
)
SELECT
    COLUMNS(lambda name: asked(name)),
    count(*) FILTER (is_own) AS runs,
    count(*) FILTER (NOT is_own) AS runs_below,
    coalesce(sum(calls) FILTER (is_own), 0)::BIGINT AS own_calls,
    sum(input_tokens) FILTER (is_own) AS own_input_tokens,
    sum(output_tokens) FILTER (is_own) AS own_output_tokens,
    usd(sum(cost_picousd) FILTER (is_own)) AS own_cost_usd,
    coalesce(sum(unpriced_calls) FILTER (is_own), 0)::BIGINT AS own_unpriced_calls,
    coalesce(sum(calls), 0)::BIGINT AS total_calls,
    sum(input_tokens) AS total_input_tokens,
    sum(output_tokens) AS total_output_tokens,
    usd(sum(cost_picousd)) AS total_cost_usd,
    coalesce(sum(unpriced_calls), 0)::BIGINT AS total_unpriced_calls
FROM member
LEFT JOIN own USING (member_id)
LEFT JOIN (SELECT run_id AS chosen_id FROM asked.chosen_runs) ON chosen_id = member_id
GROUP BY ALL
HAVING count(calls) + count(chosen_id) > 0
ORDER BY sum(cost_picousd) DESC NULLS LAST, COLUMNS(lambda name: asked(name))
LIMIT $limit
