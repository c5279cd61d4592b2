-- One line: documents, passages, nDCG@10 of the reference, nDCG@10 of capeai_search.
-- Expects corpus(line), queries(line), qrels(query, document, grade); :collection is replaced.

CREATE TEMP TABLE docs AS
SELECT j ->> '_id' AS document, to_tsvector('english', (j ->> 'title') || ' ' || (j ->> 'text')) AS words
FROM (SELECT line::jsonb AS j FROM corpus WHERE line <> '') AS c;

CREATE TEMP TABLE asked AS
SELECT line::jsonb ->> '_id' AS query, line::jsonb ->> 'text' AS words FROM queries WHERE line <> '';

-- Occurrences of terms in documents, and the length of documents.
CREATE TEMP TABLE occurrences AS
SELECT document, lexeme, cardinality(positions) AS tf FROM docs, unnest(words);
CREATE INDEX ON occurrences (lexeme);
CREATE TEMP TABLE lengths AS SELECT document, sum(tf) AS length FROM occurrences GROUP BY document;
ANALYZE occurrences, lengths;

CREATE TEMP TABLE reference AS
WITH collection AS (
  SELECT (SELECT count(*) FROM docs) AS n, (SELECT sum(length) FROM lengths) / (SELECT count(*) FROM docs) AS average
), terms AS (
  SELECT query, lexeme, cardinality(positions) AS qtf FROM asked, unnest(to_tsvector('english', words))
), found AS (
  SELECT lexeme, count(*) AS df FROM occurrences GROUP BY lexeme
), scored AS (
  SELECT query, document,
         sum(qtf * ln(1 + (n - df + 0.5) / (df + 0.5)) * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / average))) AS score
  FROM terms JOIN found USING (lexeme) JOIN occurrences USING (lexeme) JOIN lengths USING (document), collection
  GROUP BY query, document
)
SELECT query, document, row_number() OVER (PARTITION BY query ORDER BY score DESC, document) AS place FROM scored;

CREATE TEMP TABLE ours AS
SELECT query, s.url AS document, s.place
FROM asked, capeai_search(words, ':collection', 10) WITH ORDINALITY
     AS s (document_id, passage_id, title, heading, snippet, url, type, score, place);

CREATE TEMP TABLE runs AS
SELECT 'reference' AS run, * FROM reference WHERE place <= 10 UNION ALL SELECT 'ours', * FROM ours;

WITH ideal AS (
  SELECT query, sum(grade / log(2.0, place + 1)) AS gain
  FROM (SELECT query, grade, row_number() OVER (PARTITION BY query ORDER BY grade DESC) AS place
        FROM qrels WHERE grade > 0) AS r
  WHERE place <= 10 GROUP BY query
), got AS (
  SELECT run, query, sum(grade / log(2.0, place + 1)) AS gain
  FROM runs JOIN qrels USING (query, document) WHERE grade > 0 GROUP BY run, query
), ndcg AS (
  SELECT run, avg(coalesce(got.gain, 0) / ideal.gain) AS value
  FROM (VALUES ('reference'), ('ours')) AS r (run) CROSS JOIN ideal LEFT JOIN got USING (run, query)
  GROUP BY run
)
SELECT (SELECT count(*) FROM docs),
       (SELECT count(*) FROM capeai.passages AS p JOIN capeai.documents AS d ON d.id = p.document_id
        JOIN capeai.collections AS c ON c.id = d.collection_id WHERE c.name = ':collection'),
       (SELECT value FROM ndcg WHERE run = 'reference'), (SELECT value FROM ndcg WHERE run = 'ours');
