#!/bin/sh
# Searches all states of the model (flight.pml): check.sh WORK_DIRECTORY [mistakes]
# With `mistakes`, every mistake that can be built into the model must be found.
set -eu
model=$(cd "$(dirname "$0")" && pwd)/flight.pml
work=$1
mkdir -p "$work"
cd "$work"
optimize=-O1

fail() {
  printf '%s\n' "model: $*" >&2
  exit 1
}

# search NAME FLAGS: leaves what the search said in NAME.log.
search() {
  name=$1
  shift
  mkdir -p "$name"
  (
    cd "$name"
    spin "$@" -a "$model" >spin.log 2>&1 || { cat spin.log; fail "spin does not take the model"; }
    "${CC:-cc}" "$optimize" -w -DSAFETY -DCOLLAPSE -DMEMLIM=1024 -o pan pan.c
    ./pan -m100000 >../"$name".log 2>&1
  )
}

# sound NAME FLAGS: there is no error, and the search came to its end.
sound() {
  search "$@"
  grep -q 'errors: 0$' "$1.log" || { cat "$1.log"; fail "$1: an error was found; spin -t -p shows the way to it"; }
  if grep -qE 'Search not completed|max search depth too small|out of memory' "$1.log"; then
    fail "$1: the search did not come to its end"
  fi
  printf '%s: %s states, no error\n' "$1" "$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$1.log")"
}

# found NAME FLAGS: the mistake is found.
found() {
  search "$@"
  grep -q 'errors: 1$' "$1.log" || { cat "$1.log"; fail "$1: the mistake was not found"; }
  printf '%s: found: %s\n' "$1" "$(sed -n 's/^pan:1: //p' "$1.log")"
}

case ${2:-} in
  '')
    sound one_slot -DSLOTS=1
    sound one_slot_shutdown -DSLOTS=1 -DPOOL=1 -DSHUTDOWN
    sound two_slots -DPOOL=1
    sound two_slots_shutdown -DPOOL=1 -DSHUTDOWN
    ;;
  mistakes)
    optimize=-O0  # They are found soon.
    found sleeps_through -DSLOTS=1 -DNO_NOTIFY
    found leaves_work -DSLOTS=1 -DNO_WAKE_ON_LEAVE
    found decides_unlocked -DSLOTS=1 -DCHECKS_BEFORE_LOCKING
    found runs_unclaimed -DPOOL=1 -DNO_CLAIM
    found drops_running -DPOOL=1 -DDROPS_RUNNING
    found forgets_unwritten -DSLOTS=1 -DFORGETS_UNWRITTEN
    found unpins_early -DPOOL=1 -DUNPINS_EARLY
    found completes_twice -DSLOTS=1 -DCOMPLETES_TWICE
    found shuts_down_at_once -DSLOTS=1 -DPOOL=1 -DSHUTDOWN -DNO_WAIT_AT_SHUTDOWN
    ;;
  *) fail "what is '$2'?" ;;
esac
