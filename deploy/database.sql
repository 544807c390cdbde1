-- One service's account and its database, which no other service's account can connect to.
-- Run by psql with DATABASE and PASSWORD in its environment; a second run changes nothing.
\getenv database DATABASE
\getenv password PASSWORD

SELECT format('CREATE ROLE %I LOGIN', :'database')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'database') \gexec

ALTER ROLE :"database" PASSWORD :'password';

SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE ALL ON DATABASE template1 FROM PUBLIC;
