#!/usr/bin/env bash
# Event streams in a real browser: an EventSource in a headless Chromium receives events across restarts of the router, on a page of
# the router's own and on one of another origin, by itself and by one-time tickets; a WebSocket by a ticket; WAMP over server-sent
# events.
#
#   scripts/browser.sh [--wharf BINARY]
#
#   --wharf BINARY  this router instead of the release build of this folder
#
# Needs Node. Installs playwright-core from npm once per lock file, below the target folder; the browser is the system's
# (`chromium`), and comes by apt-get where that can be used. What cannot be installed is told in a line that begins with
# "left out". The last line is "browser: N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wharf=
while [ $# -gt 0 ]; do
  case $1 in
    --wharf) wharf=${2:?--wharf needs a path}; shift ;;
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "unknown argument: $1" >&2; exit 2 ;;
  esac
  shift
done

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/browser"
cache=$(cd "$target/browser" && pwd)

have() { command -v "$1" >/dev/null 2>&1; }
leave_out() { echo "left out: browser: $1"; exit 0; }

have node && have npm || leave_out 'there is no node or no npm'
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ] && have apt-get && [ "$(id -u)" = 0 ]; then
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >"$cache/apt.log" 2>&1 || true
  browser=$(command -v chromium || true)
fi
[ -n "$browser" ] || leave_out 'there is no chromium, and it could not be installed'

key=$( (cat tests/browser/package-lock.json tests/browser/.npmrc; node --version) | sha256sum | cut -c1-16)
folder=$cache/node-$key made=$cache/node.$$
if [ ! -d "$folder/node_modules" ]; then
  rm -rf "$made" && mkdir "$made"
  cp tests/browser/package.json tests/browser/package-lock.json tests/browser/.npmrc "$made"
  if ! (cd "$made" && npm ci) >"$cache/npm.log" 2>&1; then
    rm -rf "$made"
    leave_out "npm could not install playwright-core (see $cache/npm.log)"
  fi
  rm -rf "$folder" && mv "$made" "$folder"
fi
# A module is looked for beside the script that imports it.
rm -rf "$folder/run.mjs" "$folder/page"
cp -R tests/browser/run.mjs tests/browser/page "$folder"

if [ -z "$wharf" ]; then
  cargo build --release --locked --bin wharf
  wharf=$target/release/wharf
fi
wharf=$(cd "$(dirname "$wharf")" && pwd)/$(basename "$wharf")
exec timeout 600 node "$folder/run.mjs" "$wharf" "$browser"
