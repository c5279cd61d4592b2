-- Speed at 100,000 passages, made from halves of random passages of everything that
-- is loaded already, so that words stand in real company.
SELECT setseed(0.42);
CREATE TEMP TABLE halves AS
SELECT row_number() OVER (ORDER BY random()) AS n, left(content, length(content) / 2) AS first,
       substr(content, length(content) / 2) AS second
FROM capeai.passages WHERE length(content) > 300;
CREATE INDEX ON halves (n);
ANALYZE halves;
CREATE TEMP TABLE made AS
SELECT i, left(a.first || ' ' || b.second || ' ref' || to_hex(i), 1100) AS text
FROM generate_series(1, 100000) AS i, (SELECT count(*) AS n FROM halves) AS c,
     LATERAL (SELECT first FROM halves WHERE halves.n = 1 + (i * 7919::bigint) % c.n) AS a,
     LATERAL (SELECT second FROM halves WHERE halves.n = 1 + (i * 104729::bigint + i / c.n) % c.n) AS b;

CREATE TEMP TABLE times (what text, ms float);
DO $$
DECLARE
  began timestamptz := clock_timestamp();
BEGIN
  PERFORM count(capeai_add_document('', text, i::text, collection => 'speed', format => 'plain')) FROM made;
  INSERT INTO times VALUES ('load', extract(epoch FROM clock_timestamp() - began) * 1000);
END
$$;
SELECT format('load: %s passages, %s a second in one transaction', count(*), round(count(*) / (SELECT ms / 1000 FROM times)::numeric))
FROM capeai.passages AS p JOIN capeai.documents AS d ON d.id = p.document_id
JOIN capeai.collections AS c ON c.id = d.collection_id WHERE c.name = 'speed';

SELECT format('index: %s in segments (%s segments), %s on disk with room from merges; term vectors %s; text %s',
              pg_size_pretty((SELECT sum(octet_length(b.block) + octet_length(b.first_term)) FROM capeai.index_blocks AS b
                              JOIN capeai.index_segments AS s ON s.id = b.segment_id WHERE s.collection_id = c.id)
                             + (SELECT sum(octet_length(header)) FROM capeai.index_segments WHERE collection_id = c.id)),
              (SELECT count(*) FROM capeai.index_segments WHERE collection_id = c.id),
              pg_size_pretty(pg_total_relation_size('capeai.index_blocks') + pg_total_relation_size('capeai.index_segments')
                             + pg_total_relation_size('capeai.index_pending')),
              (SELECT pg_size_pretty(sum(octet_length(p.terms))) FROM capeai.passages AS p
               JOIN capeai.documents AS d ON d.id = p.document_id WHERE d.collection_id = c.id),
              (SELECT pg_size_pretty(sum(octet_length(p.content))) FROM capeai.passages AS p
               JOIN capeai.documents AS d ON d.id = p.document_id WHERE d.collection_id = c.id))
FROM capeai.collections AS c WHERE c.name = 'speed';
VACUUM ANALYZE;

-- Queries of 2 to 12 words from the texts.
CREATE TEMP TABLE asked AS
SELECT n, (SELECT string_agg(word, ' ')
           FROM (SELECT word FROM regexp_split_to_table((SELECT text FROM made WHERE i = 1 + (n * 7919) % 100000), '\W+')
                        WITH ORDINALITY AS w (word, place)
                 WHERE length(word) > 2 AND place > n % 40 LIMIT 2 + n % 11) AS w) AS query
FROM generate_series(1, 500) AS n;
DO $$
DECLARE
  asks record;
  began timestamptz;
BEGIN
  TRUNCATE times;
  PERFORM count(*) FROM capeai_search('warm up', 'speed');
  FOR asks IN SELECT query FROM asked WHERE query IS NOT NULL LOOP
    began := clock_timestamp();
    PERFORM count(*) FROM capeai_search(asks.query, 'speed', 10);
    INSERT INTO times VALUES ('search', extract(epoch FROM clock_timestamp() - began) * 1000);
  END LOOP;
END
$$;
SELECT format('search: %s queries, median %s ms, 95th percentile %s ms, longest %s ms', count(*),
              round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 1),
              round(percentile_cont(0.95) WITHIN GROUP (ORDER BY ms)::numeric, 1), round(max(ms)::numeric, 1))
FROM times;
