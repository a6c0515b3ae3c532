#!/usr/bin/env bash
# The OpenAPI documents against an independent validator, and the endpoints against their description: no 5xx that is not declared,
# no undeclared status or media type, no body that does not fit.
#
#   scripts/schemathesis.sh [--wharf BINARY] [--examples N] [--quick]
#
#   --quick   the documents and a few cases of each endpoint: what scripts/test.sh runs
#
# Runs a router of its own on free loopback ports (config/checks/openapi.toml: every service, with callees, topics with history, a
# hook and mapped routes behind the paths). Each document is asked twice: with what there is (tests/openapi/schemathesis.toml), so
# that more is reached than 404, and with anything. Installs openapi-spec-validator and schemathesis from PyPI, once per list of
# versions, below the target folder. The last line is "openapi: N passed, N failed", over documents and runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target} examples=50 phases=examples,coverage,fuzzing
wharf=$target/release/wharf
while [ $# -gt 0 ]; do
  case $1 in
    --wharf) wharf=${2:?--wharf needs a path}; shift ;;
    --examples) examples=${2:?--examples needs a number}; shift ;;
    --quick) examples=5 phases=examples,fuzzing ;;
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "unknown argument: $1" >&2; exit 2 ;;
  esac
  shift
done
[ -x "$wharf" ] || cargo build --release --locked
mkdir -p "$target/schemathesis"
folder=$(cd "$target/schemathesis" && pwd)
venv=$folder/venv
if ! cmp -s tests/openapi/requirements.txt "$venv/complete"; then
  rm -rf "$venv"
  if ! { python3 -m venv "$venv" && "$venv/bin/python" -m pip install -q -r tests/openapi/requirements.txt; } >"$folder/pip.log" 2>&1; then
    echo "left out: openapi: pip could not install the validator (see $folder/pip.log)"
    exit 0
  fi
  cp tests/openapi/requirements.txt "$venv/complete"
fi

read -r main admin < <(python3 -c 'import socket
held = [socket.socket() for _ in range(2)]
for one in held: one.bind(("127.0.0.1", 0))
print(*[one.getsockname()[1] for one in held])')
rm -rf "$folder/data"
WHARF__LISTENERS__MAIN__BIND=127.0.0.1:$main WHARF__LISTENERS__ADMIN__BIND=127.0.0.1:$admin WHARF__NODE__DATA_DIR=$folder/data \
  "$wharf" serve --config config/checks/openapi.toml >"$folder/router.log" 2>&1 &
router=$!
started=("$router")
trap 'kill "${started[@]}" 2>/dev/null || true' EXIT
base=http://127.0.0.1:$main realm=/api/v1/realms/main
for _ in $(seq 100); do
  if curl -fsS "$base/livez" >/dev/null 2>&1; then break; fi
  sleep 0.05
done

# Callees: one that answers, one that gives back what it is given, one that fails.
register() {
  "$wharf" register --url "ws://127.0.0.1:$main/ws" --realm main "$@" >>"$folder/callees.log" 2>&1 &
  started+=("$!")
}
register com.shop.order.get --reply '{"args": [{"id": 7}], "kwargs": {}}'
register com.shop.echo --echo
register com.shop.fails --exec 'exit 3'
for _ in $(seq 100); do
  if [ "$(curl -fsS "$base$realm/openapi.json" | grep -o '/call/com.shop' | wc -l)" = 3 ]; then break; fi
  sleep 0.05
done

passed=0 failed=0
# check NAME COMMAND...: counts how it ends, and tells what it said if it failed.
check() {
  local name=$1 log=$folder/${1// /-}.log began=$SECONDS outcome=ok
  shift
  if (cd "$folder" && "$@") >"$log" 2>&1; then passed=$((passed + 1)); else failed=$((failed + 1)) outcome=FAIL; fi
  printf '%-5s %-32s %4d s\n' "$outcome" "$name" $((SECONDS - began))
  if [ $outcome = FAIL ]; then sed 's/^/    /' "$log" | tail -n 120; fi
}

document() { curl -fsS "$2" >"$folder/$1.json" && "$venv/bin/python" -m openapi_spec_validator "$folder/$1.json"; }

checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
known=$PWD/tests/openapi/schemathesis.toml
# ask CONFIGURATION DOCUMENT...: an event stream has no end to wait for; those are asked below.
ask() {
  local configuration=$1 url=$2
  shift 2
  "$venv/bin/schemathesis" --config-file "$configuration" run "$url" --checks "$checks" --max-examples "$examples" --phases "$phases" \
    --exclude-operation-id events --request-timeout 40 --generation-database none --no-color "$@"
}

# stream: its head, and the first line.
stream() {
  local said
  said=$(curl -sN -i --max-time 2 "$base$realm/events?topic=com.shop.order.placed" || true)
  grep -q '^HTTP/1.1 200' <<<"$said" && grep -qi '^content-type: text/event-stream' <<<"$said" && grep -q '^: connected' <<<"$said"
}

sed "/^\[parameters\]/,\$d" "$known" >"$folder/anything.toml"
check 'document of the listener' document listener "$base/api/v1/openapi.json"
check 'document of the realm' document realm "$base$realm/openapi.json"
check 'document of the administration' document admin "http://127.0.0.1:$admin/api/v1/openapi.json"
check 'event stream' stream
# An error of the callee that fails on purpose is 500 by the table of docs/HTTP.md.
check 'realm' ask "$known" "$base$realm/openapi.json" --exclude-operation-id com.shop.fails
check 'endpoints with what there is' ask "$known" "$base/api/v1/openapi.json" --auth erp:erp-secret
check 'endpoints with anything' ask "$folder/anything.toml" "$base/api/v1/openapi.json"
check 'administration' ask "$known" "http://127.0.0.1:$admin/api/v1/openapi.json" --auth erp:erp-secret --include-tag administration
check 'the router lives' kill -0 $router
echo "openapi: $passed passed, $failed failed"
[ $failed = 0 ]
