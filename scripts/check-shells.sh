#!/usr/bin/env bash
# The completions in bash, zsh and fish, and the manual pages in man: all of them, where the tests take what is there. On demand.
#
#   scripts/check-shells.sh
#
# Installs what is missing by apt-get, where that can be used.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing=()
for shell in bash zsh fish; do
  command -v "$shell" >/dev/null || missing+=("$shell")
done
if [ ${#missing[@]} != 0 ]; then
  apt-get update -qq && apt-get install -y -qq "${missing[@]}"
fi
WHARF_ALL_SHELLS=1 cargo test --locked --test cli pages::
