-- What the tables of a lake reckon with.

-- Whole days since the epoch, UTC; before it too, where `//` would round towards it.
CREATE MACRO day_of(ns) AS ns // 86400000000000 - CAST(ns % 86400000000000 < 0 AS BIGINT);

-- Exact: no double comes between, and every BIGINT finds room.
CREATE MACRO exact_usd(picousd) AS CAST(
    CAST(picousd AS DECIMAL(20, 0)) * CAST(0.000000000001 AS DECIMAL(12, 12)) AS DECIMAL(20, 12)
);

-- The ids that {"$text": id} and {"$list": [id, id]} name; sorted, so that equal rows are equal.
CREATE MACRO message_ids(attributes) AS list_sort(list_distinct(CAST(list_concat(
    regexp_extract_all(attributes, '"\$text": ?(\d+)', 1),
    flatten([
        regexp_extract_all(ids, '\d+')
        FOR ids IN regexp_extract_all(attributes, '"\$list": ?\[[\d, ]*\]')
    ])
) AS BIGINT[])));

CREATE MACRO in_reach(ns, low, high) AS (
    (low::BIGINT IS NULL OR ns >= low::BIGINT) AND (high::BIGINT IS NULL OR ns < high::BIGINT)
);
