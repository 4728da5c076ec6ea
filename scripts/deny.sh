#!/usr/bin/env bash
# cargo-deny over deny.toml, advisories included. `cargo install --locked cargo-deny` takes some minutes; without it
# check-dependencies.sh covers bans and licences, and nothing covers advisories.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v cargo-deny >/dev/null; then
  echo "cargo-deny is not installed: cargo install --locked cargo-deny" >&2
  exit 1
fi
exec cargo deny --workspace --all-features check "$@"
