#!/usr/bin/env bash
# The published verifiers of Standard Webhooks, for Python and for JavaScript, against a router: each takes what the router sends,
# the router takes what each of them signs, and neither takes what was changed on the way.
#
#   scripts/check-webhooks.sh [--wharf BINARY]
#
#   --wharf BINARY  this router instead of the release build of this folder
#
# Installs `standardwebhooks` from PyPI and from npm, once per list of versions, below the target folder. What cannot be installed
# is told in a line that begins with "left out". A few seconds. Ends with one line: "webhooks: N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}
wharf=
while [ $# -gt 0 ]; do
  case $1 in
    --wharf) wharf=${2:?--wharf needs a path}; shift ;;
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "unknown argument: $1" >&2; exit 2 ;;
  esac
  shift
done

have() { command -v "$1" >/dev/null 2>&1; }
if ! have python3; then
  echo "left out: webhooks: there is no python3"
  exit 0
fi
mkdir -p "$target/webhooks"
folder=$(cd "$target/webhooks" && pwd)

venv=$folder/venv
if ! cmp -s tests/webhooks/requirements.txt "$venv/complete"; then
  rm -rf "$venv"
  if ! { python3 -m venv "$venv" && "$venv/bin/python" -m pip install -q -r tests/webhooks/requirements.txt; } >"$folder/pip.log" 2>&1; then
    echo "left out: webhooks: pip could not install the verifier (see $folder/pip.log)"
    exit 0
  fi
  cp tests/webhooks/requirements.txt "$venv/complete"
fi

node=()
if ! have node || ! have npm; then
  echo "left out: the verifier for JavaScript: there is no node or no npm"
else
  modules=$folder/node
  if ! cmp -s tests/webhooks/package-lock.json "$modules/complete"; then
    rm -rf "$modules" && mkdir "$modules"
    cp tests/webhooks/package.json tests/webhooks/package-lock.json tests/webhooks/.npmrc "$modules"
    if (cd "$modules" && npm ci) >"$folder/npm.log" 2>&1; then
      cp tests/webhooks/package-lock.json "$modules/complete"
    fi
  fi
  if [ -e "$modules/complete" ]; then
    # A module is looked for beside the script that imports it.
    cp tests/webhooks/verifier.mjs "$modules"
    node=(--node "$modules/verifier.mjs")
  else
    echo "left out: the verifier for JavaScript: npm could not install it (see $folder/npm.log)"
  fi
fi

if [ -z "$wharf" ]; then
  cargo build --release --locked --bin wharf
  wharf=$target/release/wharf
fi
exec "$venv/bin/python" scripts/check-webhooks.py --wharf "$wharf" "${node[@]}"
