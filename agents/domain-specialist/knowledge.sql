-- What domain-specialist searches: the collection of one area. Run by the owner of the agent, a member of
-- capeai_admin; may be run again. The function shows every caller whole passages of the four collections, so it runs with its
-- owner's rights; it reads nothing else.

CREATE SCHEMA IF NOT EXISTS domain_specialist;
GRANT USAGE ON SCHEMA domain_specialist TO capeai_user, capeai_admin;

CREATE OR REPLACE FUNCTION domain_specialist.search(query text, context jsonb)
RETURNS TABLE (document_id bigint, passage_id bigint, title text, heading text, snippet text, url text, type text, score real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH found AS (
    SELECT area, f.*, max(f.score) OVER (PARTITION BY area) AS best
    FROM unnest(ARRAY['workflow-automation', 'data-analytics', 'security-audit', 'integration-help']) AS area,
         LATERAL public.capeai_search(query, 'domain-specialist-' || area, 5) AS f
    WHERE area = coalesce(context ->> 'area', area)
  ), chosen AS (
    SELECT area FROM found ORDER BY best DESC, area LIMIT 1
  )
  SELECT f.document_id, f.passage_id, f.title, f.heading, p.content, f.url, f.area, f.score
  FROM found AS f JOIN chosen USING (area) JOIN capeai.passages AS p ON p.id = f.passage_id
  ORDER BY f.score DESC;
END;
COMMENT ON FUNCTION domain_specialist.search(text, jsonb) IS 'Passages of the area that context names or, without one, of the area that has the best for the query';
REVOKE ALL ON FUNCTION domain_specialist.search(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION domain_specialist.search(text, jsonb) TO capeai_user, capeai_admin;
