#!/bin/sh
# usage: quick_start.sh PROGRAM SESSION SCRATCH_DIRECTORY
# Runs the program twice in an empty directory; the session is what the README says a terminal then shows.
set -eu
program=$1
session=$2
scratch=$3

rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"
for _ in first second; do
  printf '$ ./my_host\n'
  "$program"
done >session.txt
diff -u "$session" session.txt
