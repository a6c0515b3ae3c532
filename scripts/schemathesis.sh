#!/usr/bin/env bash
# The OpenAPI documents against an independent validator, and the endpoints against their description: no 5xx that is not declared,
# no undeclared status or media type, no body that does not fit.
#
#   scripts/schemathesis.sh [--wharf BINARY] [--examples N]
#
# Runs a router of its own on free loopback ports, with the health pages, the REST bridge and a realm for everybody. Installs
# openapi-spec-validator and schemathesis from PyPI, once per list of versions, below the target folder; on demand, some minutes.
# The last line is "openapi: ok", or "openapi: failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target} examples=50
wharf=$target/release/wharf
while [ $# -gt 0 ]; do
  case $1 in
    --wharf) wharf=${2:?--wharf needs a path}; shift ;;
    --examples) examples=${2:?--examples needs a number}; shift ;;
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

read -r main raw < <(python3 -c 'import socket
held = [socket.socket() for _ in range(2)]
for one in held: one.bind(("127.0.0.1", 0))
print(*[one.getsockname()[1] for one in held])')
WHARF__LISTENERS__MAIN__BIND=127.0.0.1:$main WHARF__LISTENERS__RAW__BIND=127.0.0.1:$raw \
  "$wharf" serve --config config/checks/conformance.toml >"$folder/router.log" 2>&1 &
router=$!
trap 'kill $router 2>/dev/null || true' EXIT
base=http://127.0.0.1:$main
for _ in $(seq 100); do
  if curl -fsS "$base/livez" >/dev/null 2>&1; then break; fi
  sleep 0.05
done

outcome=ok
for path in api/v1/openapi.json api/v1/realms/realm1/openapi.json; do
  curl -fsS "$base/$path" >"$folder/document.json"
  "$venv/bin/python" -m openapi_spec_validator "$folder/document.json" || outcome=failed
done
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
# A 503 of the health pages is declared; one of a call tells of the realm, and is declared as any other status.
(cd "$folder" && "$venv/bin/schemathesis" run "$base/api/v1/openapi.json" --checks "$checks" --max-examples "$examples" \
  --request-timeout 40 --phases examples,coverage,fuzzing --no-color) || outcome=failed
kill -0 $router || outcome=failed
echo "openapi: $outcome"
[ $outcome = ok ]
