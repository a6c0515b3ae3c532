#!/usr/bin/env bash
# Frozen callees, callers and subscribers, and registrations that a lost connection left behind: what becomes of the others.
#
#   scripts/peers.sh [--quick] [--lanes N] [--checks LIST] [--wharf BINARY] [ARGUMENTS]
#
#   --quick         short pings and small volumes: under a minute. Without it: the default times and large volumes, U1 and U4
#                   with 100 repeats
#   --lanes N       U1 and U4, which mostly wait, against N routers that share the repeats. 1 if not given
#   --checks LIST   some of "u1 u2 u3 u4"
#   --wharf BINARY  this router instead of the release build of this folder
#   ARGUMENTS       for each check, such as --repeats N or --only TEXT
#
# Starts its routers with config/checks/peers.toml and ends them by their process ids. What measures memory and times, U2 and U3,
# has a router of its own, and without --quick it runs when the others are through: it should meet nothing else. Needs Linux and Python 3; installs msgpack from PyPI, once per lock file, below the target folder. For
# another router see tests/peers/README.md. Ends with one line: "peers: N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}
wharf=$target/release/wharf quick='' lanes=1 checks='u1 u2 u3 u4'
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=--quick ;;
    --lanes) lanes=${2:?--lanes needs a number}; shift ;;
    --checks) checks=${2:?--checks needs some of u1 u2 u3 u4}; shift ;;
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

# All at once, so that they differ; and waited for, because they are free only when that process has ended.
ports=$(python3 -c '
import socket, sys
all = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(one.getsockname()[1] for one in all))' $((2 * lanes + 2)))
read -ra ports <<<"$ports"

lanes_running=() logs=() runs=0
trap 'kill "${lanes_running[@]}" 2>/dev/null || true' EXIT

# lane NAME PORT PORT SHARE CHECK...: a router of its own, and a share of the checks against it, one after the other.
lane() {
  local name=$1 main=$2 raw=$3 share=$4 router check
  shift 4
  WHARF__LISTENERS__MAIN__BIND=127.0.0.1:$main WHARF__LISTENERS__RAW__BIND=127.0.0.1:$raw
  "$wharf" serve --config config/checks/peers.toml >"$cache/$name.router.log" 2>&1 &
  router=$!
  trap 'kill $router 2>/dev/null || true' EXIT
  for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$main" 4<>"/dev/tcp/127.0.0.1/$raw") 2>/dev/null; then break; fi
    sleep 0.05
  done
  for check in "$@"; do
    "$venv/bin/python" tests/peers/"$check"_*.py $quick --share "$share" --url "ws://127.0.0.1:$main/ws" \
      --rawsocket "127.0.0.1:$raw" --metrics "http://127.0.0.1:$main/metrics" --pid "$router" "${arguments[@]}" 2>&1 || true
  done >"$cache/$name.log"
  if ! kill -0 "$router" 2>/dev/null; then echo "FAIL the router of $name ended; its log is $cache/$name.router.log" >>"$cache/$name.log"; fi
}

# begin NAME NUMBER SHARE CHECK...: those of the checks that were asked for, in a lane beside this script.
begin() {
  local name=$1 number=$2 share=$3 check asked=()
  shift 3
  for check in "$@"; do
    if [[ " $checks " == *" $check "* ]]; then asked+=("$check"); fi
  done
  if [ ${#asked[@]} -eq 0 ]; then return; fi
  lane "$name" "${ports[@]:2 * number:2}" "$share" "${asked[@]}" &
  lanes_running+=($!) logs+=("$cache/$name.log") runs=$((runs + ${#asked[@]}))
}

await_lanes() {
  wait "${lanes_running[@]}" || true
  lanes_running=()
}

arguments=("$@")
for ((number = 1; number <= lanes; number++)); do begin "ends$number" "$number" "$number/$lanes" u1 u4; done
if [ -z "$quick" ]; then await_lanes; fi
begin times 0 1/1 u2 u3
await_lanes
grep -hv '^peers: ' "${logs[@]}" || true
# The router's own end, and a check that broke off before its last line, are failures too. So is a run in which nothing ran.
awk -v runs="$runs" '
  /^peers: / { passed += $2; failed += $4; told++ }
  /^FAIL the router/ { failed++ }
  END {
    failed += runs - told
    printf "peers: %d passed, %d failed\n", passed, failed
    exit failed > 0 || passed == 0
  }' "${logs[@]}"
