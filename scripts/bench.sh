#!/usr/bin/env bash
# What a call and an event cost: Wharf beside the nearest thing to the physical limit, and beside other routers if they are there.
#
#   scripts/bench.sh [--runs N] [--seconds S] [--crossbar BINARY] [--wampire BINARY] [--wharf BINARY]
#
# All candidates are measured in turn, N times (3), so that what else the machine does meets them alike; the table has the
# medians. The figure to compare is the server's processor time per call or event: rates on a shared machine say little.
# Builds the load generator of tools/wampload below the target folder. Servers listen on loopback, and are stopped by their ids.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1-} in -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;; esac

target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked --quiet
cargo build --release --locked --quiet --manifest-path tools/wampload/Cargo.toml --target-dir "$target/tools"
exec python3 scripts/bench.py --target "$target" "$@"
