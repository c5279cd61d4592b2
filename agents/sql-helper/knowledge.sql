-- What sql-helper searches: the catalog, as the caller may see it. Run by the owner of the agent; may be run again.
-- The function runs with the caller's rights, which is what keeps it from telling what the caller may not know.

CREATE SCHEMA IF NOT EXISTS sql_helper;
GRANT USAGE ON SCHEMA sql_helper TO capeai_user, capeai_admin;

CREATE OR REPLACE FUNCTION sql_helper.search(query text, context jsonb)
RETURNS TABLE (document_id bigint, passage_id bigint, title text, heading text, snippet text, url text, type text, score real)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH asked AS (
    SELECT tsvector_to_array(to_tsvector('english', regexp_replace(query, '_', ' ', 'g'))) AS words
  ), relation AS (
    SELECT c.oid, n.nspname, c.relname, format('%I.%I', n.nspname, c.relname) AS name,
           CASE WHEN c.relkind IN ('v', 'm') THEN 'view' ELSE 'table' END AS kind,
           obj_description(c.oid, 'pg_class') AS comment
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
      AND n.nspname = coalesce(context ->> 'schema', n.nspname)
      AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
  ), described AS (
    SELECT r.*,
           (SELECT string_agg(format(E'- `%s` %s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                                     ': ' || col_description(a.attrelid, a.attnum)), E'\n' ORDER BY a.attnum)
            FROM pg_attribute AS a
            WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
              AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')) AS columns,
           (SELECT string_agg(pg_get_constraintdef(k.oid), '; ' ORDER BY k.contype DESC, k.conname)
            FROM pg_constraint AS k
            WHERE k.conrelid = r.oid AND k.contype IN ('p', 'f')
              AND (k.confrelid = 0 OR has_any_column_privilege(k.confrelid, 'SELECT'))) AS keys
    FROM relation AS r
  ), found AS (
    SELECT d.*, w.hits::real / greatest(cardinality(asked.words), 1) AS share
    FROM described AS d, asked,
         LATERAL (SELECT count(*) AS hits
                  FROM unnest(asked.words) AS word
                  WHERE word = ANY (tsvector_to_array(to_tsvector('english',
                          translate(concat_ws(' ', d.nspname, d.relname, d.comment, d.columns), '_.`', '   '))))) AS w
    WHERE w.hits > 0
  )
  SELECT f.oid::bigint, f.oid::bigint, f.name, f.kind,
         concat_ws(E'\n\n', format('The %s `%s` holds: %s', f.kind, f.name, coalesce(f.comment, replace(f.relname, '_', ' '))),
                   E'Columns:\n' || f.columns, 'Keys: ' || f.keys),
         f.kind || ':' || f.name, f.kind, f.share
  FROM found AS f
  ORDER BY f.share DESC, f.name
  LIMIT 50;
END;
COMMENT ON FUNCTION sql_helper.search(text, jsonb) IS 'Tables and views that the caller may read and that have words of the query in their names or comments';
