-- From a draft to what a slug means, and back.
SET client_min_messages = error;
CREATE ROLE regress_publish_maker;
CREATE ROLE regress_publish_other;
CREATE ROLE regress_publish_admin;
GRANT capeai_user TO regress_publish_maker, regress_publish_other;
GRANT capeai_admin TO regress_publish_admin;
CREATE FUNCTION pg_temp.manifest(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT '{"slug": "pub", "name": "First", "version": "1.0.0", "status": "draft", "steps": ["generate_response"]}'::jsonb || more
$$;
CREATE FUNCTION pg_temp.meaning(name text) RETURNS text LANGUAGE sql AS $$
  SELECT v.version || ' ' || v.status || ' ' || a.name FROM capeai.agents a
  LEFT JOIN capeai.agent_versions v ON v.id = a.published WHERE a.slug = $1
$$;

-- a draft is its owner's, may be changed, and is no more than that
SET ROLE regress_publish_maker;
SELECT capeai_create_agent(pg_temp.manifest('{}')) AS agent \gset
SELECT capeai_submit_task('pub', '{}');
SELECT id AS draft, content_hash AS before FROM capeai.agent_versions WHERE agent_id = :'agent' \gset
SELECT capeai_create_agent(pg_temp.manifest('{"description": "changed", "prompts": {"system": "One"}}')) = :'agent' AS same_agent;
SELECT id = :'draft' AS same_version, content_hash <> :'before' AS other_content,
       content_hash = sha256(convert_to(manifest::text, 'UTF8')) AS hashed, status
FROM capeai.agent_versions WHERE agent_id = :'agent';
SELECT capeai_submit_task('pub@1.0.0', '{"query": "x"}', run_at => '2100-01-01 00:00+00') IS NOT NULL AS callable;

-- published, once
SELECT capeai_publish_agent('pub', '1.0.0'), pg_temp.meaning('pub');
SELECT capeai_publish_agent('pub', '1.0.0');
SELECT capeai_create_agent(pg_temp.manifest('{"prompts": {"system": "Two"}}'));
SELECT capeai_publish_agent('pub', '9.9.9');
SELECT capeai_publish_agent('nobody', '1.0.0');
SELECT capeai_publish_agent('chat', '1.0.0');

-- versions grow
SELECT capeai_create_agent(pg_temp.manifest('{"version": "0.9.0"}'));
SELECT capeai_create_agent(pg_temp.manifest('{"version": "1.0.0-rc.1"}'));
SELECT capeai_create_agent(pg_temp.manifest('{"version": "1.1.0", "name": "Second"}')) IS NOT NULL AS drafted;
SELECT capeai_create_agent(pg_temp.manifest('{"version": "1.2.0", "name": "Third"}')) IS NOT NULL AS drafted;
SELECT capeai_publish_agent('pub', '1.2.0'), pg_temp.meaning('pub');
SELECT capeai_publish_agent('pub', '1.1.0');
SELECT capeai_create_agent(pg_temp.manifest('{"version": "1.10.0", "name": "Fourth", "status": "published"}')) IS NOT NULL AS published;
SELECT pg_temp.meaning('pub');

-- rolling back goes back to what the slug meant, one step at a time
SELECT capeai_rollback_agent('pub'), pg_temp.meaning('pub');
SELECT capeai_rollback_agent('pub'), pg_temp.meaning('pub');
SELECT capeai_rollback_agent('pub');
-- a version that turned out bad is not what a later one goes back to
SELECT capeai_create_agent(pg_temp.manifest('{"version": "2.0.0", "name": "Fifth", "status": "published"}')) IS NOT NULL AS published;
SELECT capeai_rollback_agent('pub'), pg_temp.meaning('pub');
SELECT capeai_submit_task('pub@2.0.0', '{"query": "x"}', run_at => '2100-01-01 00:00+00') IS NOT NULL AS still_callable;

-- archiving what the slug means goes back, too; what is archived is passed over
SELECT capeai_create_agent(pg_temp.manifest('{"version": "2.1.0", "name": "Sixth", "status": "published"}')) IS NOT NULL AS published;
SELECT capeai_create_agent(pg_temp.manifest('{"version": "2.2.0", "name": "Seventh", "status": "published"}')) IS NOT NULL AS published;
SELECT capeai_archive_agent('pub', '2.1.0'), pg_temp.meaning('pub');
SELECT capeai_archive_agent('pub', '2.2.0'), pg_temp.meaning('pub');
SELECT capeai_archive_agent('pub', '1.0.0'), pg_temp.meaning('pub');
SELECT capeai_submit_task('pub', '{"query": "x"}');
SELECT capeai_publish_agent('pub', '2.2.0');
SELECT v.version, m.cause, m.role FROM capeai.agent_label_moves m LEFT JOIN capeai.agent_versions v ON v.id = m.version_id
WHERE m.agent_id = :'agent' ORDER BY m.id;
RESET ROLE;

-- who may
SET ROLE regress_publish_other;
SELECT count(*) FROM capeai.agent_label_moves WHERE agent_id = :'agent';
SELECT capeai_publish_agent('pub', '1.1.0');
SELECT capeai_rollback_agent('pub');
SELECT capeai_rollback_agent('chat');
RESET ROLE;
SET ROLE regress_publish_admin;
SELECT capeai_create_agent(pg_temp.manifest('{"version": "3.0.0", "name": "Open", "visibility": "public"}')) IS NOT NULL AS drafted;
RESET ROLE;
SET ROLE regress_publish_maker;
SELECT capeai_publish_agent('pub', '3.0.0');
RESET ROLE;
SET ROLE regress_publish_admin;
SELECT capeai_publish_agent('pub', '3.0.0'), pg_temp.meaning('pub');
RESET ROLE;
SET ROLE regress_publish_other;
SELECT capeai_rollback_agent('pub');
SELECT visibility FROM capeai.agents WHERE slug = 'pub';
RESET ROLE;

-- bad arguments
SELECT capeai_publish_agent(NULL, '1.0.0');
SELECT capeai_publish_agent('pub', '');
SELECT capeai_rollback_agent(repeat('x', 1000));

-- not even the owner of the table changes what was published; what is changed behind its back is not used
UPDATE capeai.agent_versions SET manifest = manifest || '{"name": "Forged"}' WHERE version = '3.0.0';
UPDATE capeai.agent_versions SET version = '3.0.1' WHERE version = '3.0.0';
ALTER TABLE capeai.agent_versions DISABLE TRIGGER keep_published;
UPDATE capeai.agent_versions SET manifest = manifest || '{"name": "Forged"}' WHERE version = '3.0.0';
ALTER TABLE capeai.agent_versions ENABLE TRIGGER keep_published;
SELECT capeai_submit_task('pub', '{"query": "x"}');

SELECT event_type, role, event_data FROM capeai.audit_events
WHERE event_type LIKE 'agent%' AND role::text LIKE 'regress_publish%' ORDER BY id;

DELETE FROM capeai.tasks;
DELETE FROM capeai.agents WHERE owner IS NOT NULL;
DROP ROLE regress_publish_maker, regress_publish_other, regress_publish_admin;
