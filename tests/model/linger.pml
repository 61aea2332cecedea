/* What is done and given up lingers until all is explored that was being explored by then (docs/concurrency.md, The
 * plan; grace_periods.hpp): who comes upon it later in the same request finds it. Under one mutex, as flight.pml.
 *
 * Six keys: 4 needs 1 and 3, 3 needs 2, and 1, 2 and 5 need 0. Two requests, for 4 and for 5, and two threads each of
 * which explores or runs, in any order: 0 may have been computed, used and given up before 2 or 5 are explored. Nothing is
 * stored. With STREAM other requests begin all the time, each before the one before is explored.
 *
 * Checked: what a request brought in runs once at most, and is found by whatever of it is explored later; in the end
 * nothing is left; what is given up goes although there is always something that is being explored.
 *
 * The other names in #ifdef are mistakes that the search has to find. */

#define GONE 0
#define UNEXPANDED 1
#define EXPANDING 2
#define WAITING 3
#define READY 4
#define RUNNING 5
#define AVAILABLE 6

#define NOWHERE 2

byte state[6];
byte owner[6];         /* the request that brought it in */
byte kept[6] = NOWHERE; /* in which period it was given up */
byte ran[2];           /* by request, a bit for each key */
byte since[6];         /* requests of the stream that were explored since it was given up, and nothing else was */
bit open[2];
byte period[2];
byte current;
byte under_way[2];

#define needs(k, input) \
  ((k == 4 && (input == 1 || input == 3)) || (k == 3 && input == 2) || ((k == 1 || k == 2 || k == 5) && input == 0))
#define uses(k) (state[k] >= WAITING && state[k] <= RUNNING)
#define wanted(k) \
  ((k == 0 && (uses(1) || uses(2) || uses(5))) || ((k == 1 || k == 3) && uses(4)) || (k == 2 && uses(3)) || \
   (k == 4 && open[0]) || (k == 5 && open[1]))
#define any_kept \
  (kept[0] != NOWHERE || kept[1] != NOWHERE || kept[2] != NOWHERE || kept[3] != NOWHERE || kept[4] != NOWHERE || \
   kept[5] != NOWHERE)
#define any_unexpanded \
  (state[0] == UNEXPANDED || state[1] == UNEXPANDED || state[2] == UNEXPANDED || state[3] == UNEXPANDED || \
   state[4] == UNEXPANDED || state[5] == UNEXPANDED)
#define any_ready \
  (state[0] == READY || state[1] == READY || state[2] == READY || state[3] == READY || state[4] == READY || \
   state[5] == READY)
#define is_ready(k) \
  (k == 0 || (k == 3 && state[2] == AVAILABLE) || (k == 4 && state[1] == AVAILABLE && state[3] == AVAILABLE) || \
   ((k == 1 || k == 2 || k == 5) && state[0] == AVAILABLE))

/* Blocks that are only used inside of atomic ones; they have variables of their own. */
hidden byte at, below, turns;

/* It is done, and nobody wants it. */
inline give_up(k) {
  if
  :: kept[k] != NOWHERE -> skip
#ifndef GOES_AT_ONCE
  :: kept[k] == NOWHERE && under_way[0] + under_way[1] > 0 ->
    kept[k] = current;
    since[k] = 0
#endif
  :: else -> state[k] = GONE
  fi
}

inline begin(p) { under_way[p]++ }

/* Something is explored: what need not be kept any longer goes. */
inline end(p) {
  under_way[p]--;
  turns = 0;
  do
#ifdef ONE_PERIOD
  :: turns < 1 && under_way[0] + under_way[1] == 0 && any_kept ->
#else
#ifdef ENDS_WITH_ANY
  :: turns < 2 && any_kept ->
#else
  :: turns < 2 && under_way[1 - current] == 0 && any_kept ->
#endif
#endif
    at = 0;
    do
    :: at < 6 ->
      if
#ifdef ONE_PERIOD
      :: kept[at] != NOWHERE ->
#else
      :: kept[at] == 1 - current ->
#endif
        kept[at] = NOWHERE;
        if
        :: !wanted(at) -> state[at] = GONE
        :: else -> skip
        fi
      :: else -> skip
      fi;
      at++
    :: else -> break
    od;
#ifndef ONE_PERIOD
    current = 1 - current;
#endif
    turns++
  :: else -> break
  od
}

inline intern(k, r) {
  if
  :: state[k] == GONE ->
    state[k] = UNEXPANDED;
    owner[k] = r;
#ifdef COUNTS_AS_NEW
    explored_in[k] = current;
    begin(current)
#else
    explored_in[k] = period[r];
    begin(period[r])
#endif
  :: else -> skip
  fi
}
byte explored_in[6];

/* Its inputs come into the plan, and it need not be looked at any more. */
inline end_expand(k) {
#ifdef ENDS_BEFORE_ITS_INPUTS
  end(explored_in[k]);
#endif
  state[k] = WAITING;
  below = 0;
  do
  :: below < 4 ->
    if
    :: needs(k, below) -> intern(below, owner[k])
    :: else -> skip
    fi;
    below++
  :: else -> break
  od;
  if
  :: is_ready(k) -> state[k] = READY
  :: else -> skip
  fi;
#ifndef ENDS_BEFORE_ITS_INPUTS
  end(explored_in[k])
#endif
}

inline begin_run(k) {
  state[k] = RUNNING;
  assert(!(ran[owner[k]] & (1 << k)));
  ran[owner[k]] = ran[owner[k]] | (1 << k)
}

inline end_run(k) {
  state[k] = AVAILABLE;
  below = 0;
  do
  :: below < 6 ->
    if
    :: state[below] == WAITING && is_ready(below) -> state[below] = READY
    :: else -> skip
    fi;
    below++
  :: else -> break
  od;
  if
  :: k >= 4 -> open[k - 4] = 0
  :: else -> skip
  fi;
  below = 0;
  do
  :: below < 6 ->
    if
    :: (below == k || needs(k, below)) && !wanted(below) -> give_up(below)
    :: else -> skip
    fi;
    below++
  :: else -> break
  od
}

inline choose(which) {
  if
  :: state[0] == which -> k = 0
  :: state[1] == which -> k = 1
  :: state[2] == which -> k = 2
  :: state[3] == which -> k = 3
  :: state[4] == which -> k = 4
  :: state[5] == which -> k = 5
  fi
}

active [2] proctype Thread() {
  byte k;
idle:
end_idle:
  if
  :: atomic { any_unexpanded -> choose(UNEXPANDED); state[k] = EXPANDING }
    atomic { end_expand(k) }
  :: atomic { any_ready -> choose(READY); begin_run(k) }
    atomic { end_run(k) }
  fi;
  goto idle
}

active [2] proctype Request() {
  atomic {
    period[_pid - 2] = current;
    open[_pid - 2] = 1;
    intern((_pid + 2), (_pid - 2));
    if
    :: state[_pid + 2] == AVAILABLE -> open[_pid - 2] = 0
    :: else -> skip
    fi
  }
  !open[_pid - 2]
}

#ifdef STREAM
#define all_explored \
  (!any_unexpanded && state[0] != EXPANDING && state[1] != EXPANDING && state[2] != EXPANDING && \
   state[3] != EXPANDING && state[4] != EXPANDING && state[5] != EXPANDING)

/* Others that want nothing of this, one after the other, and there is always one that is being explored. */
active proctype Stream() {
  byte mine, next, i;
  atomic {
    mine = current;
    begin(mine)
  }
  do
  :: i < 4 ->
    atomic {
      next = current;
      begin(next)
    }
    atomic {
      end(mine);
      mine = next;
      i++;
      at = 0;
      do
      :: at < 6 && kept[at] != NOWHERE && all_explored ->
        since[at]++;
        assert(since[at] < 4);
        at++
      :: at < 6 && !(kept[at] != NOWHERE && all_explored) -> at++
      :: at >= 6 -> break
      od
    }
  :: else -> break
  od;
  atomic { end(mine) }
}
#endif

/* When nobody can do anything any more, everything is done, and nothing lingers. */
active proctype Quiet() {
  timeout;
  assert(!open[0] && !open[1] && under_way[0] + under_way[1] == 0 && !any_kept);
  assert(state[0] == GONE && state[1] == GONE && state[2] == GONE && state[3] == GONE && state[4] == GONE);
  assert(state[5] == GONE)
}
