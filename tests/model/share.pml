/* Executors of one store and one recipe (docs/concurrency.md, Several executors of one store; flight_table.hpp,
 * engine_sharing.cpp): whoever claims it computes it, the others ask that one. An atomic block is what is done under
 * one mutex: of the table, or of one executor. Never of two executors: what lies between two blocks happens without.
 *
 * Each executor has a request, which explores, claims, and computes or waits. CANCELS: any of the requests may be
 * given up. FAULTS: functions may fail. DESTROYS: the first executor may be destroyed. LATE: the first one was alone
 * when it began. PLAIN: functions cannot be asked to stop.
 *
 * Checked: no function runs beside another one that was not asked to stop; one run is enough if nothing fails or is
 * given up; every request ends; then nobody has claimed or asked for anything, and no function runs that nobody
 * wants.
 *
 * The other names in #ifdef are mistakes that the search has to find. */

#ifndef EXECUTORS
#define EXECUTORS 3
#endif
#define NOBODY 9

/* Of an executor's node: */
#define NONE 0
#define BEGUN 1     /* taken to be run, or waiting for another executor: who asks for it waits, too */
#define CALLED 2    /* its function runs */
#define HAS 3       /* its value is there, and not written */
#define GONE 4

/* What became of what was asked for: */
#define VALUE 1
#define ERROR 2
#define SENT_AWAY 3

byte owner = NOBODY;  /* the table */
bit shared;
byte dismissed; /* executors that are gone */
bit stored;
byte running;  /* functions that were not asked to stop */
byte runs;
byte node[EXECUTORS];
bit open[EXECUTORS];
bit forgotten[EXECUTORS];
bit stopping[EXECUTORS];
bit closed[EXECUTORS];
byte asks[EXECUTORS] = NOBODY;
byte landed[EXECUTORS];

hidden byte at;

#ifdef PLAIN
#define can_stop(e) (node[e] == BEGUN && asks[e] != NOBODY)
#else
#define can_stop(e) (node[e] == BEGUN || node[e] == CALLED)
#endif
#define in_flight(e) (node[e] >= BEGUN && node[e] <= HAS && !forgotten[e])

/* Under the mutex of `e`: who waits there is told. */
inline tell(e, what) {
  open[e] = 0;
  at = 0;
  do
  :: at < EXECUTORS ->
    if
    :: asks[at] == e ->
      asks[at] = NOBODY;
      landed[at] = what
    :: else -> skip
    fi;
    at++
  :: else -> break
  od
}

inline end_claim(e) {
  if
  :: owner == e -> owner = NOBODY
  :: else -> skip
  fi
}

/* Under the mutex of `e`: if nobody waits for its node any more, it is forgotten, and its function asked to stop. */
inline give_up_unwanted(e) {
  at = 0;
  do
  :: at < EXECUTORS && asks[at] != e -> at++
  :: else -> break
  od;
  if
  :: at == EXECUTORS && !open[e] && can_stop(e) && !forgotten[e] ->
    forgotten[e] = 1;
    if
    :: node[e] == CALLED -> running--
    :: else -> skip
    fi;
    end_claim(e)
  :: else -> skip
  fi
}

/* What `e` asked another one for; then that one may be given up in turn, which is its own affair. */
inline leave_elsewhere(e, other) {
  atomic {
    other = asks[e];
    asks[e] = NOBODY;
    if
    :: other != NOBODY -> give_up_unwanted(other)
    :: else -> skip
    fi
  }
  if
  :: other != NOBODY && forgotten[other] && asks[other] != NOBODY ->
    atomic {
      byte next = asks[other];
      if
      :: next != NOBODY ->
        asks[other] = NOBODY;
        give_up_unwanted(next)
      :: else -> skip
      fi
    }
  :: else -> skip
  fi
}

proctype Executor(byte e) {
  byte other;
  byte gone_before;
  bit is_known;
  gone_before = dismissed;
  /* Explored: what is written from here on is not seen. */
  atomic {
    if
    :: !open[e] -> goto over
    :: open[e] && stored ->
      open[e] = 0;
      goto over
    :: else -> node[e] = BEGUN
    fi
  }
  is_known = 0;
claim:
  atomic {
    if
#ifdef FORGETS_WHO_IS_GONE
    :: !shared -> goto call
#else
    :: !shared && dismissed == gone_before -> goto call
    :: !shared && dismissed != gone_before -> goto look
#endif
    :: shared && (owner == NOBODY || owner == e) -> owner = e
    :: else ->
      other = owner;
      goto ask
    fi
  }
look:
#ifndef NO_LOOK
  is_known = stored;
#endif
  if
  :: is_known ->
    atomic {
      if
      :: !forgotten[e] -> tell(e, VALUE)
      :: else -> skip
      fi;
      node[e] = GONE;
      goto gone
    }
  :: else -> skip
  fi;
call:
  atomic {
    if
    :: forgotten[e] -> goto gone
    :: else -> skip
    fi;
    assert(running == 0);
    running++;
    runs++;
    node[e] = CALLED
  }
  atomic { /* It returns. */
    if
    :: forgotten[e] -> goto gone
    :: else -> skip
    fi;
    running--;
    node[e] = BEGUN;
    if
    :: true -> skip
#ifdef FAULTS
    :: true ->
      tell(e, ERROR);
      node[e] = GONE;
      goto gone
#endif
    fi
  }
has:
  atomic {
    if
    :: forgotten[e] -> goto gone /* while another one computed it */
    :: else ->
      tell(e, VALUE);
      node[e] = HAS
    fi
  }
  stored = 1;
gone:
  atomic {
#ifndef KEEPS_CLAIM
    end_claim(e);
#endif
    node[e] = GONE;
    goto over
  }

ask:
  atomic {
#ifdef ASKS_ANYWAY
    if
    :: true ->
#else
    if
    :: stopping[e] ->
      node[e] = GONE;
      goto over
    :: in_flight(other) && !closed[other] && !stopping[e] ->
#endif
      landed[e] = 0;
      if
      :: node[other] == HAS -> landed[e] = VALUE
      :: else -> asks[e] = other
      fi
    :: else -> goto take_over
    fi
  }
  if
  :: forgotten[e] -> leave_elsewhere(e, other)
  :: else -> skip
  fi;
  if
  :: landed[e] == VALUE -> goto has
  :: landed[e] == ERROR ->
    atomic {
      if
      :: !forgotten[e] -> tell(e, ERROR)
      :: else -> skip
      fi;
      node[e] = GONE;
      goto over
    }
  :: landed[e] == SENT_AWAY -> goto claim
  :: asks[e] == NOBODY && forgotten[e] && landed[e] == 0 ->
    node[e] = GONE;
    goto over
  fi;
take_over:
  atomic { /* From that one alone: it may be another one's by now. */
    if
#ifdef TAKES_FROM_ANY
    :: true ->
#else
    :: owner == other || owner == NOBODY || owner == e ->
#endif
#ifndef NO_TAKE_OVER
      owner = e;
#endif
      goto look
    :: else ->
      other = owner;
      goto ask
    fi
  }
over:
  skip
}

#ifdef CANCELS
proctype Host(byte e) {
  byte other;
  atomic {
    if
    :: open[e] ->
      open[e] = 0;
      give_up_unwanted(e)
    :: else -> goto over
    fi
  }
  if
  :: forgotten[e] -> leave_elsewhere(e, other)
  :: else -> skip
  fi;
over:
  skip
}
#endif

#ifdef DESTROYS
proctype Shutdown(byte e) {
  byte other;
  atomic {
    stopping[e] = 1;
    open[e] = 0;
    if
    :: can_stop(e) && !forgotten[e] ->
      forgotten[e] = 1;
      if
      :: node[e] == CALLED -> running--
      :: else -> skip
      fi
    :: else -> skip
    fi
  }
  leave_elsewhere(e, other);
#ifdef DISMISSED_AT_ONCE
  atomic { end_claim(e) }
#endif
#ifdef PLAIN
  node[e] == NONE || node[e] == GONE || forgotten[e]; /* It runs to its end, and its value is written. */
#endif
  atomic {
    closed[e] = 1;
    tell(e, SENT_AWAY)
  }
  atomic {
    end_claim(e);
    dismissed++;
    if
    :: EXECUTORS - dismissed == 1 ->
      shared = 0;
      owner = NOBODY
    :: else -> skip
    fi
  }
}
#endif

init {
  byte e;
#ifdef LATE
  open[0] = 1;
  run Executor(0);
  shared = 1;
#ifndef NO_DECLARATION
  atomic {
    if
    :: in_flight(0) -> owner = 0
    :: else -> skip
    fi
  }
#endif
#else
  shared = 1;
  open[0] = 1;
  run Executor(0);
#endif
  atomic {
    e = 1;
    do
    :: e < EXECUTORS ->
      open[e] = 1;
      run Executor(e);
      e++
    :: else -> break
    od
  }
#ifdef CANCELS
  atomic {
    e = 0;
    do
    :: e < EXECUTORS ->
      run Host(e);
      e++
    :: else -> break
    od
  }
#endif
#ifdef DESTROYS
  run Shutdown(0);
#endif
  _nr_pr == 1;
  assert(running == 0 && owner == NOBODY);
  e = 0;
  do
  :: e < EXECUTORS ->
    assert(!open[e] && asks[e] == NOBODY && (node[e] == NONE || node[e] == GONE));
    e++
  :: else -> break
  od;
#ifndef CANCELS
#ifndef FAULTS
#ifdef PLAIN
  assert(runs <= 1)
#endif
#ifndef DESTROYS
  assert(runs == 1)
#endif
#endif
#endif
}
