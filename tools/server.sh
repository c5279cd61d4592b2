# Sourced by test/run and tools/demo: a private PostgreSQL server, out of
# everybody's way. It has its own folder and socket; it never touches the servers
# that the machine has. Nothing here knows what the server is for.
#
# initdb and postgres refuse to run as root, so root hands the server (and only
# the server) to the user postgres, which Debian's package creates.
# shellcheck shell=bash

PG_CONFIG=${PG_CONFIG:-pg_config}
PG_BIN=$("$PG_CONFIG" --bindir)

# Runs a command as the one who owns private servers.
as_server_user() {
  if [[ $(id -u) -eq 0 ]]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

# True if the owner of private servers can read the folder $1.
server_user_can_enter() { as_server_user test -r "$1/." -a -x "$1/."; }

# Makes the folder $1, which only the owner of private servers may enter.
make_server_folder() {
  mkdir -p "$1"
  chmod 0700 "$1"
  if [[ $(id -u) -eq 0 ]]; then chown postgres: "$1"; fi
}

# A new data folder $1/data; lines of postgresql.conf come from standard input.
# Whoever can enter the folder may connect over the socket as anybody.
server_create() {
  local folder=$1
  as_server_user "$PG_BIN/initdb" --pgdata="$folder/data" --username=postgres --encoding=UTF8 \
    --locale=C.UTF-8 --auth-local=trust --auth-host=reject --no-sync > /dev/null
  { printf "unix_socket_directories = '%s'\n" "$folder"; cat; } |
    as_server_user tee -a "$folder/data/postgresql.conf" > /dev/null
}

server_is_up() { as_server_user "$PG_BIN/pg_ctl" status -D "$1/data" > /dev/null 2>&1; }

# Starts the server of folder $1; on failure shows the end of its log.
server_start() {
  if as_server_user "$PG_BIN/pg_ctl" start -w -s -D "$1/data" -l "$1/log" > /dev/null 2>&1; then return 0; fi
  echo "The private server in $1 did not start:" >&2
  as_server_user tail -20 "$1/log" >&2
  return 1
}

server_stop() {
  if server_is_up "$1"; then as_server_user "$PG_BIN/pg_ctl" stop -w -s -m fast -D "$1/data"; fi
}
