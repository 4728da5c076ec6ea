#!/usr/bin/env bash
# Installs what building and testing need and the machine lacks; does nothing where all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib/postgres.sh
. scripts/lib/postgres.sh

packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
command -v c++ >/dev/null || packages+=(g++)
command -v make >/dev/null || packages+=(make)
command -v cmake >/dev/null || packages+=(cmake)
command -v git >/dev/null || packages+=(git)
postgres_bin >/dev/null || packages+=(postgresql)
/usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null || packages+=(python3-aiosmtpd)
command -v redis-server >/dev/null || packages+=(redis-server)
# setpriv ends the servers of tests with the tests.
command -v setpriv >/dev/null || packages+=(util-linux)

if [ ${#packages[@]} -gt 0 ]; then
  echo "installing: ${packages[*]}"
  command -v apt-get >/dev/null || { echo "no apt-get here: install these by hand" >&2; exit 1; }
  as=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "neither root nor sudo: install these by hand" >&2; exit 1; }
    as=(sudo)
  fi
  "${as[@]}" apt-get update -qq
  "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "${packages[@]}"
fi

command -v cargo >/dev/null || { echo "no cargo: install Rust, https://rustup.rs" >&2; exit 1; }
missing=()
cargo fmt --version >/dev/null 2>&1 || missing+=(rustfmt)
cargo clippy --version >/dev/null 2>&1 || missing+=(clippy)
if [ ${#missing[@]} -gt 0 ]; then
  command -v rustup >/dev/null || { echo "missing: ${missing[*]}" >&2; exit 1; }
  rustup component add "${missing[@]}"
fi

cargo --version
echo "PostgreSQL in $(postgres_bin)"
redis-server --version
