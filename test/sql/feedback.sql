-- Feedback, what it comes to, and the catalogue.
SET client_min_messages = error;
CREATE ROLE regress_feedback_maker;
CREATE ROLE regress_feedback_user;
CREATE ROLE regress_feedback_admin;
GRANT capeai_user TO regress_feedback_maker, regress_feedback_user;
GRANT capeai_admin TO regress_feedback_admin;
CREATE FUNCTION pg_temp.manifest(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT '{"slug": "rated", "name": "Rated", "version": "1.0.0", "description": "Writes release notes", "visibility": "public",
           "capabilities": ["short sentences"], "steps": ["generate_response"]}'::jsonb || more
$$;
SET ROLE regress_feedback_admin;
SELECT capeai_create_agent(pg_temp.manifest('{}')) IS NOT NULL AS made;
RESET ROLE;
SET ROLE regress_feedback_maker;
SELECT capeai_create_agent(pg_temp.manifest('{"slug": "draft", "visibility": "private", "status": "draft"}')) IS NOT NULL AS made;
RESET ROLE;

-- tasks as a worker would have left them
SET ROLE regress_feedback_user;
CREATE TEMP TABLE t AS
  SELECT n, capeai_submit_task('rated', '{"query": "x"}', run_at => '2100-01-01 00:00+00') AS id FROM generate_series(1, 20) AS n;
RESET ROLE;
GRANT SELECT ON t TO PUBLIC;
SELECT id AS waiting FROM t WHERE n = 20 \gset
UPDATE capeai.tasks SET status = 'running', started_at = '2026-01-01' FROM t WHERE t.id = tasks.id AND n < 20;
UPDATE capeai.tasks
SET status = CASE WHEN n <= 15 THEN 'succeeded' WHEN n <= 18 THEN 'failed' ELSE 'cancelled' END,
    completed_at = started_at + n * interval '1 s', prompt_tokens = 100, completion_tokens = 10, cost = 0.01, model = 'm',
    output_data = CASE WHEN n <= 10 THEN '{"grounded": true}' WHEN n <= 14 THEN '{"grounded": false}'
                       WHEN n = 15 THEN '{"refused": true}' END::jsonb
FROM t WHERE t.id = tasks.id AND n < 20;

-- bad arguments, and who may
SET ROLE regress_feedback_user;
SELECT id AS task FROM t WHERE n = 1 \gset
SELECT capeai_feedback(:'task', 0);
SELECT capeai_feedback(:'task', 6);
SELECT capeai_feedback(:'task', NULL);
SELECT capeai_feedback(NULL, 5);
SELECT capeai_feedback(:'task', 5, repeat('x', 10001));
SELECT capeai_feedback('00000000-0000-7000-8000-000000000000', 5);
\set VERBOSITY sqlstate
SELECT capeai_feedback(:'waiting', 5);
SET ROLE regress_feedback_admin;
SELECT capeai_feedback(:'task', 5);
SET ROLE regress_feedback_user;
\set VERBOSITY default

-- once, and again
SELECT capeai_feedback(:'task', 1, 'Wrong', 'It should be so.');
SELECT capeai_feedback(:'task', 4, 'Better than I thought');
SELECT rating, comment, corrected, model, owner FROM capeai.feedback;
SELECT count(capeai_feedback(id, 5)) FROM t WHERE n BETWEEN 2 AND 5;
RESET ROLE;
SELECT event_type, role, event_data FROM capeai.audit_events WHERE event_type = 'feedback' ORDER BY id LIMIT 2;

-- who sees it
SET ROLE regress_feedback_maker;
SELECT count(*) FROM capeai.feedback;
RESET ROLE;
SET ROLE regress_feedback_admin;
SELECT count(*) FROM capeai.feedback;

-- how the version does
SELECT agent, version, runs, succeeded, failed, success_rate, p50_time, p95_time, prompt_tokens, cost, cost_per_run
FROM capeai.stat_agents WHERE agent = 'rated';
SELECT ratings, rating, rating_lower, grounded_share, refusals FROM capeai.stat_agents WHERE agent = 'rated';
SELECT runs, success_rate, rating_lower, refusals FROM capeai.stat_agents WHERE agent = 'draft';
-- five good ones prove less than fifty
SELECT round((1 + 4 * (1 + 1.9208 / n - 1.96 * sqrt(0.9604 / n / n)) / (1 + 3.8416 / n))::numeric, 2) AS bound_of_all_fives
FROM unnest('{1,5,50,500}'::float8[]) AS n;
RESET ROLE;

-- the catalogue: with everybody's runs, without what one may not call
SET ROLE regress_feedback_maker;
SELECT slug, version, status, owner, rating, ratings, runs, success_rate, cost_per_run FROM capeai_agents();
SELECT slug FROM capeai_agents('NOTES release');
SELECT capabilities FROM capeai_agents('rated');
SELECT slug FROM capeai_agents('release nonsense');
RESET ROLE;
SET ROLE regress_feedback_user;
SELECT slug FROM capeai_agents() ORDER BY slug;
SELECT slug FROM capeai_agents('%') ORDER BY slug;
RESET ROLE;

-- feedback goes with its task
DELETE FROM capeai.tasks;
SELECT count(*) FROM capeai.feedback;
DELETE FROM capeai.agents WHERE owner IS NOT NULL;
DROP TABLE t;
DROP ROLE regress_feedback_maker, regress_feedback_user, regress_feedback_admin;
