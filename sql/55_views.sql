-- Views that everyone reads with their own rights: each counts what its reader
-- may see.

CREATE VIEW capeai.stat_tasks WITH (security_invoker = true) AS
SELECT a.slug AS agent, t.status, t.kind, count(*) AS tasks,
       min(t.created_at) AS oldest,
       CASE WHEN t.status IN ('queued', 'blocked', 'running') THEN now() - min(t.created_at) END AS oldest_age,
       count(*) FILTER (WHERE t.run_at > now() AND t.status = 'queued') AS not_due,
       avg(t.completed_at - t.started_at) AS mean_duration,
       sum(t.prompt_tokens) AS prompt_tokens,
       sum(t.completion_tokens) AS completion_tokens,
       sum(t.cost) AS cost
FROM capeai.tasks AS t
LEFT JOIN capeai.agents AS a ON a.id = t.agent_id
GROUP BY a.slug, t.status, t.kind;
COMMENT ON VIEW capeai.stat_tasks IS 'The tasks that you may see, counted by agent, status and kind';
COMMENT ON COLUMN capeai.stat_tasks.oldest_age IS 'How long the oldest has waited or run; NULL for those that have ended';
COMMENT ON COLUMN capeai.stat_tasks.not_due IS 'Queued, with a run_at in the future';

-- Ratings: (rating - 1) / 4 is taken as a share of satisfied people, of which the lower end of Wilson's 95 % interval
-- (z = 1.96) is what few ratings prove.
CREATE VIEW capeai.stat_agents WITH (security_invoker = true) AS
SELECT a.slug AS agent, v.version, v.status, v.id AS agent_version_id,
       coalesce(t.succeeded, 0) + coalesce(t.failed, 0) AS runs,
       coalesce(t.succeeded, 0) AS succeeded, coalesce(t.failed, 0) AS failed,
       (t.succeeded::double precision / nullif(t.succeeded + t.failed, 0))::real AS success_rate,
       t.p50_time, t.p95_time, t.prompt_tokens, t.completion_tokens, t.cost,
       t.cost / nullif(t.succeeded + t.failed, 0) AS cost_per_run,
       coalesce(f.ratings, 0) AS ratings, f.mean::real AS rating,
       (1 + 4 * (f.share + 1.9208 / f.ratings
                 - 1.96 * sqrt((f.share * (1 - f.share) + 0.9604 / f.ratings) / f.ratings))
              / (1 + 3.8416 / f.ratings))::real AS rating_lower,
       t.grounded_share::real AS grounded_share, coalesce(t.refusals, 0) AS refusals
FROM capeai.agents AS a
JOIN capeai.agent_versions AS v ON v.agent_id = a.id
LEFT JOIN (
  SELECT agent_version_id,
         count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
         count(*) FILTER (WHERE status = 'failed') AS failed,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY completed_at - started_at)
           FILTER (WHERE status = 'succeeded') AS p50_time,
         percentile_cont(0.95) WITHIN GROUP (ORDER BY completed_at - started_at)
           FILTER (WHERE status = 'succeeded') AS p95_time,
         sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens, sum(cost) AS cost,
         avg(CASE output_data -> 'grounded' WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END) AS grounded_share,
         count(*) FILTER (WHERE output_data @> '{"refused": true}') AS refusals
  FROM capeai.tasks WHERE status IN ('succeeded', 'failed') GROUP BY agent_version_id
) AS t ON t.agent_version_id = v.id
LEFT JOIN (
  SELECT agent_version_id, count(*) AS ratings, avg(rating) AS mean, (avg(rating)::double precision - 1) / 4 AS share
  FROM capeai.feedback GROUP BY agent_version_id
) AS f ON f.agent_version_id = v.id;
COMMENT ON VIEW capeai.stat_agents IS 'How each version of each agent does, in the tasks and ratings that you may see';
COMMENT ON COLUMN capeai.stat_agents.runs IS 'Tasks that succeeded or failed; what was cancelled does not count';
COMMENT ON COLUMN capeai.stat_agents.p50_time IS 'Half of the runs that succeeded took no longer, from their last start';
COMMENT ON COLUMN capeai.stat_agents.p95_time IS '95 of 100 runs that succeeded took no longer';
COMMENT ON COLUMN capeai.stat_agents.rating IS 'Mean of the ratings, 1 to 5';
COMMENT ON COLUMN capeai.stat_agents.rating_lower IS
  'What the rating is at least, by the ratings there are (lower end of Wilson''s 95 % interval): few ratings prove little';
COMMENT ON COLUMN capeai.stat_agents.grounded_share IS 'Of the answers that could rest on passages, the share that did';
COMMENT ON COLUMN capeai.stat_agents.refusals IS 'Answers in which the model or the agent declined';
