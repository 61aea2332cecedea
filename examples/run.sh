#!/bin/sh
# usage: run.sh PROGRAM SOURCE SCRATCH_DIRECTORY
# Runs an example twice on a new store. It must succeed, and print the lines after "// Prints:" at the end of its source,
# the second time those after "// Prints, the second time:" if there are any. The first run is traced.
set -eu
program=$1
source=$2
scratch=$3

rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"

expected() { # HEADING: the comment below it, up to the next line that is not a comment
  awk -v heading="// $1" '
    on && !/^\/\/   / { exit }
    on { print substr($0, 6) }
    $0 == heading { on = 1 }
  ' "$source"
}

expected 'Prints:' >expected.txt
[ -s expected.txt ] || { echo "$source says nowhere what it prints"; exit 1; }
DERIVA_TRACE=trace.json "$program" >printed.txt
diff -u expected.txt printed.txt
grep -q '"cat":"compute"' trace.json || { echo "DERIVA_TRACE shows no function"; exit 1; }
[ "$(tail -c 3 trace.json)" = ']}' ] || { echo "DERIVA_TRACE is not complete"; exit 1; }

expected 'Prints, the second time:' >expected-again.txt
[ -s expected-again.txt ] || cp expected.txt expected-again.txt
"$program" >printed.txt
diff -u expected-again.txt printed.txt
