#!/bin/sh
# ./dev alone prints every verb that it knows, and refuses the others.
. "$(dirname "$0")/lib.sh"

help=$(./dev) || complain "dev:1: fails without a verb"
for verb in demo test bench lint asan tsan fuzz soak; do
  printf '%s\n' "$help" | grep -qE "^ +$verb( |\$)" || complain "dev:1: does not print the verb '$verb'"
done
if ./dev no-such-verb >/dev/null 2>&1; then
  complain "dev:1: accepts a verb that does not exist"
fi
verdict
