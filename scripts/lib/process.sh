# Sourced by the scripts here: what they start ends with them, however they end.
#
# shellcheck shell=bash

# The process groups and folders that `cleanup` removes.
_child=
_watchdog=
_postgres=
_scratch=

# run COMMAND...: in a process group of its own, so that nothing it started is left when this script is stopped.
run() {
  set -m
  "$@" </dev/null &
  _child=$!
  set +m
  local code=0
  wait "$_child" || code=$?
  _child=
  return "$code"
}

# limit SECONDS: how long the whole script may take.
limit() {
  local script=$$
  ( trap 'kill "$sleeper" 2>/dev/null; exit 0' TERM
    sleep "$1" & sleeper=$!
    wait "$sleeper"
    # Its number may be somebody else's by now, should it have been killed.
    grep -qx "PPid:.$script" "/proc/$BASHPID/status" || exit 0
    echo "stopped: not done within $1 seconds" >&2
    kill -TERM "$script" ) </dev/null >/dev/null &
  _watchdog=$!
}

# ends PID: waits up to ten seconds for a process to be gone, then kills it.
ends() {
  local _
  for _ in {1..100}; do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null || true
}

cleanup() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  if [ -n "$_child" ]; then
    kill -TERM -- "-$_child" 2>/dev/null || true
    ends "$_child"
    kill -KILL -- "-$_child" 2>/dev/null || true
  fi
  [ -z "$_watchdog" ] || kill -TERM "$_watchdog" 2>/dev/null || true
  if [ -n "$_postgres" ]; then
    # SIGQUIT: at once. Its data goes with the folder.
    kill -QUIT "$_postgres" 2>/dev/null || true
    ends "$_postgres"
  fi
  [ -z "$_scratch" ] || rm -rf -- "$_scratch"
  exit "$code"
}

# scratch: makes `$_scratch`, a folder that goes when the script ends. Under /tmp, since other users must reach it.
scratch() {
  [ -n "$_scratch" ] || _scratch=$(mktemp -d /tmp/gatekeeper.XXXXXX)
  chmod 755 "$_scratch"
}

guard() {
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
}
