-- Who may what. Nothing is PUBLIC's. Nobody but the owner of the extension writes
-- to its tables: functions do, after they have checked.

CREATE FUNCTION capeai.policy_role() RETURNS oid
LANGUAGE c STABLE LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'capeai_policy_role';
COMMENT ON FUNCTION capeai.policy_role() IS 'The current role, as an oid, for row security';
REVOKE ALL ON FUNCTION capeai.policy_role() FROM PUBLIC;

CREATE FUNCTION capeai.policy_user_id() RETURNS text
LANGUAGE c STABLE LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'capeai_policy_user_id';
COMMENT ON FUNCTION capeai.policy_user_id()
  IS 'With capeai.require_user_id on, capeai.user_id; otherwise NULL. For row security';
REVOKE ALL ON FUNCTION capeai.policy_user_id() FROM PUBLIC;

GRANT USAGE ON SCHEMA capeai TO capeai_user, capeai_admin, capeai_auditor;
GRANT EXECUTE ON FUNCTION capeai.policy_role(), capeai.policy_user_id() TO capeai_user, capeai_admin, capeai_auditor;

-- Tasks and what hangs on them: one's own, or all for an administrator. What is
-- one's own is so for everybody who may read the table at all, also for roles that
-- were granted it without being members of capeai_user.

GRANT SELECT ON capeai.tasks, capeai.task_dependencies, capeai.runs, capeai.conversations, capeai.agents,
                capeai.agent_versions, capeai.agent_label_moves, capeai.stat_tasks, capeai.stat_agents TO capeai_user, capeai_admin;
GRANT SELECT ON capeai.audit_events TO capeai_user, capeai_admin, capeai_auditor;
GRANT SELECT ON capeai.audit_seals TO capeai_admin, capeai_auditor;
GRANT SELECT ON capeai.model_calls TO capeai_user, capeai_admin, capeai_auditor;
GRANT SELECT ON capeai.task_signals TO capeai_admin;
GRANT SELECT ON capeai.limits TO capeai_user, capeai_admin;
GRANT SELECT ON capeai.prices TO capeai_user, capeai_admin;
GRANT INSERT, UPDATE, DELETE ON capeai.prices TO capeai_admin;

ALTER TABLE capeai.tasks ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON capeai.tasks FOR SELECT
  USING (owner = (SELECT capeai.policy_role())
         AND ((SELECT capeai.policy_user_id()) IS NULL OR user_id = (SELECT capeai.policy_user_id())));
COMMENT ON POLICY own ON capeai.tasks IS 'Everyone sees their own tasks';
CREATE POLICY administrator ON capeai.tasks FOR SELECT TO capeai_admin USING (true);
COMMENT ON POLICY administrator ON capeai.tasks IS 'Administrators see all tasks';

ALTER TABLE capeai.runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON capeai.runs FOR SELECT
  USING (EXISTS (SELECT FROM capeai.tasks AS t WHERE t.id = runs.task_id));
COMMENT ON POLICY own ON capeai.runs IS 'Who sees a task sees its steps';

ALTER TABLE capeai.task_dependencies ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON capeai.task_dependencies FOR SELECT
  USING (EXISTS (SELECT FROM capeai.tasks AS t WHERE t.id = task_dependencies.task_id));
COMMENT ON POLICY own ON capeai.task_dependencies IS 'Who sees a task sees what it depends on';

ALTER TABLE capeai.conversations ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON capeai.conversations FOR SELECT
  USING (owner = (SELECT capeai.policy_role())
         AND ((SELECT capeai.policy_user_id()) IS NULL OR user_id = (SELECT capeai.policy_user_id())));
COMMENT ON POLICY own ON capeai.conversations IS 'Everyone sees their own conversations';
CREATE POLICY administrator ON capeai.conversations FOR SELECT TO capeai_admin USING (true);
COMMENT ON POLICY administrator ON capeai.conversations IS 'Administrators see all conversations';

ALTER TABLE capeai.audit_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON capeai.audit_events FOR SELECT
  USING (role = (SELECT capeai.policy_role())
         AND ((SELECT capeai.policy_user_id()) IS NULL OR user_id = (SELECT capeai.policy_user_id())));
COMMENT ON POLICY own ON capeai.audit_events IS 'Everyone sees the trail of what they did themselves';
CREATE POLICY auditor ON capeai.audit_events FOR SELECT TO capeai_admin, capeai_auditor USING (true);
COMMENT ON POLICY auditor ON capeai.audit_events IS 'Auditors and administrators see the whole trail';

-- Agents: what one may call. A row's visibility is checked again when it is called.

ALTER TABLE capeai.agents ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON capeai.agents FOR SELECT
  USING (visibility = 'public' OR owner = (SELECT capeai.policy_role())
         OR visibility = 'role' AND pg_has_role((SELECT capeai.policy_role()), owner, 'USAGE'));
COMMENT ON POLICY visible ON capeai.agents IS 'Everyone sees the agents that they may call';
CREATE POLICY administrator ON capeai.agents FOR SELECT TO capeai_admin USING (true);
COMMENT ON POLICY administrator ON capeai.agents IS 'Administrators see all agents';

ALTER TABLE capeai.agent_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON capeai.agent_versions FOR SELECT
  USING (EXISTS (SELECT FROM capeai.agents AS a
                 WHERE a.id = agent_versions.agent_id
                   AND (agent_versions.status <> 'draft' OR a.owner = (SELECT capeai.policy_role()))));
COMMENT ON POLICY visible ON capeai.agent_versions IS 'Drafts are their owner''s';
CREATE POLICY administrator ON capeai.agent_versions FOR SELECT TO capeai_admin USING (true);
COMMENT ON POLICY administrator ON capeai.agent_versions IS 'Administrators see all versions';

ALTER TABLE capeai.agent_label_moves ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON capeai.agent_label_moves FOR SELECT
  USING (EXISTS (SELECT FROM capeai.agents AS a WHERE a.id = agent_label_moves.agent_id));
COMMENT ON POLICY visible ON capeai.agent_label_moves IS 'Who sees an agent sees what its slug has meant';

-- Tests of agents

GRANT SELECT ON capeai.test_runs, capeai.test_results, capeai.recordings TO capeai_user, capeai_admin;

ALTER TABLE capeai.test_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON capeai.test_runs FOR SELECT
  USING (EXISTS (SELECT FROM capeai.agents AS a
                 WHERE a.id = test_runs.agent_id AND a.owner = (SELECT capeai.policy_role())));
COMMENT ON POLICY own ON capeai.test_runs IS 'Tests are seen by the owner of their agent';
CREATE POLICY administrator ON capeai.test_runs FOR SELECT TO capeai_admin USING (true);
COMMENT ON POLICY administrator ON capeai.test_runs IS 'Administrators see all test runs';

ALTER TABLE capeai.test_results ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON capeai.test_results FOR SELECT
  USING (EXISTS (SELECT FROM capeai.test_runs AS r WHERE r.id = test_results.run_id));
COMMENT ON POLICY own ON capeai.test_results IS 'Who sees a test run sees its results';

ALTER TABLE capeai.recordings ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON capeai.recordings FOR SELECT
  USING (EXISTS (SELECT FROM capeai.agents AS a
                 WHERE a.id = recordings.agent_id AND a.owner = (SELECT capeai.policy_role())));
COMMENT ON POLICY own ON capeai.recordings IS 'Recordings are seen by the owner of their agent';
CREATE POLICY administrator ON capeai.recordings FOR SELECT TO capeai_admin USING (true);
COMMENT ON POLICY administrator ON capeai.recordings IS 'Administrators see all recordings';

-- Feedback

GRANT SELECT ON capeai.feedback TO capeai_user, capeai_admin;
ALTER TABLE capeai.feedback ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON capeai.feedback FOR SELECT
  USING (owner = (SELECT capeai.policy_role())
         AND ((SELECT capeai.policy_user_id()) IS NULL OR user_id = (SELECT capeai.policy_user_id())));
COMMENT ON POLICY own ON capeai.feedback IS 'Everyone sees the feedback that they gave';
CREATE POLICY maker ON capeai.feedback FOR SELECT
  USING (EXISTS (SELECT FROM capeai.agents AS a
                 WHERE a.id = feedback.agent_id AND a.owner = (SELECT capeai.policy_role())));
COMMENT ON POLICY maker ON capeai.feedback IS 'Who owns an agent sees what people think of it';
CREATE POLICY administrator ON capeai.feedback FOR SELECT TO capeai_admin USING (true);
COMMENT ON POLICY administrator ON capeai.feedback IS 'Administrators see all feedback';

-- Functions

GRANT EXECUTE ON FUNCTION
  @extschema@.capeai_submit_task(text, jsonb, text, text, integer, timestamptz, integer, interval, text, text, boolean, uuid[], text),
  @extschema@.capeai_submit_tasks(text, jsonb[], text, text, integer, timestamptz, integer, interval, text[], text, boolean, uuid[],
                      text),
  @extschema@.capeai_cancel_task(uuid), @extschema@.capeai_retry_task(uuid), @extschema@.capeai_channel(uuid), @extschema@.capeai_user_channel(),
  @extschema@.capeai_create_agent(jsonb), @extschema@.capeai_validate_agent(jsonb), @extschema@.capeai_archive_agent(text, text),
  @extschema@.capeai_publish_agent(text, text, boolean), @extschema@.capeai_rollback_agent(text),
  @extschema@.capeai_test_agent(text, text, text), @extschema@.capeai_agents(text),
  @extschema@.capeai_feedback(uuid, integer, text, text)
TO capeai_user, capeai_admin;
GRANT EXECUTE ON FUNCTION @extschema@.capeai_adopt_tasks(), @extschema@.capeai_set_limit(text, text, text, numeric) TO capeai_admin;
GRANT EXECUTE ON FUNCTION @extschema@.capeai_audit_verify() TO capeai_admin, capeai_auditor;
GRANT EXECUTE ON FUNCTION @extschema@.capeai_library_version() TO capeai_user, capeai_admin, capeai_auditor;
