#!/usr/bin/env bash
# Writes nix/hashes.json anew: the hashes of the packages that package-lock.json names, for each platform.
# Needs npm, nix-hash and a network.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The hash of node_modules as nix/package.nix has npm make it.
modules() {
  mkdir "$work/$1"
  cp package.json package-lock.json .npmrc "$work/$1/"
  cd "$work/$1"
  npm ci --ignore-scripts --no-audit --no-fund --os=linux --cpu="$1" --libc=glibc >&2
  rm -f node_modules/.package-lock.json
  local hash
  hash=$(nix-hash --type sha256 node_modules)
  node -p "'sha256-' + Buffer.from('$hash', 'hex').toString('base64')"
}

x64=$(modules x64)
arm64=$(modules arm64)
lock=$(sha256sum package-lock.json | cut -d' ' -f1)
printf '{\n  "lock": "%s",\n  "x86_64-linux": "%s",\n  "aarch64-linux": "%s"\n}\n' "$lock" "$x64" "$arm64" > nix/hashes.json
