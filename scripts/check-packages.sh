#!/usr/bin/env bash
# Packages every crate that is published, and looks whether each package has what crates.io and its readers need.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

crates=(gatekeeper-auth-core gatekeeper-http gatekeeper-testkit gatekeeper-sqlx gatekeeper-axum gatekeeper-actix gatekeeper-mail gatekeeper-redis gatekeeper-reqwest gatekeeper-sms)
chosen=()
for crate in "${crates[@]}"; do chosen+=(-p "$crate"); done

# --no-verify: that the sources compile is shown elsewhere. Cargo resolves crates that are not published yet among
# themselves where they are packaged together.
cargo package --quiet --locked --no-verify --allow-dirty "${chosen[@]}"

status=0
complain() { echo "$1" >&2; status=1; }
packages=${CARGO_TARGET_DIR:-target}/package
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
for crate in "${crates[@]}"; do
  archive=$packages/$crate-$version.crate
  files=$(tar -tzf "$archive" | cut -d/ -f2-)
  for file in Cargo.toml README.md src/lib.rs; do
    grep -qx "$file" <<<"$files" || complain "$crate: the package lacks $file"
  done
  manifest=$(tar -xzOf "$archive" "$crate-$version/Cargo.toml")
  for field in description license repository rust-version readme; do
    grep -q "^$field = " <<<"$manifest" || complain "$crate: the manifest lacks $field"
  done
  ! grep -q '^path = "\.\.' <<<"$manifest" || complain "$crate: the manifest names a path outside of the package"
  printf '%-22s %4d files, %4d KiB\n' "$crate" "$(wc -l <<<"$files")" "$(($(stat -c %s "$archive") / 1024))"
done

# A file that is included from outside of its crate exists here and not in the package.
while IFS=: read -r file _ text; do
  path=$(sed -n 's/.*include_\(str\|bytes\)!("\([^"]*\)").*/\2/p' <<<"$text")
  [ -n "$path" ] || continue
  crate=${file%%/*}
  target=$(realpath -m "$(dirname "$file")/$path")
  case "$target" in
    "$PWD/$crate"/*) ;;
    *) complain "$file includes $path, which is not in the package of $crate" ;;
  esac
done < <(grep -rnE 'include_(str|bytes)!\("' gatekeeper-*/src --include='*.rs' || true)

# What is not published says so.
for manifest in examples/*/Cargo.toml fuzz/Cargo.toml; do
  [ ! -f "$manifest" ] || grep -q '^publish = false' "$manifest" || complain "$manifest: publish = false is missing"
done
exit "$status"
