-- What an installed extension consists of, one line of text for each thing, sorted: two installations are
-- equal if these lines are. No oids, and of tables no order of columns (ALTER TABLE appends).
WITH members AS (
  SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
  WHERE e.extname = 'capeai' AND d.deptype = 'e'
), relations AS (
  SELECT c.*, c.oid::regclass::text AS name FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
), parts AS (  -- what comes along with members without being one
  SELECT classid, objid, 0 AS sub FROM members
  UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, 0 FROM relations r JOIN pg_index i ON i.indrelid = r.oid
  UNION ALL SELECT 'pg_constraint'::regclass, c.oid, 0 FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid
  UNION ALL SELECT 'pg_trigger'::regclass, t.oid, 0 FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
  UNION ALL SELECT 'pg_policy'::regclass, p.oid, 0 FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
), lines AS (
  SELECT 'object ' || pg_describe_object(classid, objid, sub) || coalesce(': ' || CASE WHEN sub = 0 THEN obj_description(objid, classid::regclass::text) ELSE col_description(objid, sub) END, '') FROM parts
  UNION ALL SELECT format('extension %s %s %s', extversion, extrelocatable, n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'capeai'
  UNION ALL SELECT format('dumped %s where %s', rel::regclass, condition) FROM pg_extension e, unnest(extconfig, extcondition) AS c (rel, condition) WHERE extname = 'capeai'
  UNION ALL SELECT format('schema %s acl %s', nspname, ARRAY(SELECT a::text FROM unnest(nspacl) a ORDER BY 1)) FROM members m JOIN pg_namespace n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
  UNION ALL SELECT format('relation %s kind %s acl %s options %s security %s %s owner %s', name, relkind, ARRAY(SELECT a::text FROM unnest(relacl) a ORDER BY 1), reloptions, relrowsecurity, relforcerowsecurity, relowner::regrole) FROM relations
  UNION ALL SELECT format('view %s: %s', name, pg_get_viewdef(oid)) FROM relations WHERE relkind = 'v'
  UNION ALL SELECT format('column %s.%s%s %s not null %s default %s identity "%s" acl %s', r.name, CASE WHEN r.relkind = 'c' THEN a.attnum || ' ' END,
                          a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, ARRAY(SELECT i::text FROM unnest(a.attacl) i ORDER BY 1))
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'v', 'c', 'p', 'm')
  UNION ALL SELECT format('constraint %s %s: %s', r.name, c.conname, pg_get_constraintdef(c.oid)) FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid
  UNION ALL SELECT format('index %s', pg_get_indexdef(i.indexrelid)) FROM relations r JOIN pg_index i ON i.indrelid = r.oid
  UNION ALL SELECT format('trigger %s enabled %s', pg_get_triggerdef(t.oid), t.tgenabled) FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
  UNION ALL SELECT format('policy %s %s for %s %s to %s using %s check %s', r.name, polname, polcmd, polpermissive, ARRAY(SELECT CASE WHEN o = 0 THEN 'public' ELSE o::regrole::text END FROM unnest(polroles) o ORDER BY 1),
                          pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
  UNION ALL SELECT format('function %s acl %s owner %s cost %s rows %s: %s', p.oid::regprocedure, ARRAY(SELECT a::text FROM unnest(p.proacl) a ORDER BY 1), p.proowner::regrole, p.procost, p.prorows, pg_get_functiondef(p.oid))
    FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid WHERE p.prokind IN ('f', 'p')
  UNION ALL SELECT format('type %s acl %s default %s', t.oid::regtype, ARRAY(SELECT a::text FROM unnest(t.typacl) a ORDER BY 1), t.typdefault) FROM members m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
  UNION ALL SELECT format('label %s %s %s', e.enumtypid::regtype, e.enumsortorder, e.enumlabel) FROM members m JOIN pg_enum e ON m.classid = 'pg_type'::regclass AND e.enumtypid = m.objid
  UNION ALL SELECT format('agent %s', a) FROM (SELECT id, slug FROM capeai.agents) a
  UNION ALL SELECT format('agent version %s', v) FROM (SELECT id, version, md5(manifest::text) FROM capeai.agent_versions) v
)
SELECT regexp_replace(line, '\s+', ' ', 'g') FROM lines AS l (line) ORDER BY line COLLATE "C";
