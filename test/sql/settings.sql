-- Every setting: its type, who may change it, its unit and its default.
SELECT name, vartype, context, unit, min_val, max_val, enumvals, boot_val
FROM pg_settings WHERE name LIKE 'capeai.%' ORDER BY name COLLATE "C";

-- the key is never shown
SHOW capeai.api_key;
ALTER SYSTEM SET capeai.api_key = 'sk-regress-secret';
SELECT pg_reload_conf();
\c -
SHOW capeai.api_key;
SELECT name, setting, boot_val, reset_val FROM pg_settings WHERE name = 'capeai.api_key';
CREATE ROLE regress_settings;
SET ROLE regress_settings;
SHOW capeai.api_key;
SHOW capeai.api_key_file;
SET capeai.base_url = 'http://attacker.example';
SET capeai.max_in_flight = 1;
SET capeai.require_user_id = off;
SET capeai.model = 'mine';
SHOW capeai.model;
RESET ROLE;
DROP ROLE regress_settings;
ALTER SYSTEM RESET capeai.api_key;
SELECT pg_reload_conf();
\c -
SHOW capeai.api_key;

-- units
ALTER SYSTEM SET capeai.retention = '30d';
ALTER SYSTEM SET capeai.retention = 'a while';
ALTER SYSTEM RESET capeai.retention;
SET capeai.stream_idle_timeout = '90 s';
SHOW capeai.stream_idle_timeout;
RESET capeai.stream_idle_timeout;
