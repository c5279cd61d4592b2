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
