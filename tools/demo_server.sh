# Sourced by tools/demo and tools/agent, in the top folder: the private server on
# which capeai is shown and agents are tried. Knows how to start it and to load the
# project's documentation; what is done there is not its business.
#
# Without OPENAI_API_KEY no model is asked. With it (and, if wanted, OPENAI_BASE_URL
# and OPENAI_MODEL) one is. The key goes into a file that only the server reads; it is
# on no command line and in no table.
#
# CAPEAI_DEMO_FOLDER: where the server is to live; otherwise choose_folder decides.
# shellcheck shell=bash
ROOT=$PWD
# shellcheck source=tools/server.sh
source tools/server.sh

export LC_ALL=C.UTF-8 LC_MESSAGES=C PSQLRC=/dev/null
unset PGHOST PGPORT PGUSER PGDATABASE PGSERVICE PGPASSWORD PGOPTIONS
KEY=${OPENAI_API_KEY:-}
unset OPENAI_API_KEY
DATABASE=capeai_demo

# Where the server lives: .demo here, unless the server's user cannot come here or
# the path is too long for a socket.
choose_folder() {
  FOLDER=${CAPEAI_DEMO_FOLDER:-$ROOT/.demo}
  if [[ -n ${CAPEAI_DEMO_FOLDER:-} ]]; then return; fi
  if [[ ${#FOLDER} -gt 80 ]] || ! server_user_can_enter "$ROOT"; then
    local name
    name=capeai-demo.$(id -u).$(printf %s "$ROOT" | cksum | cut -d ' ' -f 1)
    if [[ $(id -u) -eq 0 ]]; then FOLDER=/var/lib/postgresql/$name; else FOLDER=/tmp/$name; fi
  fi
}

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 ]] || say() { printf '\n== %s\n' "$*"; }

psql_as() {  # role, then arguments of psql; SQL comes from standard input
  local role=$1
  shift
  "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$FOLDER" -p "$PORT" -U "$role" -d "$DATABASE" "$@"
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    if ! (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then echo "$port"; return; fi
  done
}

# What is installed; another build needs another server.
installed_build() {
  cat "$("$PG_CONFIG" --pkglibdir)/capeai.so" "$("$PG_CONFIG" --sharedir)"/extension/capeai* | cksum
}

keep() { as_server_user tee "$FOLDER/$1" > /dev/null; }  # writes standard input to a file of the demo
kept() { as_server_user cat "$FOLDER/$1" 2> /dev/null || true; }

# --- the server
create_server() {
  say "Creating a private PostgreSQL server in $FOLDER"
  make_server_folder "$FOLDER"
  free_port | keep port
  PORT=$(kept port)
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | keep password
  server_create "$FOLDER" << CONF
listen_addresses = '127.0.0.1'
port = $PORT
shared_preload_libraries = 'capeai'
max_worker_processes = 15    # 8 + capeai.max_workers + 3
include_if_exists = 'demo.conf'
CONF
  printf 'local all all trust\nhost %s demo 127.0.0.1/32 scram-sha-256\n' "$DATABASE" | keep data/pg_hba.conf
}

# The model's server, from the environment; an empty file means: no model.
configure_model() {
  local old
  old=$(kept data/demo.conf; kept api_key)
  {
    if [[ -n $KEY ]]; then printf "capeai.api_key_file = '%s'\n" "$FOLDER/api_key"; fi
    if [[ -n ${OPENAI_BASE_URL:-} ]]; then printf "capeai.base_url = '%s'\n" "${OPENAI_BASE_URL//\'/\'\'}"; fi
    if [[ -n ${OPENAI_MODEL:-} ]]; then printf "capeai.model = '%s'\n" "${OPENAI_MODEL//\'/\'\'}"; fi
  } | keep data/demo.conf
  # shellcheck disable=SC2016  # the inner shell expands it
  printf %s "$KEY" | as_server_user sh -c 'umask 077; rm -f "$1"; cat > "$1"' sh "$FOLDER/api_key"
  if [[ -z $KEY ]]; then as_server_user rm -f "$FOLDER/api_key"; fi
  if [[ $old != "$(kept data/demo.conf; kept api_key)" ]] && server_is_up "$FOLDER"; then
    as_server_user "$PG_BIN/pg_ctl" reload -s -D "$FOLDER/data"
  fi
}

create_database() {
  "$PG_BIN/createdb" -h "$FOLDER" -p "$PORT" -U postgres --maintenance-db=postgres "$DATABASE"
  psql_as postgres -v password="$(kept password)" << 'SQL'
SET client_min_messages = warning;
CREATE EXTENSION capeai;
CREATE ROLE demo LOGIN PASSWORD :'password' IN ROLE capeai_user;
GRANT USAGE, CREATE ON SCHEMA public TO demo;
CREATE ROLE author LOGIN IN ROLE capeai_user, capeai_admin;
GRANT CREATE ON DATABASE :"DBNAME" TO author;
SQL
  installed_build | keep build
}

start_server() {
  PORT=$(kept port)
  if [[ -n $PORT && $(kept build) != "$(installed_build)" ]]; then
    say 'The demo server there is of another build: starting anew'
    remove_server
    PORT=
  fi
  if [[ -z $PORT ]]; then create_server; fi
  configure_model
  if ! server_is_up "$FOLDER"; then server_start "$FOLDER"; fi
  if [[ -z $(kept build) ]]; then create_database; fi
}

remove_server() {
  server_stop "$FOLDER"
  rm -rf "$FOLDER"
}

# --- the knowledge base: this project's own documentation
load_documents() {
  local file title
  for file in README.md docs/*.md; do
    title=$(sed -n 's/^# //p' "$file" | head -1)
    CAPEAI_FILE=$file psql_as postgres -v title="${title:-$file}" -v url="$file" << 'SQL' > /dev/null
\set content `cat "$CAPEAI_FILE"`
SELECT capeai_remove_document(id) FROM capeai.documents WHERE url = :'url';
SELECT capeai_add_document(:'title', :'content', url => :'url');
SQL
  done
  psql_as postgres -At -c "SELECT format('%s documents, %s passages', count(DISTINCT d.id), count(*))
                           FROM capeai.documents AS d JOIN capeai.passages AS p ON p.document_id = d.id"
}
