#!/bin/bash
# makeWrapper PROGRAM OUT --add-flags FLAGS…
set -eu
program=$1 out=$2 flags=
shift 2
[ -x "$program" ] || { echo "makeWrapper: $program is no executable" >&2; exit 1; }
while [ $# -gt 0 ]; do
  [ "$1" = --add-flags ]
  flags="$flags $2"
  shift 2
done
mkdir -p "$(dirname "$out")"
printf '#! /bin/bash -e\nexec "%s" %s "$@" \n' "$program" "$flags" > "$out"
chmod +x "$out"
