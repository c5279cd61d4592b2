-- How many questions(line) find one of their pages among the first results: of each kind, then of all.
WITH asked AS (
  SELECT line::jsonb AS j FROM questions WHERE line <> ''
), found AS (
  SELECT j ->> 'kind' AS kind,
         (SELECT min(s.place)
          FROM capeai_search(j ->> 'question', 'manual', 10) WITH ORDINALITY
               AS s (document_id, passage_id, title, heading, snippet, url, type, score, place)
          WHERE j -> 'pages' ? regexp_replace(s.url, '.*/', '')) AS place
  FROM asked
)
SELECT format('manual, %s: %s questions, page first %s %%, among the first three %s %%, first ten %s %%',
              coalesce(kind, 'all'), count(*),
              round(100.0 * count(*) FILTER (WHERE place = 1) / count(*), 1),
              round(100.0 * count(*) FILTER (WHERE place <= 3) / count(*), 1),
              round(100.0 * count(*) FILTER (WHERE place <= 10) / count(*), 1))
FROM found GROUP BY ROLLUP (kind) ORDER BY kind NULLS LAST;
