#!/bin/sh
# No file is over 400 lines.
. "$(dirname "$0")/lib.sh"

for file in $(sources include src tests examples benchmarks); do
  lines=$(wc -l <"$file")
  [ "$lines" -le 400 ] || complain "$file:$lines: over 400 lines"
done
verdict
