#!/usr/bin/env bash
# The Autobahn WebSocket test suite against our frame codec (examples/websocket_echo.rs). About 10 minutes, 517 cases.
#
#   scripts/websocket-suite.sh [CASES]
#
#   CASES   as the suite names them, with commas: "1.*,2.*,12.1.*"; all without it
#
# The suite runs on Python 2.7 only: $PYTHON2, else python2.7 or python2 of the path, else the newest 2.7 of pyenv. Where
# there is none, or pip cannot install the suite, it is told in one line that begins with "left out" and the status is 0.
# Cases that need compression windows or a context that we do not offer end as "unimplemented", which is no failure.
# The last line is "websocket: N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1-} in -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;; esac
cases=${1:-*}
version=25.10.1
target=${CARGO_TARGET_DIR:-target}
cache=$target/websocket-suite
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

left_out() {
  echo "left out: the Autobahn WebSocket suite: $*"
  exit 0
}

is_python2() { [ -n "$1" ] && [ "$("$1" -c 'import sys; print(sys.version_info[:2] == (2, 7))' 2>/dev/null)" = True ]; }

find_python2() {
  local candidate
  for candidate in "${PYTHON2-}" python2.7 python2 "${PYENV_ROOT:-${HOME-}/.pyenv}"/versions/2.7.*/bin/python2.7; do
    if is_python2 "$candidate"; then
      echo "$candidate"
      return
    fi
  done
}

python=$(find_python2)
[ -n "$python" ] || left_out 'there is no Python 2.7 (set PYTHON2 to one)'
"$python" -m pip --version >/dev/null 2>&1 || left_out "$python has no pip"

# Python 2.7 has no venv: a folder of user packages of our own does the same.
export PYTHONUSERBASE=$cache/packages-$version
if [ ! -e "$PYTHONUSERBASE/complete" ]; then
  rm -rf "$PYTHONUSERBASE"
  "$python" -m pip install -q --user "autobahntestsuite==$version" >"$cache/pip.log" 2>&1 ||
    left_out "pip could not install it (see $cache/pip.log)"
  touch "$PYTHONUSERBASE/complete"
fi

cargo build --release --locked --example websocket_echo
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$target/release/examples/websocket_echo" "127.0.0.1:$port" 2>"$cache/echo.log" &
echo_server=$!
trap 'kill $echo_server 2>/dev/null || true' EXIT

report=$cache/report
rm -rf "$report"
python3 - "$report" "$port" "$cases" >"$cache/suite.json" <<'PYTHON'
import json, sys
report, port, cases = sys.argv[1:]
server = {"agent": "wharf", "url": "ws://127.0.0.1:" + port}
print(json.dumps({"outdir": report, "servers": [server], "cases": cases.split(","), "exclude-cases": []}))
PYTHON
# The suite tries for itself until the server listens.
"$python" -m autobahntestsuite.wstest -m fuzzingclient -s "$cache/suite.json" >"$cache/suite.log" 2>&1 ||
  { tail -n 20 "$cache/suite.log"; exit 1; }

python3 - "$report" <<'PYTHON'
import collections, json, pathlib, sys
cases = json.loads(pathlib.Path(sys.argv[1], "index.json").read_text())["wharf"]
good = {"OK", "INFORMATIONAL", "UNIMPLEMENTED"}
failed = {name: case for name, case in cases.items() if not {case["behavior"], case["behaviorClose"]} <= good}
for outcome, count in collections.Counter(case["behavior"] for case in cases.values()).most_common():
    print(f"{count:5} {outcome.lower()}")
for name, case in sorted(failed.items()):
    print(f"FAIL {name}: {case['behavior']}, close {case['behaviorClose']}")
passed = sum(case["behavior"] == "OK" for name, case in cases.items() if name not in failed)
print(f"websocket: {passed} passed, {len(failed)} failed")
sys.exit(1 if failed or not cases else 0)
PYTHON
