-- Adding agents and versions, who may call them, and what the shipped ones are.
SET client_min_messages = error;
CREATE ROLE regress_agents_maker;
CREATE ROLE regress_agents_other;
CREATE ROLE regress_agents_team;
CREATE ROLE regress_agents_admin;
GRANT capeai_user TO regress_agents_maker, regress_agents_other, regress_agents_team;
GRANT capeai_admin TO regress_agents_admin;
CREATE FUNCTION pg_temp.manifest(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT '{"slug": "my-agent", "name": "Mine", "version": "1.0.0", "description": "An agent",
           "steps": ["generate_response"]}'::jsonb || more
$$;

SELECT a.slug, a.visibility, a.owner, v.version, v.status, a.id AS agent_id, v.id AS version_id
FROM capeai.agents a JOIN capeai.agent_versions v ON v.agent_id = a.id ORDER BY a.slug;

SET ROLE regress_agents_maker;
SELECT capeai_create_agent(pg_temp.manifest('{}')) AS made \gset
SELECT slug, name, visibility, owner FROM capeai.agents WHERE id = :'made';
-- the same again is the same; the same version with other content is refused
SELECT capeai_create_agent(pg_temp.manifest('{}')) = :'made' AS same;
SELECT capeai_create_agent(pg_temp.manifest('{"description": "Another"}'));
SELECT capeai_create_agent(pg_temp.manifest('{"version": "1.1.0", "description": "Another"}')) = :'made' AS same;
SELECT capeai_create_agent(pg_temp.manifest('{"version": "2.0.0", "status": "draft"}')) = :'made' AS same;
SELECT v.version, v.status, v.published_at IS NOT NULL AS published, a.description
FROM capeai.agents a JOIN capeai.agent_versions v ON v.agent_id = a.id WHERE a.id = :'made' ORDER BY v.version;

-- the slug is the version published last; a draft is called by its full name
CREATE TEMP TABLE submitted AS
  SELECT s AS name, capeai_submit_task(s, '{"query": "x"}', run_at => '2100-01-01 00:00+00') AS id
  FROM unnest(ARRAY['my-agent', 'my-agent@1.0.0', 'my-agent@2.0.0']) s;
SELECT s.name, v.version FROM submitted s JOIN capeai.tasks t USING (id)
JOIN capeai.agent_versions v ON v.id = t.agent_version_id ORDER BY s.name;

-- what is not for everyone needs an administrator
SELECT capeai_create_agent(pg_temp.manifest('{"slug": "open", "visibility": "public"}'));
SELECT capeai_create_agent(pg_temp.manifest('{"slug": "chat", "version": "9.0.0"}'));
RESET ROLE;

-- others neither see nor call what is private
SET ROLE regress_agents_other;
SELECT slug FROM capeai.agents ORDER BY slug;
SELECT count(*) FROM capeai.agent_versions WHERE agent_id = :'made';
SELECT capeai_submit_task('my-agent', '{"query": "x"}');
SELECT capeai_create_agent(pg_temp.manifest('{"version": "3.0.0"}'));
SELECT capeai_archive_agent('my-agent', '1.0.0');
RESET ROLE;

-- role: for the members of its owner; public: for all
GRANT regress_agents_team TO regress_agents_other;
GRANT capeai_admin TO regress_agents_team;
SET ROLE regress_agents_team;
SELECT capeai_create_agent(pg_temp.manifest('{"slug": "team", "visibility": "role"}')) IS NOT NULL AS made;
RESET ROLE;
REVOKE capeai_admin FROM regress_agents_team;
SET ROLE regress_agents_admin;
SELECT capeai_create_agent(pg_temp.manifest('{"slug": "open", "visibility": "public"}')) IS NOT NULL AS made;
SELECT slug FROM capeai.agents ORDER BY slug;
RESET ROLE;
SET ROLE regress_agents_other;
SELECT slug FROM capeai.agents ORDER BY slug;
SELECT capeai_submit_task(s, '{"query": "x"}', run_at => '2100-01-01 00:00+00') IS NOT NULL AS submitted
FROM unnest('{team,open}'::text[]) s;
RESET ROLE;
SET ROLE regress_agents_maker;
SELECT slug FROM capeai.agents ORDER BY slug;
SELECT capeai_submit_task('team', '{"query": "x"}');

-- archived versions cannot be called
SELECT capeai_archive_agent('my-agent', '1.1.0'), capeai_archive_agent('my-agent', '1.1.0');
SELECT capeai_submit_task('my-agent@1.1.0', '{"query": "x"}');
INSERT INTO submitted SELECT 'after', capeai_submit_task('my-agent', '{"query": "x"}', run_at => '2100-01-01 00:00+00');
SELECT s.name, v.version FROM submitted s JOIN capeai.tasks t USING (id)
JOIN capeai.agent_versions v ON v.id = t.agent_version_id WHERE s.name = 'after';
RESET ROLE;
SELECT event_type, role, event_data FROM capeai.audit_events
WHERE event_type LIKE 'agent%' AND role::text LIKE 'regress_agents%' ORDER BY id;

-- everything that is wrong with a manifest
SELECT * FROM capeai_validate_agent(pg_temp.manifest('{}'));
SELECT pointer FROM capeai_validate_agent('{"slug": "A B", "version": "one", "steps": ["dance"]}') ORDER BY pointer;

DROP TABLE submitted;
DELETE FROM capeai.tasks;
DELETE FROM capeai.agents WHERE owner IS NOT NULL;
DROP ROLE regress_agents_maker, regress_agents_other, regress_agents_team, regress_agents_admin;
