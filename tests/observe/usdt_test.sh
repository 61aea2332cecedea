#!/bin/sh
# usage: usdt_test.sh USDT_SAMPLE SCRATCH_DIRECTORY DOCUMENTATION
# The commands for bpftrace in the documentation, on a program that runs: they see its functions and its commits.
set -eu
. "$(dirname "$0")/../checks/script.sh"
sample=$1
scratch=$2
documentation=$3

need readelf
rm -rf "$scratch"
mkdir -p "$scratch"
readelf -n "$sample" >"$scratch/notes.txt" 2>&1
# Every probe in the table of the documentation is in the program, and no other.
sed -n "s/^ *Name: //p" "$scratch/notes.txt" | sort -u >"$scratch/probes.txt"
# shellcheck disable=SC2016 # backticks of the documentation
sed -n '/^| probe/,/^$/s/^| `\([a-z_]*\)` |.*/\1/p' "$documentation" | sort -u >"$scratch/documented.txt"
if ! diff "$scratch/probes.txt" "$scratch/documented.txt" || [ ! -s "$scratch/probes.txt" ]; then
  complain "the probes of the program are not those of the documentation"
  verdict
fi

need bpftrace
bpftrace -e 'BEGIN { exit(); }' >"$scratch/allowed.txt" 2>&1 || {
  echo "skipped: the kernel lets nobody here trace: $(tail -n 1 "$scratch/allowed.txt")"
  exit 77
}
# watch N SED_SCRIPT: runs the N-th command of the documentation, changed by the script, on the program.
watch() {
  sed -n "s/^bpftrace -e '\(.*\)'\$/\1/p" "$documentation" | sed -n "$1p" | sed "s|\./my_host|$sample|; $2" >"$scratch/$1.bt"
  [ -s "$scratch/$1.bt" ] || complain "the documentation has no command $1"
  bpftrace "$scratch/$1.bt" -c "$sample $scratch/store$1" >"$scratch/$1.txt" 2>&1 ||
    complain "command $1 failed: $(cat "$scratch/$1.txt")"
}

watch 1 ''
grep -qF '@[resize/1]:' "$scratch/1.txt" || complain "resize/1 was not seen"
grep -qF '@[join/2]:' "$scratch/1.txt" || complain "join/2 was not seen"
calls=$(awk -F'|' 'NF > 1 { words = split($1, word, " "); n += word[words] } END { print n + 0 }' "$scratch/1.txt")
[ "$calls" -eq 20 ] || complain "$calls calls were seen, not 20: $(cat "$scratch/1.txt")"

watch 2 's/10000000/0/'
commits=$(grep -c '^[0-9]* operations, [0-9]* ms$' "$scratch/2.txt" || true)
[ "$commits" -ge 21 ] || complain "$commits commits were seen: $(cat "$scratch/2.txt")"
verdict
