-- Creating and dropping the extension.
SET client_min_messages = error;

-- everything says what it is
SELECT pg_describe_object(classid, objid, 0) AS without_comment
FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'capeai')
  AND obj_description(objid, classid::regclass::text::name) IS NULL
  AND NOT (classid = 'pg_type'::regclass AND NOT EXISTS (SELECT FROM pg_class c WHERE c.reltype = objid AND c.relkind = 'c'))
  AND NOT (classid = 'pg_class'::regclass AND (SELECT relkind FROM pg_class c WHERE c.oid = objid) IN ('S', 'c'))
ORDER BY 1;

-- the functions stand where CREATE EXTENSION was told, the tables in capeai
SELECT DISTINCT p.pronamespace::regnamespace, left(p.proname, 7) = 'capeai_' AS named_capeai
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'capeai') ORDER BY 1;

-- dropping it leaves nothing
SELECT max(oid::bigint) AS installed FROM pg_extension WHERE extname = 'capeai' \gset
DROP EXTENSION capeai;
SELECT count(*) FROM pg_namespace WHERE nspname = 'capeai';
SELECT proname FROM pg_proc WHERE proname LIKE 'capeai%';
SELECT typname FROM pg_type WHERE typname LIKE '%capeai%';
SELECT rolname, rolcanlogin, rolsuper, rolinherit FROM pg_roles WHERE rolname LIKE 'capeai%' ORDER BY 1;

-- not among its own tables
CREATE SCHEMA capeai;
CREATE EXTENSION capeai SCHEMA capeai;
DROP SCHEMA capeai;

-- in a schema of one's choice
CREATE SCHEMA regress_elsewhere;
CREATE EXTENSION capeai SCHEMA regress_elsewhere;
SELECT regress_elsewhere.capeai_channel('7b0c9a52-97a4-4a7e-8d10-7ed1c9c3a001');
SELECT count(*) = 1 AS named FROM capeai.installation;
DROP EXTENSION capeai;
DROP SCHEMA regress_elsewhere;

CREATE EXTENSION capeai;
SELECT capeai_library_version() = extversion AS versions_agree, oid <> :installed AS anew
FROM pg_extension WHERE extname = 'capeai';

-- what pg_dump takes along
SELECT c.relname, cond
FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS x (id, cond) JOIN pg_class c ON c.oid = x.id
WHERE e.extname = 'capeai' ORDER BY 1;
