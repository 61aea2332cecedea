/* The state of flight.pml, and what happens under the mutex when a request begins or ends, or a function does. */

#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef POOL
#define POOL 2
#endif
#ifndef FAULTS
#define FAULTS 1
#endif

#define GONE 0
#define UNEXPANDED 1
#define EXPANDING 2
#define WAITING 3
#define READY 4
#define RUNNING 5
#define AVAILABLE 6

#define NEW 0
#define OPEN 1
#define ENDING 2         /* its value is there, and waits for the batch that is being collected */
#define ENDING_WRITTEN 3 /* the same, for the batch that is being written */
#define COMPLETED 4

byte state[3];
bit inside[3];    /* a thread is in the function */
bit succeeded[3]; /* it returned a value once */
bit stored[3];
bit unwritten[3];
bit writing_it[3];

byte request[3];
bit asleep[2]; /* the helping caller, and shutdown: on the condition variable */

bit writing, stopping, destroyed;
byte taken, busy, posted, blocked;
byte faults = FAULTS;

#define target(r) (2 - 2 * (r / 2))
#define durable(r) (r == 1)
#define targeted(k) \
  ((request[0] == OPEN && target(0) == k) || (request[1] == OPEN && target(1) == k) || \
   (request[2] == OPEN && target(2) == k))
#define needed_above(k) (k != 2 && state[2] >= WAITING && state[2] <= RUNNING)
#define wanted(k) (targeted(k) || needed_above(k))
#define pinned(k) (unwritten[k] || writing_it[k])

#define any_unwritten (unwritten[0] || unwritten[1] || unwritten[2])
#define any_ending (request[0] == ENDING || request[1] == ENDING || request[2] == ENDING)
#define any_unexpanded (state[0] == UNEXPANDED || state[1] == UNEXPANDED || state[2] == UNEXPANDED)
#define any_ready (state[0] == READY || state[1] == READY || state[2] == READY)
#define lagging (writing && any_unwritten)
#define to_write (any_unwritten && !writing && (any_ending || busy == 0))
#define has_work (any_unexpanded || to_write || (any_ready && !lagging))
#define ready_count ((state[0] == READY) + (state[1] == READY) + (state[2] == READY))
#define backlog(ready) ((lagging -> 0 : ready) + any_unexpanded + to_write)
#define fewer(a, b) ((a) < (b) -> (a) : (b))

/* Blocks that are only used inside of atomic ones. */

inline notify_all() {
#ifndef NO_NOTIFY
  asleep[0] = 0;
  asleep[1] = 0
#else
  skip
#endif
}

inline wake(ready) {
  if
  :: !stopping ->
    do
    :: taken + posted < fewer(SLOTS, busy + backlog(ready)) -> posted++
    :: else -> break
    od;
    if
    :: blocked > 0 && backlog(ready) > 0 && taken < SLOTS -> notify_all()
    :: else -> skip
    fi
  :: else -> skip
  fi
}

inline complete(r) {
  assert(request[r] != COMPLETED && request[r] != NEW);
  request[r] = COMPLETED;
  if
  :: r == 0 -> notify_all()
  :: else -> skip
  fi
}

/* The value of a request's target is there. */
inline finish(r) {
  if
  :: durable(r) && unwritten[target(r)] -> request[r] = ENDING
  :: durable(r) && writing_it[target(r)] -> request[r] = ENDING_WRITTEN
  :: else -> complete(r)
  fi
}

inline forget(k) {
  if
  :: !wanted(k) && !pinned(k) && state[k] != RUNNING && state[k] != EXPANDING -> state[k] = GONE
#ifdef DROPS_RUNNING
  :: !wanted(k) && state[k] == RUNNING -> state[k] = GONE
#endif
  :: else -> skip
  fi
}

/* Drops what nobody is interested in any more: from above to below. */
inline sweep() {
  forget(2);
  forget(0);
  forget(1)
}

/* A node has its value: tells those that wait for it. */
inline publish(k) {
  state[k] = AVAILABLE;
  if
  :: k != 2 && state[2] == WAITING && state[0] == AVAILABLE && state[1] == AVAILABLE -> state[2] = READY
  :: else -> skip
  fi;
  if
  :: request[0] == OPEN && target(0) == k -> finish(0)
  :: else -> skip
  fi;
  if
  :: request[1] == OPEN && target(1) == k -> finish(1)
  :: else -> skip
  fi;
  if
  :: request[2] == OPEN && target(2) == k -> finish(2)
  :: else -> skip
  fi
}

/* A function failed: so does every request that needs its value. */
inline fail(k) {
  state[k] = GONE;
  if
  :: k != 2 && state[2] == WAITING -> state[2] = GONE
  :: else -> skip
  fi;
  if
  :: request[0] == OPEN && state[2] == GONE -> complete(0)
  :: else -> skip
  fi;
  if
  :: request[1] == OPEN && state[2] == GONE -> complete(1)
  :: else -> skip
  fi;
  if
  :: request[2] == OPEN && state[0] == GONE -> complete(2)
  :: else -> skip
  fi
}

inline start(r) {
  atomic {
    request[r] = OPEN;
    if
    :: stopping || stored[target(r)] -> complete(r)
    :: else ->
      if
      :: state[target(r)] == AVAILABLE -> finish(r)
      :: state[target(r)] == GONE -> state[target(r)] = UNEXPANDED
      :: else -> skip
      fi;
      wake(ready_count)
    fi
  }
}

inline cancel(r) {
  atomic {
#ifdef COMPLETES_TWICE
    complete(r);
    sweep()
#else
    if
    :: request[r] == OPEN ->
      complete(r);
      sweep()
    :: else -> skip
    fi
#endif
  }
}
