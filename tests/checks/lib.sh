# shellcheck shell=sh
# Shared by the checks. Each is called with the root of the source tree, prints what is wrong as "file:line: what", and
# exits with 1 if it printed anything, 77 if it cannot run here.
set -eu
root=$1
cd "$root"
failures=0

complain() {
  printf '%s\n' "$*"
  failures=$((failures + 1))
}

# complain_lines TEXT: one complaint per line of the text.
complain_lines() {
  [ -z "$1" ] || complain "$1"
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

# sources DIRECTORY...: the C++ files below those directories that exist.
sources() {
  for directory in "$@"; do
    [ ! -d "$directory" ] || find "$directory" -type f \( -name '*.hpp' -o -name '*.cpp' \)
  done | sort
}
