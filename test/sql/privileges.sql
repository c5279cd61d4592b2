-- Every privilege that the extension gives, and what is known of every function.
-- A change here is a change of the security model: the rules are in sql/90_security.sql.

SELECT p.oid::regprocedure AS function, p.provolatile AS volatility, p.proparallel AS parallel,
       p.prosecdef AS definer, array_to_string(p.proconfig, ' ') AS settings,
       (SELECT string_agg(coalesce(r.rolname, 'PUBLIC'), ' ' ORDER BY r.rolname)
        FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a LEFT JOIN pg_roles r ON r.oid = a.grantee
        WHERE a.grantee <> p.proowner) AS granted_to
FROM pg_proc p
WHERE p.oid IN (SELECT objid FROM pg_depend WHERE classid = 'pg_proc'::regclass AND deptype = 'e'
                AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'capeai'))
ORDER BY p.oid::regprocedure::text COLLATE "C";

SELECT c.oid::regclass AS relation, c.relkind AS kind, c.relrowsecurity AS row_security,
       (SELECT string_agg(g, ', ' ORDER BY g) FROM
          (SELECT coalesce(r.rolname, 'PUBLIC') || ':' || string_agg(lower(a.privilege_type), '+' ORDER BY a.privilege_type) AS g
           FROM aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
           WHERE a.grantee <> c.relowner GROUP BY r.rolname) x) AS granted
FROM pg_class c WHERE c.relnamespace = 'capeai'::regnamespace AND c.relkind IN ('r', 'v', 'S', 'm', 'p')
ORDER BY c.oid::regclass::text COLLATE "C";

-- of single columns, and of types: none
SELECT attrelid::regclass AS relation, attname, attacl FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE c.relnamespace = 'capeai'::regnamespace AND attacl IS NOT NULL;
SELECT oid::regtype AS type, typacl FROM pg_type WHERE typnamespace = 'capeai'::regnamespace AND typacl IS NOT NULL;
SELECT defaclobjtype, defaclacl FROM pg_default_acl WHERE defaclnamespace = 'capeai'::regnamespace;

SELECT nspname, array(SELECT coalesce(r.rolname, 'PUBLIC') || ':' || lower(a.privilege_type)
                      FROM aclexplode(nspacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
                      WHERE a.grantee <> nspowner ORDER BY 1) AS granted
FROM pg_namespace WHERE nspname = 'capeai';

SELECT tablename, policyname, cmd, roles FROM pg_policies WHERE schemaname = 'capeai' ORDER BY 1, 2;
