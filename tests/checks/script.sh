# shellcheck shell=sh
# Shared by the tests that are scripts: what is wrong is counted and printed, a tool that is missing ends the test.
# shellcheck disable=SC2034 # `failures` is also read by who includes this
failures=0

complain() {
  printf '%s\n' "$*"
  failures=$((failures + 1))
}

verdict() {
  [ "$failures" -eq 0 ] || exit 1
  exit 0
}

# need TOOL: skipped without it; in continuous integration nothing is skipped.
need() {
  command -v "$1" >/dev/null && return 0
  printf '%s\n' "$1 is not installed"
  [ "${CI:-}" = true ] && exit 1
  exit 77
}
