#!/usr/bin/env bash
# The command line client against other routers: the same commands against Wharf, Crossbar.io and Nexus give what
# tests/routers/commands.golden says, and the same exit codes.
#
#   scripts/other-routers.sh [--wharf BINARY] [ROUTER...]
#
#   --wharf BINARY  this program instead of the release build of this folder
#   ROUTER          some of "wharf crossbar nexus"; all if not given
#
# Installs Crossbar from PyPI and builds Nexus from the Go module proxy, once per version, below the target folder; which may take
# seven and five minutes at most. What cannot be had is told in a line that begins with "left out". Starts the routers on free ports, and ends them.
# Ends with one line: "routers: N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

crossbar_version=26.10.1
target=${CARGO_TARGET_DIR:-target}
wharf=$target/release/wharf routers=()
while [ $# -gt 0 ]; do
  case $1 in
    --wharf) wharf=${2:?--wharf needs a path}; shift ;;
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    wharf | crossbar | nexus) routers+=("$1") ;;
    *) echo "unknown argument: $1" >&2; exit 2 ;;
  esac
  shift
done
if [ ${#routers[@]} = 0 ]; then routers=(wharf crossbar nexus); fi
mkdir -p "$target/crossbar" "$target/nexus"
target=$(cd "$target" && pwd)
[ -x "$wharf" ] || cargo build --release --locked --bin wharf

# The same environment as scripts/crossbar-bridge.sh has.
crossbar() {
  local venv=${CROSSBAR_VENV:-$target/crossbar/venv}
  if ! "$venv/bin/python" -c "import importlib.metadata as m, sys; sys.exit(m.version('crossbar') != '$crossbar_version')" 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv" >"$venv.log" 2>&1 || return 1
    timeout 420 "$venv/bin/python" -m pip install -q "crossbar==$crossbar_version" >>"$venv.log" 2>&1 || return 1
  fi
  echo "$venv/bin/crossbar"
}

nexus() {
  command -v go >/dev/null || return 1
  (cd tests/routers/nexus && timeout 300 go build -o "$target/nexus/nexus" .) >"$target/nexus/log" 2>&1 || return 1
  echo "$target/nexus/nexus"
}

export PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0
for router in "${routers[@]}"; do
  which=$router
  case $router in
    crossbar) which=crossbar=$(crossbar) || { echo "left out: the client against Crossbar: pip could not install it (see $target/crossbar/venv.log)"; continue; } ;;
    nexus) which=nexus=$(nexus) || { echo "left out: the client against Nexus: there is no go, or it could not build it (see $target/nexus/log)"; continue; } ;;
  esac
  told=$(timeout 600 python3 tests/routers/run.py --wharf "$wharf" --router "$which" 2>&1) || true
  last=$(tail -n 1 <<<"$told")
  if [[ $last =~ ^routers:\ ([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    sed '$d' <<<"$told"
    echo "$router: ${BASH_REMATCH[1]} of $((BASH_REMATCH[1] + BASH_REMATCH[2])) as they should be"
  else
    failed=$((failed + 1))
    echo "FAIL $router: the checks broke off:"
    echo "$told"
  fi
done
echo "routers: $passed passed, $failed failed"
[ "$failed" = 0 ]
