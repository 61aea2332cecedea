#!/bin/sh
# usage: demo.sh PATH_TO_MERKLE
# A real directory becomes a Merkle tree of recipes, three times; each time git is asked for its opinion.
set -eu
merkle=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

count() { find "$1" -type f 2>/dev/null | wc -l; }

# A directory that the packages of the build bring along: the first with 10,000 files, or else the largest.
choose() {
  largest=0
  for candidate in /usr/include/boost /usr/include /usr/share/doc /usr/share /usr/lib; do
    files=$(count "$candidate")
    if [ "$files" -gt "$largest" ]; then
      largest=$files
      directory=$candidate
    fi
    [ "$files" -lt 10000 ] || break
  done
  [ "$largest" -gt 0 ] || { echo "demo: found no directory to work on" >&2; exit 1; }
}

# run DIRECTORY [OPTIONS]: runs merkle, and git, and compares.
run() {
  subject=$1
  "$merkle" "$@" --store "$work/store" >"$work/printed" || { echo "demo: merkle failed" >&2; exit 1; }
  sed 's/^/  /' "$work/printed"
  ours=$(sed -n 's/^root *//p' "$work/printed")
  theirs=$("$here/git_root.sh" "$subject")
  echo
  echo "  merkle           $ours"
  echo "  git write-tree   $theirs"
  if [ "$ours" != "$theirs" ]; then
    echo "demo: the ids differ" >&2
    exit 1
  fi
  echo "  the same"
  echo
}

# computed EXPECTED: the last run computed so many recipes.
computed() {
  actual=$(sed -n 's/^computed *//p' "$work/printed")
  [ "$actual" -eq "$1" ] || { echo "demo: $actual recipes were computed, not $1" >&2; exit 1; }
}

choose
echo "The directory: $directory, $largest files."
echo
echo "1. The first run: a leaf and a recipe for each file, a recipe for each directory; all are computed."
echo
run "$directory"

echo "2. The second run: nothing has changed, so nothing is computed."
echo
run "$directory"
computed 0

echo "3. A copy, in which one file is changed: the file and the directories above it are computed, nothing else."
echo
copy=$work/copy
cp -a --reflink=auto "$directory" "$copy"
file=$(cd "$copy" && find . -mindepth 4 -type f -name '*.h*' | LC_ALL=C sort | sed -n '$p')
[ -n "$file" ] || file=$(cd "$copy" && find . -type f | LC_ALL=C sort | sed -n '$p')
echo "// one more line" >>"$copy/$file"
echo "  changed: ${file#./}"
echo
run "$copy" --changes
computed "$(printf '%s' "$file" | tr -cd / | wc -c | awk '{ print $1 + 1 }')"

echo "Three runs, three times the id that git computes."
echo
echo "On a directory of yours, with a page about what ran, when, and why:"
echo "  $merkle DIRECTORY --store STORE --report report.html"
