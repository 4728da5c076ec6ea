#!/usr/bin/env bash
# What deny.toml asks for and can be seen without cargo-deny: bans and licences of everything in the graph, on every
# target, and the workspace's `rust-version` against what its dependencies need. Advisories need cargo-deny: deny.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

graph=$(cargo tree --quiet --locked --workspace --all-features --target all --edges normal,build,dev \
  --prefix none --format '{p}|{l}' | sed 's/ (\*)$//' | sort -u)
status=0

# Names and, where a name alone is not banned, the beginning of its version.
banned='^(openssl|openssl-sys|native-tls|ring|rsa|sqlx-mysql|hickory-resolver) v|^h2 v0\.[0-3]\.|^(ed25519-dalek|curve25519-dalek) v'
if found=$(grep -E "$banned" <<<"$graph"); then
  printf 'banned crates in the graph:\n%s\n' "$found" >&2
  status=1
fi

# zxcvbn names it for WebAssembly: it may be in the graph of all targets, and not in ours.
here=$(cargo tree --quiet --locked --workspace --all-features --edges normal,build,dev --prefix none --format '{p}')
if found=$(grep -E '^chrono v' <<<"$here"); then
  printf 'banned crates in the graph:\n%s\n' "$found" >&2
  status=1
fi

# Randomness comes from `Random`: nothing of ours names `rand` itself.
if found=$(grep -lE '^(rand|getrandom|openssl|ring|rsa)(\.workspace)? *=' Cargo.toml ./*/Cargo.toml examples/*/Cargo.toml); then
  printf 'a manifest of ours names a crate that it must not:\n%s\n' "$found" >&2
  status=1
fi

# Evaluates each SPDX expression over the licences we accept.
if ! awk -F'|' '
  BEGIN {
    split("0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC0-1.0 CDLA-Permissive-2.0 ISC MIT MIT-0 " \
          "Unicode-3.0 Unlicense Zlib", names, " ")
    for (i in names) accepted[names[i]] = 1
  }
  NF == 2 {
    text = $2
    gsub(/\//, " OR ", text)
    gsub(/ WITH [A-Za-z0-9.-]+/, "", text)
    gsub(/\(/, " ( ", text); gsub(/\)/, " ) ", text)
    n = split(text, words, /[ \t]+/)
    value = ""
    for (i = 1; i <= n; i++) {
      word = words[i]
      if (word == "") continue
      if (word == "AND") word = "&"
      else if (word == "OR") word = "+"
      else if (word != "(" && word != ")") word = (word in accepted) ? "1" : "0"
      value = value word
    }
    # AND binds closer than OR; parentheses first.
    do {
      before = value
      gsub(/\(0\)/, "0", value); gsub(/\(1\)/, "1", value)
      gsub(/1&1/, "1", value); gsub(/0&[01]|1&0/, "0", value)
      if (value == before) {
        if (match(value, /(^|[(+])[01]\+[01]($|[)+])/)) {
          pair = substr(value, RSTART, RLENGTH)
          gsub(/0\+0/, "0", pair); gsub(/1\+[01]|0\+1/, "1", pair)
          value = substr(value, 1, RSTART - 1) pair substr(value, RSTART + RLENGTH)
        }
      }
    } while (value != before)
    if (value != "1") { print $1 ": " ($2 == "" ? "no licence named" : $2); bad = 1 }
  }
  END { exit bad }
' <<<"$graph"; then
  echo "licences that deny.toml does not accept" >&2
  status=1
fi

# A dependency that names a newer Rust than ours makes ours untrue. Those that name none are not seen by this.
ours=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
newest=$(cargo metadata --quiet --locked --format-version 1 | grep -o '"rust_version":"[^"]*"' | cut -d'"' -f4 | sort -uV | tail -n 1)
if [ "$(printf '%s\n%s\n' "${ours}.0" "$newest" | sort -V | tail -n 1)" != "${ours}.0" ]; then
  echo "rust-version is $ours, and a dependency needs $newest" >&2
  status=1
fi

crates=$(grep -c '|' <<<"$graph")
echo "$crates crates in the graph; rust-version $ours, dependencies name up to $newest (compiled with $(rustc --version | cut -d' ' -f2) only)"
exit "$status"
