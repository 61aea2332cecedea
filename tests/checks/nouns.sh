#!/bin/sh
# One noun, one header, one test: include/deriva/<layer>/<noun>.hpp has tests/unit/<layer>/<noun>_test.cpp, whose first
# include it is. Exceptions, with the reason: tests/checks/headers_without_test.txt.
. "$(dirname "$0")/lib.sh"
exceptions=tests/checks/headers_without_test.txt

for file in $(sources include/deriva); do
  header=${file#include/}
  case $header in
    deriva/*/detail/* | deriva/deriva.hpp) continue ;;
  esac
  [ -f "$exceptions" ] && grep -q "^$header " "$exceptions" && continue
  noun=${header#deriva/}
  test=tests/unit/${noun%.hpp}_test.cpp
  if [ ! -f "$test" ]; then
    complain "$file:1: has no $test"
  elif [ "$(grep -m 1 '^#include' "$test")" != "#include <$header>" ]; then
    complain "$test:1: its first include is not <$header>"
  fi
done
if [ -f "$exceptions" ]; then
  while read -r header _; do
    case $header in '#'* | '') continue ;; esac
    [ -f "include/$header" ] || complain "$exceptions: $header does not exist"
  done <"$exceptions"
fi
verdict
