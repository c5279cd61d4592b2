// The same questions for all subjects, as SQL: one text per task, and as input of agent chat.
export const questions = (count, script = "''") =>
  `SELECT ${script} || 'Question ' || i || ' about backups and their restore' AS question
   FROM generate_series(1, ${count}) AS g (i) ORDER BY i`;

export const inputs = (count, script) =>
  `SELECT jsonb_build_object('query', question) AS input FROM (${questions(count, script)}) AS q`;
