#!/usr/bin/env bash
# Every measurement, side by side in one run: the benchmarks of functions, then servers under load against their budgets.
# Prints one Markdown table of the servers' figures at the end. Takes some 25 minutes on an idle machine.
#
#   ./scripts/bench.sh           all of it
#   ./scripts/bench.sh --load    the servers only
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/lib/process.sh
. scripts/lib/process.sh
# shellcheck source=scripts/lib/postgres.sh
. scripts/lib/postgres.sh

functions=yes
case "${1:-}" in
  "") ;;
  --load) functions=no ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac

guard
limit "${GATEKEEPER_BENCH_LIMIT:-7200}"
run scripts/install-prerequisites.sh
# As a database in earnest: what a commit promises is on the disk.
start_postgres
export GATEKEEPER_TEST_POSTGRES_URL=$POSTGRES_URL GATEKEEPER_LOAD_POSTGRES_URL=$POSTGRES_URL

if [ "$functions" = yes ]; then
  run cargo bench --locked --workspace --all-features --benches
fi
run cargo build --locked --release -p gatekeeper-load -p gatekeeper-server
load=${CARGO_TARGET_DIR:-$root/target}/release/gatekeeper-load

table=$_scratch/table.md
printf '| what | figure | budget | holds |\n|---|---|---|---|\n' >"$table"
code=0
for measurement in protected flood startup refresh; do
  echo "measuring: $measurement" >&2
  arguments=()
  [ "$measurement" != refresh ] || arguments=(--pgbench "$POSTGRES_BIN/pgbench")
  run "$load" "$measurement" "${arguments[@]}" >>"$table" || { echo "failed: $measurement" >&2; code=1; }
done
printf '\n%s, %d cores, %s\n\n' "$(uname -m)" "$(nproc)" "$(rustc --version)"
cat "$table"
exit "$code"
