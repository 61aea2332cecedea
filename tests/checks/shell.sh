#!/bin/sh
# The scripts are POSIX sh, and shellcheck finds nothing.
. "$(dirname "$0")/lib.sh"
need shellcheck

scripts=$(
  for script in dev .ci/run; do [ ! -f "$script" ] || printf '%s\n' "$script"; done
  for directory in tests examples benchmarks; do
    [ ! -d "$directory" ] || grep -rlE '^(#!/bin/sh|# shellcheck shell=sh)' "$directory" || true
  done
)
for script in $scripts; do
  sh -n "$script" || complain "$script:1: is not POSIX sh"
  shellcheck --shell=sh --format=gcc --exclude=SC1091 "$script" || complain "$script:1: see above"
done
verdict
