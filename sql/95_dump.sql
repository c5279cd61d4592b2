-- What pg_dump takes along as data. Not capeai.installation, which names this
-- database and no other; not capeai.task_signals, which are for its worker.
-- Shipped agents come with CREATE EXTENSION, so only users' own are dumped.

SELECT pg_catalog.pg_extension_config_dump('capeai.agents', 'WHERE owner IS NOT NULL');
SELECT pg_catalog.pg_extension_config_dump('capeai.agent_versions',
  'WHERE agent_id IN (SELECT id FROM capeai.agents WHERE owner IS NOT NULL)');
SELECT pg_catalog.pg_extension_config_dump('capeai.agent_label_moves',
  'WHERE agent_id IN (SELECT id FROM capeai.agents WHERE owner IS NOT NULL)');
SELECT pg_catalog.pg_extension_config_dump('capeai.agent_label_moves_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.test_runs',
  'WHERE agent_id IN (SELECT id FROM capeai.agents WHERE owner IS NOT NULL)');
SELECT pg_catalog.pg_extension_config_dump('capeai.test_results',
  'WHERE run_id IN (SELECT r.id FROM capeai.test_runs r JOIN capeai.agents a ON a.id = r.agent_id WHERE a.owner IS NOT NULL)');
SELECT pg_catalog.pg_extension_config_dump('capeai.recordings',
  'WHERE agent_id IN (SELECT id FROM capeai.agents WHERE owner IS NOT NULL)');
SELECT pg_catalog.pg_extension_config_dump('capeai.tasks', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.task_dependencies', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.runs', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.runs_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.audit_events', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.audit_events_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.audit_seals', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.conversations', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.feedback', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.limits', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.prices', '');
