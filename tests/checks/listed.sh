#!/bin/sh
# Every source and every unit test is named in its CMakeLists.txt, and there is nothing else: what is not named is
# silently not built.
. "$(dirname "$0")/lib.sh"

listed() { # LISTFILE PATH
  grep -qE "(^|[[:space:](])$(printf '%s' "$2" | sed 's/[.+]/\\&/g')([[:space:])]|\$)" "$1"
}

for file in $(sources src); do
  case $file in
    *.cpp) listed src/CMakeLists.txt "${file#src/}" || complain "$file:1: not in src/CMakeLists.txt" ;;
  esac
done
for file in $(sources tests/unit); do
  inside=${file#tests/unit/}
  case $file in
    *.cpp) listed tests/unit/CMakeLists.txt "${inside#*/}" || complain "$file:1: not in tests/unit/CMakeLists.txt" ;;
  esac
done
for list in src/CMakeLists.txt tests/unit/CMakeLists.txt; do
  directory=$(dirname "$list")
  # shellcheck disable=SC2013 # one word per line
  for name in $(grep -oE '[a-z0-9_/]+\.cpp' "$list"); do
    [ -f "$directory/$name" ] || [ -n "$(find "$directory" -mindepth 2 -path "*/$name")" ] ||
      complain "$list:1: names $name, which does not exist"
  done
done
verdict
