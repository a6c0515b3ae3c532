#!/bin/sh
# 1,000 reloads of a router under load, or as many as the first argument says: no session is dropped and no call fails.
set -eu
cd "$(dirname "$0")/.."
WHARF_RELOADS="${1:-1000}" exec cargo test --test transports thousand_reloads -- --nocapture
