#!/bin/sh
# deriva.hpp includes every public header, except implementation
# details and the integrations, which are named after the root.
. "$(dirname "$0")/lib.sh"
shift

for file in $(sources include/deriva); do
  header=${file#include/}
  included=no
  grep -qxF "#include <$header>" include/deriva/deriva.hpp && included=yes
  optional=no
  for integration in "$@"; do
    [ "$header" = "$integration" ] && optional=yes
  done
  case $header:$included:$optional in
    deriva/deriva.hpp:* | deriva/*/detail/*:no:* | *:yes:no | *:no:yes) ;;
    *:no:no) complain "include/deriva/deriva.hpp:1: does not include <$header>" ;;
    *) complain "include/deriva/deriva.hpp:1: includes the integration <$header>" ;;
  esac
done
verdict
