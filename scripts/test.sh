#!/usr/bin/env bash
# Everything that must hold before a change goes in. One command, on a Debian machine with Rust, from cold:
#
#   ./scripts/test.sh            all of it
#   ./scripts/test.sh --quick    format, lints and tests only
#
# What is missing (PostgreSQL, Redis, aiosmtpd, a C compiler, cmake) is installed with apt, as root or through sudo. The tests
# get a PostgreSQL of their own in a temporary folder, and start each a Redis of its own; one that runs already is not
# touched. All ends with this script.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/lib/process.sh
. scripts/lib/process.sh
# shellcheck source=scripts/lib/postgres.sh
. scripts/lib/postgres.sh

quick=no
case "${1:-}" in
  "") ;;
  --quick) quick=yes ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac

guard
limit "${GATEKEEPER_TEST_LIMIT:-5400}"
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
# Half as much to write, and nothing here is built twice.
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-$([ -n "${CI:-}" ] && echo 0 || echo 1)}

failed=()
times=
step() { # TITLE COMMAND...: goes on after a failure, so that one run shows all of them.
  local title=$1 began=$SECONDS verdict=ok
  shift
  printf '\n=== %s\n' "$title"
  if ! run "$@"; then
    verdict=FAILED
    failed+=("$title")
    printf '*** failed: %s\n' "$title" >&2
  fi
  times+=$(printf '%5d s  %-6s  %s' "$((SECONDS - began))" "$verdict" "$title")$'\n'
}

features() { # Each feature alone, and none.
  local features
  for features in "" sqlite postgres; do
    echo "gatekeeper-sqlx: ${features:-no feature}"
    cargo check --quiet --locked -p gatekeeper-sqlx --no-default-features --features "$features" || return 1
  done
  for features in "" smtp sendgrid; do
    echo "gatekeeper-mail: ${features:-no feature}"
    cargo check --quiet --locked -p gatekeeper-mail --no-default-features --features "$features" || return 1
  done
  # A crate built beside others sees the features they ask for; alone it must name its own.
  local crate
  for crate in gatekeeper-auth-core gatekeeper-http gatekeeper-axum gatekeeper-actix gatekeeper-redis gatekeeper-reqwest gatekeeper-sms gatekeeper-testkit; do
    echo "$crate"
    cargo check --quiet --locked -p "$crate" || return 1
  done
}

documentation() {
  RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --all-features --no-deps
}

fuzz_targets() { # They have a workspace of their own. Running them takes nightly and cargo-fuzz; compiling does not.
  # With our versions, most of it is compiled already; what is theirs alone is added.
  cp Cargo.lock fuzz/Cargo.lock
  cargo check --manifest-path fuzz/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-$root/target}"
}

step "tools and servers" scripts/install-prerequisites.sh
[ ${#failed[@]} -eq 0 ] || exit 1

start_postgres fsync=off synchronous_commit=off full_page_writes=off
export GATEKEEPER_TEST_POSTGRES_URL=$POSTGRES_URL
export GATEKEEPER_TEST_VECTORS=${GATEKEEPER_TEST_VECTORS:-$root/../shared/vectors}
echo "PostgreSQL: $GATEKEEPER_TEST_POSTGRES_URL"

step "format" cargo fmt --all --check
step "lints" cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
if [ "$quick" = no ]; then
  step "each feature alone" features
fi
step "tests, doctests among them" cargo test --locked --workspace --all-features --no-fail-fast
if [ "$quick" = no ]; then
  step "documentation" documentation
  [ ! -d fuzz ] || step "fuzz targets compile" fuzz_targets
  step "dependencies: licences, bans, minimum Rust" scripts/check-dependencies.sh
  step "packages" scripts/check-packages.sh
fi
step "tree: paths, lengths, links" scripts/check-tree.sh

printf '\n%s' "$times"
if [ ${#failed[@]} -gt 0 ]; then
  printf '\nFAILED: %s\n' "${failed[@]}"
  exit 1
fi
printf '\nAll passed in %d min %d s.\n' "$((SECONDS / 60))" "$((SECONDS % 60))"
