#!/usr/bin/env bash
# Frozen callees, callers and subscribers, and registrations that a lost connection left behind: what becomes of the others.
#
#   scripts/peers.sh [--quick] [--wharf BINARY] [ARGUMENTS]
#
#   --quick         short pings and small volumes: under a minute. Without it: the defaults, and each case 100 times (hours)
#   --wharf BINARY  this router instead of the release build of this folder
#   ARGUMENTS       for each check, such as --repeats N or --only TEXT
#
# Starts two routers with config/checks/peers.toml, so that what measures memory and times meets nothing else, and ends them by
# their process ids. Needs Linux and Python 3; installs msgpack from PyPI, once per lock file, below the target folder. For
# another router see tests/peers/README.md. Ends with one line: "peers: N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}
wharf=$target/release/wharf quick=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=--quick ;;
    --wharf) wharf=${2:?--wharf needs a path}; shift ;;
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) break ;;
  esac
  shift
done
if [ "$(uname -s)" != Linux ]; then
  echo 'left out: frozen peers: the checks need Linux'
  exit 0
fi

mkdir -p "$target/peers"
cache=$(cd "$target/peers" && pwd)
venv=$cache/venv
if ! cmp -s tests/peers/requirements.txt "$venv/complete"; then
  rm -rf "$venv"
  if ! { python3 -m venv "$venv" && "$venv/bin/python" -m pip install -q -r tests/peers/requirements.txt; } >"$venv.log" 2>&1; then
    echo "left out: frozen peers: pip could not install msgpack (see $venv.log)"
    exit 0
  fi
  cp tests/peers/requirements.txt "$venv/complete"
fi
[ -x "$wharf" ] || cargo build --release --locked

export PYTHONDONTWRITEBYTECODE=1 WHARF__LISTENERS__MAIN__BIND WHARF__LISTENERS__RAW__BIND
if [ -n "$quick" ]; then
  for listener in MAIN RAW; do
    export "WHARF__LISTENERS__${listener}__PING_INTERVAL=1s" "WHARF__LISTENERS__${listener}__PING_TIMEOUT=2s" \
      "WHARF__LISTENERS__${listener}__PING_SUSPECT=500ms"
  done
  export WHARF__REALM_DEFAULTS__QUEUE__STALL=2s
fi

routers=()
trap 'kill "${routers[@]}" 2>/dev/null || true' EXIT

# All at once, so that they differ.
read -ra ports < <(python3 -c '
import socket
all = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(one.getsockname()[1] for one in all))')

# lane NAME PORT PORT CHECK...: a router of its own, and the checks against it, one after the other.
lane() {
  local name=$1 main=$2 raw=$3 router check
  shift 3
  WHARF__LISTENERS__MAIN__BIND=127.0.0.1:$main WHARF__LISTENERS__RAW__BIND=127.0.0.1:$raw
  "$wharf" serve --config config/checks/peers.toml >"$cache/$name.router.log" 2>&1 &
  router=$!
  trap 'kill $router 2>/dev/null || true' EXIT
  for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$main" 4<>"/dev/tcp/127.0.0.1/$raw") 2>/dev/null; then break; fi
    sleep 0.05
  done
  for check in "$@"; do
    "$venv/bin/python" "tests/peers/$check.py" $quick --url "ws://127.0.0.1:$main/ws" --rawsocket "127.0.0.1:$raw" \
      --metrics "http://127.0.0.1:$main/metrics" --pid "$router" "${arguments[@]}" 2>&1 || true
  done >"$cache/$name.log"
  if ! kill -0 "$router" 2>/dev/null; then echo "FAIL the router of $name ended; its log is $cache/$name.router.log" >>"$cache/$name.log"; fi
}

arguments=("$@")
lane times "${ports[@]:0:2}" u2_frozen_caller u3_frozen_subscriber & routers+=($!)
lane ends "${ports[@]:2:2}" u1_frozen_callee u4_stale_registration & routers+=($!)
wait "${routers[@]}" || true
routers=()
logs=("$cache/ends.log" "$cache/times.log")
grep -hv '^peers: ' "${logs[@]}" || true
# The router's own end, and a check that broke off before its last line, are failures too.
awk '
  /^peers: / { passed += $2; failed += $4; told++ }
  /^FAIL the router/ { failed++ }
  END { failed += 4 - told; printf "peers: %d passed, %d failed\n", passed, failed; exit failed > 0 }' "${logs[@]}"
