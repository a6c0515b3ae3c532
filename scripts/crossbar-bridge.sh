#!/usr/bin/env bash
# The HTTP bridge of Crossbar itself beside Wharf's profile for its clients: the same requests, the answers compared, the differences
# equal to those that docs/HTTP_MAPPED.md declares.
#
#   scripts/crossbar-bridge.sh [WHARF]
#
#   WHARF   this router instead of the debug build of this folder
#
# Installs Crossbar from PyPI (some 200 packages), once per version, below the target folder, within seven minutes. Needs Python 3.11 or newer.
# Starts both routers on free ports and ends them. Ends with one line: "crossbar bridge: N alike, N declared, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=26.10.1
target=${CARGO_TARGET_DIR:-target}
wharf=${1:-}
case $wharf in -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;; esac
if [ -z "$wharf" ]; then
  cargo build --locked
  wharf=$target/debug/wharf
fi
mkdir -p "$target/crossbar"
venv=${CROSSBAR_VENV:-$(cd "$target/crossbar" && pwd)/venv}
if ! "$venv/bin/python" -c "import importlib.metadata as m, sys; sys.exit(m.version('crossbar') != '$version')" 2>/dev/null; then
  rm -rf "$venv"
  if ! { python3 -m venv "$venv" && timeout 420 "$venv/bin/python" -m pip install -q "crossbar==$version"; } >"$venv.log" 2>&1; then
    echo "left out: crossbar bridge: pip could not install Crossbar $version (see $venv.log)"
    exit 0
  fi
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" scripts/crossbar-bridge.py "$(realpath "$wharf")" tests/rest/data/http_bridge.json
