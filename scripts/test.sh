#!/usr/bin/env bash
# Every test, in two lanes side by side: one compiles and computes, the other builds the release and waits for sockets.
#
#   scripts/test.sh [--fast]
#
#   --fast   the part of the client matrix that --quick names, and no documentation; both are told as left out
#
# Needs Rust, Python 3, Node and Chromium. Installs the client libraries from the package registries, once per lock file, below
# the target folder; what the system lacks comes by apt-get where that can be used. A step that cannot run is told in a line
# that begins with "left out" and listed again at the end. The last line is "N passed, N failed", over all tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fast=
case ${1-} in
  '') ;;
  --fast) fast=1 ;;
  -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  *) echo "unknown argument: $1" >&2; exit 2 ;;
esac

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target} CARGO_TERM_COLOR=never
mkdir -p "$CARGO_TARGET_DIR"
CARGO_TARGET_DIR=$(cd "$CARGO_TARGET_DIR" && pwd)
work=$(mktemp -d)
: >"$work/results" >"$work/left-out"

have() { command -v "$1" >/dev/null 2>&1; }

left_out() {
  echo "left out: $*"
  echo "$*" >>"$work/left-out"
}

# step NAME COMMAND...: runs it, tells outcome and time, and the end of its output if it failed.
step() {
  local name=$1 began=$SECONDS code=0 log
  shift
  log=$work/${name// /-}.log
  # Not as a condition: bash would then ignore a failure in the middle of a function.
  set +e
  (set -e; "$@") >"$log" 2>&1
  code=$?
  set -e
  local seconds=$((SECONDS - began)) outcome=ok
  [ $code = 0 ] || outcome=FAIL
  # One line at a time, so that the two lanes do not mix.
  printf '%-5s %-32s %4d s\n' "$outcome" "$name" $seconds
  if [ $code != 0 ]; then sed "s/^/    /" "$log" | tail -n 120; fi
  grep '^left out: ' "$log" | sed 's/^left out: //' >>"$work/left-out" || true
  count "$name" "$code" "$log" >>"$work/results"
  return 0
}

# The tests inside a step where it tells them, else the step itself: "PASSED FAILED NAME".
count() {
  local passed failed told
  read -r passed failed told < <(awk '
    /^test result: / { told = 1; for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1) } }
    /^[a-z]+: [0-9]+ passed, [0-9]+ failed$/ { told = 1; p += $2; f += $4 }
    END { print p + 0, f + 0, told + 0 }' "$3")
  if [ "$2" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
  # A step that tells of no tests is one test; one that left all of them out is none.
  if [ "$2" = 0 ] && [ "$told" = 0 ]; then passed=1; fi
  echo "$passed $failed $1"
}

format() {
  cargo fmt --check -- --color never
  local manifest
  for manifest in tools/*/Cargo.toml; do
    if [ -e "$manifest" ]; then cargo fmt --check --manifest-path "$manifest" -- --color never; fi
  done
}

lints() { cargo clippy --locked --all-targets -- -D warnings; }

documentation() { RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps; }

tests() { cargo test --locked --no-fail-fast; }

tools() {
  local manifest
  for manifest in tools/*/Cargo.toml; do
    cargo clippy --locked --all-targets --manifest-path "$manifest" -- -D warnings
    cargo test --locked --manifest-path "$manifest"
  done
}

# Both of the same lock: what is resolved is what is built.
release() { cargo build --release --locked; }

dependencies() { python3 scripts/check-dependencies.py; }

clients() { scripts/interop.sh ${fast:+--quick} --wharf "$CARGO_TARGET_DIR/release/wharf"; }

browser() { scripts/browser.sh --wharf "$CARGO_TARGET_DIR/release/wharf"; }

install_missing() {
  local packages=()
  have python3 || packages+=(python3)
  python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
  have node || packages+=(nodejs)
  have npm || packages+=(npm)
  [ ${#packages[@]} = 0 ] && return 0
  if have apt-get && [ "$(id -u)" = 0 ]; then
    # A refusal is no failure: the steps that need them say themselves that they are left out.
    { apt-get update -qq && apt-get install -y -qq "${packages[@]}"; } || true
  fi
}

computing() {
  step format format
  step clippy lints
  step 'cargo test' tests
  if compgen -G 'tools/*/Cargo.toml' >/dev/null; then step tools tools; fi
  if [ -n "$fast" ]; then left_out 'documentation: --fast'; else step documentation documentation; fi
}

waiting() {
  install_missing >"$work/install.log" 2>&1
  if have cargo-deny; then
    step 'cargo deny' cargo deny --locked check
  else
    left_out 'cargo deny: it is not installed (advisories are not looked up; licences, sources and bans are)'
  fi
  if have python3; then step dependencies dependencies; else left_out 'dependencies: there is no python3'; fi
  step 'release build' release
  if grep -q ' 1 release build$' "$work/results"; then
    left_out 'clients, other routers, crossbar bridge, webhooks, browser, conformance, frozen peers: there is no release build'
    return 0
  fi
  if ! have python3; then
    left_out 'other routers: there is no python3'
  elif [ -n "$fast" ]; then
    left_out "other routers: Crossbar and Nexus, and Crossbar's HTTP bridge: --fast"
    step 'other routers' scripts/other-routers.sh wharf
  else
    step 'other routers' scripts/other-routers.sh
    step 'crossbar bridge' scripts/crossbar-bridge.sh "$CARGO_TARGET_DIR/release/wharf"
  fi
  if [ -n "$fast" ]; then left_out 'clients: autobahn-js, Twisted, MessagePack and batches: --fast'; fi
  step clients clients
  step webhooks scripts/check-webhooks.sh --wharf "$CARGO_TARGET_DIR/release/wharf"
  step browser browser
  if [ -x scripts/conformance.sh ]; then
    step conformance scripts/conformance.sh
  else
    left_out 'conformance: there is no scripts/conformance.sh'
  fi
  if have python3 && have curl; then
    step openapi scripts/schemathesis.sh --quick --wharf "$CARGO_TARGET_DIR/release/wharf"
  else
    left_out 'openapi: there is no python3 or no curl'
  fi
  if have python3; then
    step 'frozen peers' scripts/peers.sh --quick
  else
    left_out 'frozen peers: there is no python3'
  fi
}

computing & lanes=($!)
waiting & lanes+=($!)
trap 'kill "${lanes[@]}" 2>/dev/null || true' INT TERM
broken=0
for lane in "${lanes[@]}"; do wait "$lane" || broken=1; done
grep -h '^test result: ' "$work"/*.log || true
if [ -e "$work/clients.log" ] && ! grep -q '^FAIL' "$work/clients.log"; then echo && cat "$work/clients.log"; fi

echo
if [ -s "$work/left-out" ]; then
  echo 'Left out:'
  sort -u "$work/left-out" | sed 's/^/  /'
fi
read -r passed failed < <(awk '{ p += $1; f += $2 } END { print p + 0, f + 0 }' "$work/results")
if [ $broken = 1 ]; then
  echo "A lane broke off; its steps' output is in $work"
  failed=$((failed + 1))
elif [ "$failed" = 0 ]; then
  rm -rf "$work"
else
  echo "The steps' output is in $work"
fi
echo "$SECONDS s in all"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
