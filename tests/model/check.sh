#!/bin/sh
# Searches all states of the models (flight.pml, wait.pml, linger.pml, share.pml): check.sh WORK_DIRECTORY [mistakes]
# With `mistakes`, every mistake that can be built into a model must be found.
set -eu
models=$(cd "$(dirname "$0")" && pwd)
work=$1
mkdir -p "$work"
cd "$work"
optimize=-O1

fail() {
  printf '%s\n' "model: $*" >&2
  exit 1
}

# search MODEL NAME FLAGS: leaves what the search said in NAME.log.
search() {
  model=$models/$1.pml
  name=$2
  shift 2
  mkdir -p "$name"
  (
    cd "$name"
    spin "$@" -a "$model" >spin.log 2>&1 || { cat spin.log; fail "spin does not take the model"; }
    "${CC:-cc}" "$optimize" -w -DSAFETY -DCOLLAPSE -DMEMLIM=1024 -o pan pan.c
    ./pan -m100000 >../"$name".log 2>&1
  )
}

# sound MODEL NAME FLAGS: there is no error, and the search came to its end.
sound() {
  search "$@"
  shift
  grep -q 'errors: 0$' "$1.log" || { cat "$1.log"; fail "$1: an error was found; spin -t -p shows the way to it"; }
  if grep -qE 'Search not completed|max search depth too small|out of memory' "$1.log"; then
    fail "$1: the search did not come to its end"
  fi
  printf '%s: %s states, no error\n' "$1" "$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$1.log")"
}

# found MODEL NAME FLAGS: the mistake is found.
found() {
  search "$@"
  shift
  grep -q 'errors: 1$' "$1.log" || { cat "$1.log"; fail "$1: the mistake was not found"; }
  printf '%s: found: %s\n' "$1" "$(sed -n 's/^pan:1: //p' "$1.log")"
}

case ${2:-} in
  '')
    sound flight one_slot -DSLOTS=1
    sound flight one_slot_shutdown -DSLOTS=1 -DPOOL=1 -DSHUTDOWN
    sound flight two_slots -DPOOL=1
    sound flight two_slots_shutdown -DPOOL=1 -DSHUTDOWN
    sound wait one_place -DPLACES=1 -DHASTY=1
    sound wait two_places -DPLACES=2 -DCANCELLED=1
    sound wait cycle -DPLACES=1 -DCYCLE -DCANCELLED=1
    sound linger two_requests
    sound linger stream_of_requests -DSTREAM
    sound share three_executors -DFAULTS
    sound share latecomers -DLATE
    sound share cancelled -DCANCELS -DEXECUTORS=2
    sound share destroyed -DDESTROYS
    sound share destroyed_at_work -DDESTROYS -DPLAIN
    sound share one_is_left -DDESTROYS -DPLAIN -DEXECUTORS=2
    ;;
  mistakes)
    optimize=-O0  # They are found soon.
    found flight sleeps_through -DSLOTS=1 -DNO_NOTIFY
    found flight leaves_work -DSLOTS=1 -DNO_WAKE_ON_LEAVE
    found flight decides_unlocked -DSLOTS=1 -DCHECKS_BEFORE_LOCKING
    found flight runs_unclaimed -DPOOL=1 -DNO_CLAIM
    found flight drops_running -DPOOL=1 -DDROPS_RUNNING
    found flight forgets_unwritten -DSLOTS=1 -DFORGETS_UNWRITTEN
    found flight unpins_early -DPOOL=1 -DUNPINS_EARLY
    found flight completes_twice -DSLOTS=1 -DCOMPLETES_TWICE
    found flight shuts_down_at_once -DSLOTS=1 -DPOOL=1 -DSHUTDOWN -DNO_WAIT_AT_SHUTDOWN
    found wait keeps_its_place -DKEEPS_PLACE
    found wait hands_no_place_on -DNO_HAND_ON
    found wait resumes_without_a_place -DRESUMES_ANYHOW
    found wait resumes_at_the_first -DRESUMES_AT_FIRST
    found wait forgets_the_forgotten -DFORGETS_THE_FORGOTTEN
    found wait queues_beyond_its_end -DSTAYS_QUEUED -DHASTY=1
    found wait misses_a_cycle -DCYCLE -DNO_CHECK
    found linger goes_at_once -DGOES_AT_ONCE
    found linger goes_with_any_end -DENDS_WITH_ANY
    found linger ends_before_its_inputs -DENDS_BEFORE_ITS_INPUTS
    found linger counts_inputs_as_new -DCOUNTS_AS_NEW
    found linger waits_for_later_ones -DONE_PERIOD -DSTREAM
    found share looks_once -DNO_LOOK
    found share keeps_its_claim -DKEEPS_CLAIM
    found share runs_without_a_claim -DNO_TAKE_OVER -DFAULTS
    found share takes_over_from_anybody -DTAKES_FROM_ANY -DFAULTS
    found share waits_for_what_does_not_run -DASKS_ANYWAY
    found share declares_nothing -DNO_DECLARATION -DLATE
    found share leaves_its_work -DDISMISSED_AT_ONCE -DDESTROYS -DPLAIN
    found share forgets_who_is_gone -DFORGETS_WHO_IS_GONE -DDESTROYS -DPLAIN -DEXECUTORS=2
    ;;
  *) fail "what is '$2'?" ;;
esac
