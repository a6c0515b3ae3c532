#!/usr/bin/env bash
# Black-box checks of the protocol: raw peers in Python against a router with config/checks/conformance.toml.
#
#   scripts/conformance.sh [--wharf BINARY] [PYTEST ARGUMENTS]
#
# Every "must" has to hold; what the router does not announce counts as missing, which is neither. Installs pytest and two
# codecs from PyPI, once per lock file, below the target folder. Ends with one line: "conformance: N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1-} in -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;; esac

target=${CARGO_TARGET_DIR:-target}
wharf=$target/release/wharf
if [ "${1-}" = --wharf ]; then wharf=${2:?--wharf needs a path}; shift 2; fi
[ -x "$wharf" ] || cargo build --release --locked
mkdir -p "$target/conformance"
venv=$(cd "$target/conformance" && pwd)/venv
if ! cmp -s tests/conformance/requirements.txt "$venv/complete"; then
  rm -rf "$venv"
  if ! { python3 -m venv "$venv" && "$venv/bin/python" -m pip install -q -r tests/conformance/requirements.txt; } >"$venv.log" 2>&1; then
    echo "left out: conformance: pip could not install pytest (see $venv.log)"
    exit 0
  fi
  cp tests/conformance/requirements.txt "$venv/complete"
fi

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
main=$(free_port) raw=$(free_port)
report=$(mktemp)
WHARF__LISTENERS__MAIN__BIND=127.0.0.1:$main WHARF__LISTENERS__RAW__BIND=127.0.0.1:$raw \
  "$wharf" serve --config config/checks/conformance.toml >"$venv.router.log" 2>&1 &
router=$!
trap 'kill $router 2>/dev/null || true; rm -f "$report"' EXIT
for _ in $(seq 100); do
  if (exec 3<>"/dev/tcp/127.0.0.1/$main") 2>/dev/null; then break; fi
  sleep 0.05
done

export PYTHONDONTWRITEBYTECODE=1 WAMP_REPORT=$report WAMP_WS_URL=ws://127.0.0.1:$main/ws WAMP_RS_PORT=$raw
(cd tests/conformance && "$venv/bin/python" -m pytest -q --tb=no -p no:cacheprovider "$@") || true
python3 - "$report" <<'PYTHON'
import json
import sys

cases = json.load(open(sys.argv[1]))["cases"]
judged = [case for case in cases if case["outcome"] != "missing"]
failed = [case for case in judged if case["outcome"] == "fail" and case["level"] == "must"]
wished = [case for case in judged if case["outcome"] == "fail" and case["level"] != "must"]
for case in failed + wished:
    print(f"{case['level']} fails: {case['id']}: {case['why']}")
passed = sum(case["outcome"] == "pass" for case in judged)
print(f"conformance: {passed} passed, {len(failed)} failed")
sys.exit(1 if failed else 0)
PYTHON
