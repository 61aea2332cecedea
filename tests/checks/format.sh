#!/bin/sh
# clang-format 14 would change nothing.
. "$(dirname "$0")/lib.sh"
need clang-format-14

files=$(sources include src tests examples benchmarks)
# shellcheck disable=SC2086 # no file name in this tree has spaces
[ -z "$files" ] || complain_lines "$(clang-format-14 --dry-run $files 2>&1 | grep 'warning:\|error:' || true)"
verdict
