# shellcheck shell=sh
# Shared by the checks. Each is called with the root of the source tree, prints what is wrong as "file:line: what", and
# exits with 1 if it printed anything, 77 if it cannot run here.
set -eu
. "$(dirname "$0")/script.sh"
root=$1
cd "$root"

# complain_lines TEXT: one complaint per line of the text.
complain_lines() {
  [ -z "$1" ] || complain "$1"
}

# sources DIRECTORY...: the C++ files below those directories that exist.
sources() {
  for directory in "$@"; do
    [ ! -d "$directory" ] || find "$directory" -type f \( -name '*.hpp' -o -name '*.cpp' \)
  done | sort
}
