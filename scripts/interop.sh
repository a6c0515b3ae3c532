#!/usr/bin/env bash
# Real clients against a router: the whole matrix client x transport x serializer, or a part of it; and each of config/examples
# as its comments say, from making its secrets to the login of the client that it names.
#
#   scripts/interop.sh [--quick] [--wharf BINARY]
#
#   --quick         JSON and CBOR only, with autobahn-python on asyncio and wampy
#   --wharf BINARY  this router instead of the release build of this folder
#
# Installs the clients from the package registries, once per lock file, below the target folder. What cannot be installed
# is told in a line that begins with "left out". Ends with one line: "clients: N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=() wharf=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=(--quick) ;;
    --wharf) wharf=${2:?--wharf needs a path}; shift ;;
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "unknown argument: $1" >&2; exit 2 ;;
  esac
  shift
done

target=${CARGO_TARGET_DIR:-target}
cache=$target/interop
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

have() { command -v "$1" >/dev/null 2>&1; }
key() { cat "$@" | python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])'; }

install_python() {
  local venv
  venv=$cache/python-$( (cat tests/interop/requirements.txt; python3 -V) | key -)
  # An environment cannot be moved: the last file says that it is complete.
  if [ ! -e "$venv/complete" ]; then
    rm -rf "$venv"
    if ! { python3 -m venv "$venv" && "$venv/bin/python" -m pip install -q -r tests/interop/requirements.txt; } >"$cache/python.log" 2>&1; then
      echo "left out: autobahn-python: pip could not install it (see $cache/python.log)" >&2
      return
    fi
    touch "$venv/complete"
  fi
  echo "$venv/bin/python"
}

install_node() {
  local folder made=$cache/node.$$
  folder=$cache/node-$( (cat tests/interop/package-lock.json tests/interop/.npmrc; node --version) | key -)
  if [ ! -d "$folder/node_modules" ]; then
    rm -rf "$made" && mkdir "$made"
    cp tests/interop/package.json tests/interop/package-lock.json tests/interop/.npmrc "$made"
    if ! (cd "$made" && npm ci) >"$cache/node.log" 2>&1; then
      rm -rf "$made"
      echo "left out: wampy, autobahn-js: npm could not install them (see $cache/node.log)" >&2
      return
    fi
    rm -rf "$folder" && mv "$made" "$folder"
  fi
  # A module is looked for beside the script that imports it.
  rm -rf "$folder"/*.mjs "$folder/getting_started"
  cp -R tests/interop/*.mjs tests/interop/getting_started "$folder"
  echo "$folder"
}

if ! have python3; then
  echo "left out: all clients: there is no python3"
  exit 0
fi
python=$(install_python)
node=
if have node && have npm; then
  node=$(install_node)
else
  echo "left out: wampy, autobahn-js: there is no node or no npm"
fi
if [ -z "$python$node" ]; then
  echo "clients: 0 passed, 0 failed"
  exit 0
fi

if [ -z "$wharf" ]; then
  cargo build --release --locked --bin wharf
  wharf=$target/release/wharf
fi
exec python3 tests/interop/run.py "${quick[@]}" --wharf "$wharf" --log "$cache/wharf.log" \
  ${python:+--python "$python"} ${node:+--node-dir "$node"}
