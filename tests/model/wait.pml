/* Functions that wait for other values (docs/concurrency.md: what a coroutine function does in Context::materialize):
 * they give their place back, and go on when they have one again. Under one mutex: an atomic block is what a thread
 * does in one go while it holds it. check.sh searches all interleavings.
 *
 * Three keys, each with a coroutine function that takes one of PLACES places: 0 asks for 2; 1 asks for 2 and for 0 at
 * the same time; 2 asks for nothing, or for 0 (CYCLE). Two requests, for 0 and for 1, of which the first CANCELLED may
 * be cancelled. HASTY functions may end without waiting for what they asked for. What nobody wants any more is asked to
 * stop and forgotten: it goes on, without a place if there is none, while a newcomer starts a flight of its own.
 *
 * Checked: no more places are taken than there are; who goes on has a place, or was forgotten; two functions of one key
 * never run at the same time, unless one was forgotten; every request ends, every function goes on, and nothing is left
 * (the search finds a process that cannot end, or `Quiet` something undone).
 *
 * The other names in #ifdef are mistakes that the search has to find. */

#ifndef PLACES
#define PLACES 1
#endif
#ifndef HASTY
#define HASTY 0
#endif
#ifndef CANCELLED
#define CANCELLED 2
#endif
#define NODES 6
#define NONE 255

#define GONE 0
#define READY 1
#define RUNNING 2
#define AVAILABLE 3

byte state[NODES], key[NODES];
byte current[3] = NONE; /* the node of a key, for who comes now */
bit has_place[NODES], queued[NODES], waits_for_place[NODES], forgotten[NODES];
byte pending[NODES];          /* waits that are not over */
byte held[NODES], told[NODES]; /* of those that are: not passed on yet, and passed on */
byte wait_for[12] = NONE;     /* by 2 * node and which of its two waits: the node */
bit unchecked[12];            /* whether it may have closed a cycle */
bit left[12];                 /* its function ended without it */

bit open[2];     /* requests */
byte target[2];
bit answered[2];
byte taken;
byte hasty = HASTY; /* functions that may yet end without what they asked for */

/* What a function of a key asks for. */
#ifdef CYCLE
#define asks(k) (k == 1 -> 2 : 1)
#define asked_for(k, which) (k == 2 || which == 1 -> 0 : 2)
#else
#define asks(k) (k == 2 -> 0 : (k == 1 -> 2 : 1))
#define asked_for(k, which) (which == 1 -> 0 : 2)
#endif

#define targeted(n) ((open[0] && target[0] == n) || (open[1] && target[1] == n))
#define waited_for(n) \
  (wait_for[0] == n || wait_for[1] == n || wait_for[2] == n || wait_for[3] == n || wait_for[4] == n || \
   wait_for[5] == n || wait_for[6] == n || wait_for[7] == n || wait_for[8] == n || wait_for[9] == n || \
   wait_for[10] == n || wait_for[11] == n)
#define wanted(n) (targeted(n) || waited_for(n))
#define to_begin(n) (state[n] == READY && !queued[n])
#define any_to_begin (to_begin(0) || to_begin(1) || to_begin(2) || to_begin(3) || to_begin(4) || to_begin(5))
#define any_unchecked \
  (unchecked[0] || unchecked[1] || unchecked[2] || unchecked[3] || unchecked[4] || unchecked[5] || unchecked[6] || \
   unchecked[7] || unchecked[8] || unchecked[9] || unchecked[10] || unchecked[11])

/* Blocks that are only used inside of atomic ones; they have variables of their own. */
hidden byte at, node, wait, turn, reach[NODES];

inline take_place(n) { has_place[n] = 1; taken++; assert(taken <= PLACES) }

inline pass_on(n) { told[n] = told[n] + held[n]; held[n] = 0 }

/* A place is free: who has begun comes first. */
inline hand_on() {
#ifndef NO_HAND_ON
  at = 0;
  do
  :: at < NODES && taken < PLACES && queued[at] && state[at] == RUNNING ->
    queued[at] = 0;
    waits_for_place[at] = 0;
    if
    :: pending[at] == 0 -> take_place(at)
    :: else -> skip /* it has asked for something else meanwhile */
    fi;
    pass_on(at);
    at++
  :: at < NODES && !(taken < PLACES && queued[at] && state[at] == RUNNING) -> at++
  :: at >= NODES -> break
  od;
  at = 0;
  do
  :: at < NODES ->
    if
    :: taken < PLACES && queued[at] ->
      assert(state[at] == READY);
      queued[at] = 0 /* to be begun */
    :: else -> skip
    fi;
    at++
  :: else -> break
  od
#else
  skip
#endif
}

inline give_back(n) {
  if
  :: has_place[n] ->
    has_place[n] = 0;
    taken--;
    hand_on()
  :: else -> skip
  fi
}

/* One of the waits of a function is over. */
inline end_wait(w) {
  node = w / 2;
  wait_for[w] = NONE;
  unchecked[w] = 0;
  if
  :: left[w] -> left[w] = 0
  :: else ->
    pending[node]--;
    held[node]++;
    if
#ifdef RESUMES_AT_FIRST
    :: !has_place[node] && !forgotten[node] && !waits_for_place[node] ->
#else
    :: pending[node] == 0 && !forgotten[node] && !waits_for_place[node] && !has_place[node] ->
#endif
#ifdef RESUMES_ANYHOW
      skip
#else
      if
      :: taken < PLACES -> take_place(node)
      :: else ->
        waits_for_place[node] = 1;
        queued[node] = 1
      fi
#endif
    :: else -> skip
    fi;
    if
#ifdef FORGETS_THE_FORGOTTEN
    :: !waits_for_place[node] && !forgotten[node] -> pass_on(node)
#else
    :: !waits_for_place[node] -> pass_on(node)
#endif
    :: else -> skip
    fi
  fi
}

/* Drops what nobody wants any more, and what only that wanted. */
inline sweep() {
  turn = 0;
  do
  :: turn < 2 * NODES ->
    wait = turn % NODES;
    if
    :: state[wait] == READY && !wanted(wait) ->
      state[wait] = GONE;
      queued[wait] = 0;
      current[key[wait]] = NONE;
      turn = 0
    :: state[wait] == AVAILABLE && !wanted(wait) ->
      state[wait] = GONE;
      current[key[wait]] = NONE;
      turn = 0
    :: state[wait] == RUNNING && !wanted(wait) && !forgotten[wait] ->
      forgotten[wait] = 1;
      current[key[wait]] = NONE;
      if
      :: wait_for[2 * wait] != NONE -> end_wait((2 * wait))
      :: else -> skip
      fi;
      if
      :: wait_for[2 * wait + 1] != NONE -> end_wait((2 * wait + 1))
      :: else -> skip
      fi;
      turn = 0
    :: else -> turn++
    fi
  :: else -> break
  od
}

/* The node of a key, for who wants it from now on. Leaves it in `node`. */
inline intern(k) {
  if
  :: current[k] != NONE -> node = current[k]
  :: else ->
    node = 0;
    do
    :: node < NODES && (state[node] != GONE || wait_for[2 * node] != NONE || wait_for[2 * node + 1] != NONE) -> node++
    :: else -> break
    od;
    assert(node < NODES);
    current[k] = node;
    key[node] = k;
    state[node] = READY;
    forgotten[node] = 0;
    told[node] = 0
  fi
}

/* A function asks for a value. If it was forgotten meanwhile, it is told so at once. */
inline ask(n, which, k) {
  if
  :: forgotten[n] -> told[n]++
  :: else ->
    intern(k);
    if
    :: state[node] == AVAILABLE -> told[n]++
    :: else ->
      wait_for[2 * n + which] = node;
      unchecked[2 * n + which] = 1;
      pending[n]++;
#ifndef KEEPS_PLACE
      give_back(n)
#endif
    fi
  fi
}

/* A function returns: its value is there for who wants it. */
inline end_function(n) {
  at = 2 * n;
  do
  :: at < 2 * n + 2 ->
    if
    :: wait_for[at] != NONE -> left[at] = 1; unchecked[at] = 0
    :: else -> skip
    fi;
    at++
  :: else -> break
  od;
  pending[n] = 0;
  held[n] = 0;
#ifndef STAYS_QUEUED
  queued[n] = 0;
#endif
  waits_for_place[n] = 0;
  give_back(n);
  if
  :: forgotten[n] -> state[n] = GONE
  :: else ->
    state[n] = AVAILABLE;
    tell(0, n);
    tell(1, n);
    turn = 0;
    do
    :: turn < 2 * NODES ->
      if
      :: wait_for[turn] == n -> end_wait(turn)
      :: else -> skip
      fi;
      turn++
    :: else -> break
    od
  fi;
  sweep()
}

inline tell(r, n) {
  if
  :: open[r] && target[r] == n -> open[r] = 0; answered[r] = 1
  :: else -> skip
  fi
}

/* Ends a wait for what depends on who waits. */
inline check_wait(w) {
  unchecked[w] = 0;
  reach[0] = 0; reach[1] = 0; reach[2] = 0; reach[3] = 0; reach[4] = 0; reach[5] = 0;
  reach[wait_for[w]] = 1;
  turn = 0;
  do
  :: turn < NODES * 2 * NODES ->
    at = turn % (2 * NODES);
    if
    :: wait_for[at] != NONE && !left[at] && reach[at / 2] -> reach[wait_for[at]] = 1
    :: else -> skip
    fi;
    turn++
  :: else -> break
  od;
  if
  :: reach[w / 2] ->
    end_wait(w);
    sweep()
  :: else -> skip
  fi
}

proctype Function(byte n) {
  byte asked, k;
  bit waits;
  asked = 0;
  do
  :: asked < asks(key[n]) ->
    atomic {
      k = asked_for(key[n], asked);
      ask(n, asked, k);
      asked++
    }
  :: else -> break
  od;
  if
  :: waits = 1
  :: atomic { asked > 0 && hasty > 0 -> hasty--; waits = 0 } /* it ends without what it asked for */
  fi;
  atomic {
    !waits || told[n] == asked;
    assert(!waits || has_place[n] || forgotten[n]);
    end_function(n)
  }
}

/* Begins what is ready, and looks for cycles. */
active proctype Worker() {
  byte n;
end:
  do
  :: atomic {
      any_to_begin ->
      n = 0;
      do
      :: !to_begin(n) -> n++
      :: else -> break
      od;
      if
      :: taken < PLACES ->
        take_place(n);
        at = 0;
        do
        :: at < NODES ->
          assert(at == n || state[at] != RUNNING || key[at] != key[n] || forgotten[at]);
          at++
        :: else -> break
        od;
        state[n] = RUNNING;
        run Function(n)
      :: else -> queued[n] = 1
      fi
    }
#ifndef NO_CHECK
  :: atomic {
      any_unchecked ->
      n = 0;
      do
      :: !unchecked[n] -> n++
      :: else -> break
      od;
      check_wait(n)
    }
#endif
  od
}

active [2] proctype Request() {
  atomic {
    intern(_pid - 1);
    target[_pid - 1] = node;
    if
    :: state[node] == AVAILABLE -> answered[_pid - 1] = 1
    :: else -> open[_pid - 1] = 1
    fi
  }
  if
  :: atomic {
      _pid <= CANCELLED && open[_pid - 1] ->
      open[_pid - 1] = 0;
      answered[_pid - 1] = 1;
      sweep()
    }
  :: skip
  fi;
  answered[_pid - 1]
}

/* When nobody can do anything any more, everything is done. */
active proctype Quiet() {
  timeout;
  assert(taken == 0 && answered[0] && answered[1]);
  byte n = 0;
  do
  :: n < NODES ->
    assert(state[n] == GONE && !queued[n] && pending[n] == 0 && held[n] == 0);
    n++
  :: else -> break
  od
}
