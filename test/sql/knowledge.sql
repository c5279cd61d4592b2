-- The knowledge base: what is added is found, what is removed is not, and the
-- index says the same whatever happened before.
SET client_min_messages = error;
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on

-- Found by its words, each document once, best first.
SELECT capeai_add_document('Backups', E'# Backups\n\nUse pg_dump to make a backup of a database.', '/backup') > 0;
SELECT capeai_add_document('Restoring', E'# Restoring\n\nUse pg_restore. A backup is needed, made by pg_dump.', '/restore') > 0;
SELECT capeai_add_document('Cats', E'# Cats\n\nCats sleep a lot.', '/cats', 'guide', '{animal,pet}') > 0;
SELECT url, type, title, heading, snippet FROM capeai_search('how do I make a backup?');
SELECT url FROM capeai_search('a pet');
SELECT count(*) FILTER (WHERE score > 0 AND score <= 1), count(*) FROM capeai_search('backup cats restore');
SELECT url FROM capeai_search('backup', max_results => 1);

-- No indexed word, nothing found; parts of identifiers are found.
SELECT count(*) FROM capeai_search('the of and');
SELECT count(*) FROM capeai_search('unheardof');
SELECT capeai_add_document('', 'Make an HttpServerFactory in net.tools.', '/code', format => 'plain') > 0;
SELECT title FROM capeai_search('server factory');
SELECT title FROM capeai_search('tools');

-- Slips of the pen are forgiven, by what is indexed.
SELECT url FROM capeai_search('bakcup database') LIMIT 1;
SELECT url FROM capeai_search('datbase');
SELECT count(*) FROM capeai_search('zatabase');

-- The same again costs nothing; a change replaces; a title alone is a document.
SELECT xmin AS before FROM capeai.documents WHERE url = '/cats' \gset
SELECT capeai_add_document('Cats', E'# Cats\n\nCats sleep a lot.', '/cats', 'guide', '{animal,pet}')
       = (SELECT id FROM capeai.documents WHERE url = '/cats');
SELECT xmin = :before FROM capeai.documents WHERE url = '/cats';
SELECT capeai_add_document('Cats', E'# Cats\n\nCats hunt mice.', '/cats')
       = (SELECT id FROM capeai.documents WHERE url = '/cats');
SELECT count(*) FROM capeai_search('sleep');
SELECT url FROM capeai_search('mice');
SELECT capeai_add_document('Introduction video', '', '/video', 'video') > 0;
SELECT url, type, snippet FROM capeai_search('introduction');
SELECT capeai_remove_document((SELECT id FROM capeai.documents WHERE url = '/video'));
SELECT capeai_remove_document(-1);
SELECT count(*) FROM capeai_search('introduction');

-- The open page counts a little more, and READ ONLY transactions may search.
SELECT capeai_add_document('One', 'Identical words here.', '/manual/one') > 0,
       capeai_add_document('Two', 'Identical words here.', '/manual/two') > 0;
BEGIN READ ONLY;
SELECT url FROM capeai_search('identical', context => '{"current_page": "/manual/two"}') LIMIT 1;
SELECT url FROM capeai_search('identical', context => '{"current_page": "/manual/one"}') LIMIT 1;
COMMIT;

-- What links say of a page counts a little, in whatever order the pages come, and no longer when they are gone.
SELECT url FROM capeai_search('identical twin') LIMIT 1;
SELECT capeai_add_document('Family', 'See [the twin](../manual/two#top), [twin](two/), [twin](https://elsewhere.test/manual/two).', '/family/tree') > 0;
SELECT page FROM capeai.links ORDER BY page;
SELECT url FROM capeai_search('identical twin') WHERE url ~ 'manual' LIMIT 1;
SELECT capeai_add_document('Family', '<p>The <a href="/manual/one">twin</a>.</p>', '/family/tree', format => 'html') > 0;
SELECT page FROM capeai.links;
SELECT url FROM capeai_search('identical twin') WHERE url ~ 'manual' LIMIT 1;
SELECT capeai_add_document('Two', 'Identical words here. And a [twin](one).', '/manual/two') > 0;
SELECT count(*) FROM capeai.links WHERE page = '/manual/one';
SELECT capeai_remove_document(id) FROM capeai.documents WHERE url IN ('/family/tree', '/manual/two');
SELECT count(*) FROM capeai.links;

-- Another configuration.
SELECT capeai_create_collection('deutsch', 'german');
SELECT capeai_add_document('Häuser', 'Die Häuser stehen leer.', '/haus', collection => 'deutsch') > 0;
SELECT url FROM capeai_search('Haus', 'deutsch');
SELECT config FROM capeai.collections WHERE name = 'deutsch';

-- The index after loads, replacements and removals, with its merges, scores like
-- one that was made at once.
CREATE FUNCTION pg_temp.words(n int) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg('w' || (n * i * i) % 97 || CASE WHEN (n + i) % 7 = 0 THEN ' rare' || n % 31 ELSE '' END, ' ')
  FROM generate_series(1, 20) AS i
$$;
BEGIN;
SELECT count(capeai_add_document('t' || n % 5, pg_temp.words(n), n::text, collection => 'churned')) FROM generate_series(1, 1500) AS n;
COMMIT;
SELECT count(capeai_add_document('t' || n % 5, pg_temp.words(n + 7), n::text, collection => 'churned')) FROM generate_series(1, 1500, 2) AS n;
DO $$ BEGIN
  FOR n IN 1501..1600 LOOP
    BEGIN
      PERFORM capeai_add_document('t', pg_temp.words(n), n::text, collection => 'churned');
      RAISE EXCEPTION 'rolled back';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
  END LOOP;
END $$;
SELECT count(capeai_remove_document(d.id)) FROM capeai.documents AS d JOIN capeai.collections AS c ON c.id = d.collection_id
WHERE c.name = 'churned' AND d.url::int % 3 = 0;
SELECT count(capeai_add_document('t' || n % 5, pg_temp.words(n + 7 * (n % 2)), n::text, collection => 'fresh'))
FROM generate_series(1, 1500) AS n WHERE n % 3 <> 0;
CREATE FUNCTION pg_temp.differences(other text) RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM unnest('{w1,w5 w33 rare3,rare7,t2 w96,w1 w2 w3 w4 w5 w6}'::text[]) AS query,
  LATERAL (SELECT array_agg((round(score::numeric, 4))) AS scores FROM capeai_search(query, 'fresh', 40)) AS a,
  LATERAL (SELECT array_agg((round(score::numeric, 4))) AS scores FROM capeai_search(query, other, 40)) AS b
  WHERE a.scores IS DISTINCT FROM b.scores
$$;
SELECT count(*) FROM capeai_search('w1 w2 w3', 'fresh', 40);
SELECT pg_temp.differences('churned') AS differences;
SELECT count(*) > 0 AS has_segments, count(DISTINCT level) > 0 FROM capeai.index_segments;

-- Without its index, as after a restore, search says the same; the next write makes it anew.
DELETE FROM capeai.index_state WHERE collection_id = (SELECT id FROM capeai.collections WHERE name = 'churned');
DELETE FROM capeai.index_segments WHERE collection_id = (SELECT id FROM capeai.collections WHERE name = 'churned');
DELETE FROM capeai.index_pending WHERE collection_id = (SELECT id FROM capeai.collections WHERE name = 'churned');
DELETE FROM capeai.index_dead WHERE collection_id = (SELECT id FROM capeai.collections WHERE name = 'churned');
SELECT pg_temp.differences('churned') AS differences;
SELECT capeai_remove_document(capeai_add_document('', 'nothing of that', 'x', collection => 'churned'));
SELECT count(*) FROM capeai.index_state WHERE collection_id = (SELECT id FROM capeai.collections WHERE name = 'churned');
SELECT pg_temp.differences('churned') AS differences;

-- A tree of files: links are not followed, a bad file does not end the load.
COPY (VALUES ('# Alpha'), (''), ('first file')) TO PROGRAM 'mkdir -p capeai_tree/sub && cat > capeai_tree/a.md';
COPY (SELECT '<h1>Beta</h1><p>second file</p>') TO PROGRAM 'cat > capeai_tree/sub/b.html';
COPY (SELECT 'third file') TO PROGRAM 'cat > capeai_tree/sub/c.txt; ln -sf ../PG_VERSION capeai_tree/link.txt; ln -sfn /etc capeai_tree/dir';
COPY (SELECT '') TO PROGRAM 'cat > capeai_tree/ignored.bin; : > capeai_tree/empty.md';
SELECT * FROM capeai_load_directory(current_setting('data_directory') || '/capeai_tree', 'tree', 'https://x.test/');
SELECT * FROM capeai_load_directory(current_setting('data_directory') || '/capeai_tree', 'tree', 'https://x.test/');
SELECT title, url FROM capeai_search('file', 'tree') ORDER BY url;
COPY (SELECT '') TO PROGRAM 'cat > capeai_tree/x && rm -r capeai_tree';

-- Bad input.
SET client_min_messages = notice;
\set VERBOSITY verbose
\set SHOW_CONTEXT never
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(E'\n  ', SQLSTATE || ': ' || SQLERRM, nullif(hint, ''));
END
$$;
SELECT pg_temp.try('SELECT ' || call) FROM (VALUES
  ($$capeai_search('')$$), ($$capeai_search(NULL)$$), ($$capeai_search('x', 'nowhere')$$),
  ($$capeai_search('x', max_results => 0)$$), ($$capeai_search('x', max_results => 1001)$$),
  ($$capeai_search('x', context => '[1]')$$),
  ($$capeai_add_document('', ' ')$$), ($$capeai_add_document(NULL, NULL)$$),
  ($$capeai_add_document('x', 'y', format => 'docx')$$), ($$capeai_add_document('x', 'y', url => '')$$),
  ($$capeai_add_document('x', 'y', metadata => '3')$$), ($$capeai_add_document('x', 'y', collection => '')$$),
  ($$capeai_add_document('x', repeat('y', 10485761))$$),
  ($$capeai_create_collection('deutsch')$$), ($$capeai_create_collection('x', passage_tokens => 1)$$),
  ($$capeai_create_collection('x', overlap_tokens => 200)$$), ($$capeai_create_collection('')$$),
  ($$capeai_load_directory('relative')$$), ($$capeai_load_directory('/does/not/exist')$$)) AS calls (call);

-- Who may do what.
CREATE ROLE knowledge_reader;
GRANT capeai_user TO knowledge_reader;
SET ROLE knowledge_reader;
SELECT url FROM capeai_search('mice');
SELECT pg_temp.try($$SELECT capeai_add_document('x', 'y')$$);
SELECT pg_temp.try($$SELECT capeai_remove_document(1)$$);
SELECT pg_temp.try($$SELECT content FROM capeai.passages$$);
RESET ROLE;
CREATE ROLE knowledge_keeper;
GRANT capeai_admin TO knowledge_keeper;
SET ROLE knowledge_keeper;
SELECT capeai_add_document('Dogs', 'Dogs bark.', '/dogs') > 0;
SELECT pg_temp.try($$SELECT capeai_load_directory('/tmp')$$);
RESET ROLE;
REVOKE capeai_user FROM knowledge_reader;
REVOKE capeai_admin FROM knowledge_keeper;
DROP ROLE knowledge_reader, knowledge_keeper;
DELETE FROM capeai.collections;
