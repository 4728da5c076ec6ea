# Sourced after process.sh: a PostgreSQL of one's own, which knows nothing of any other on the machine.
#
# shellcheck shell=bash

# postgres_bin: prints the folder of the newest PostgreSQL's programs.
postgres_bin() {
  local found
  found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  if [ -z "$found" ] || [ ! -x "$found/initdb" ]; then
    found=$(dirname "$(command -v initdb 2>/dev/null || echo /nowhere/initdb)")
  fi
  [ -x "$found/initdb" ] && echo "$found"
}

# start_postgres [SETTING...]: starts it on a free port of 127.0.0.1 and sets `POSTGRES_URL`.
start_postgres() {
  local bin data port attempt setting
  local as=() settings=()
  bin=$(postgres_bin) || { echo "PostgreSQL is not installed" >&2; return 1; }
  scratch
  data=$_scratch/postgres
  mkdir "$data"
  chmod 700 "$data"
  # It refuses to run as root. The kernel ends it should this script be killed without a chance to clean up.
  if [ "$(id -u)" -eq 0 ]; then
    chown postgres "$data"
    as=(setpriv --reuid=postgres --regid=postgres --init-groups)
  fi
  (cd / && "${as[@]}" "$bin/initdb" --auth=trust --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
    --no-sync --pgdata="$data/data") >"$_scratch/initdb.log" 2>&1 </dev/null ||
    { cat "$_scratch/initdb.log" >&2; return 1; }
  for setting in "$@"; do settings+=(-c "$setting"); done
  for attempt in 1 2 3 4 5 6 7 8; do
    # Below the ports that the kernel hands out to clients.
    port=$((20000 + RANDOM % 12000))
    (cd / && exec "${as[@]}" setpriv --pdeathsig QUIT "$bin/postgres" -D "$data/data" \
      -c listen_addresses=127.0.0.1 -c "port=$port" -c "unix_socket_directories=$data" \
      -c max_connections=200 "${settings[@]}") >"$_scratch/postgres.log" 2>&1 </dev/null &
    _postgres=$!
    if postgres_answers "$bin" "$data" "$port"; then
      POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
      POSTGRES_BIN=$bin
      export POSTGRES_URL POSTGRES_BIN
      return 0
    fi
    _postgres=
    grep -q 'could not create any TCP/IP sockets' "$_scratch/postgres.log" || break
  done
  echo "PostgreSQL does not start (attempt $attempt):" >&2
  cat "$_scratch/postgres.log" >&2
  return 1
}

postgres_answers() { # BIN SOCKETS PORT
  local _
  for _ in {1..300}; do
    kill -0 "$_postgres" 2>/dev/null || return 1
    "$1/pg_isready" -q -h "$2" -p "$3" && return 0
    sleep 0.1
  done
  return 1
}
