/* The engine of docs/concurrency.md as a model: flights, slots, helping callers, drains, the writer, cancellation and
 * shutdown, under one mutex. An atomic block is what a thread does in one go while it holds the mutex; what lies
 * between two of them happens without it. check.sh searches all interleavings.
 *
 * Three nodes: 2 needs 0 and 1. Three requests: a thread that blocks for 2 and helps; a request for 2 that wants to be
 * durable and may be cancelled; and one for 0 that may be cancelled.
 *
 * Checked: no two runs of a function at the same time and none after a successful one; every request is completed
 * exactly once; nobody sleeps while there is work and nobody else to do it (the search finds a process that cannot
 * end, or `Quiet` finds something undone); nothing touches the store after shutdown.
 *
 * SLOTS: threads that may step. POOL: threads of the I/O executor. SHUTDOWN: the executor is destroyed at any moment. FAULTS: functions that may fail.
 * The other names in #ifdef are mistakes that the search has to find. */

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

/* One piece of work. `did` tells whether there was one. k is a variable of the process that calls. */
inline begin_write() {
  writing = 1;
  busy++;
  k = 0;
  do
  :: k < 3 ->
    writing_it[k] = unwritten[k];
    unwritten[k] = 0;
#ifdef UNPINS_EARLY
    if
    :: writing_it[k] && !wanted(k) -> state[k] = GONE
    :: else -> skip
    fi;
#endif
    if
    :: request[k] == ENDING -> request[k] = ENDING_WRITTEN
    :: else -> skip
    fi;
    k++
  :: else -> break
  od;
  kind = 1
}

inline end_write() {
  busy--;
  writing = 0;
  k = 0;
  do
  :: k < 3 ->
    writing_it[k] = 0;
    if
    :: request[k] == ENDING_WRITTEN -> complete(k)
    :: else -> skip
    fi;
    k++
  :: else -> break
  od;
  if
  :: blocked > 0 -> notify_all()
  :: else -> skip
  fi;
  sweep()
}

inline put_all() {
  assert(!destroyed);
  stored[0] = stored[0] || writing_it[0];
  stored[1] = stored[1] || writing_it[1];
  stored[2] = stored[2] || writing_it[2]
}

inline choose(which) {
  if
  :: state[0] == which -> k = 0
  :: state[1] == which -> k = 1
  :: state[2] == which -> k = 2
  fi
}

inline end_expand() {
  busy--;
  if
  :: !wanted(k) -> state[k] = GONE
  :: wanted(k) && found -> publish(k)
  :: wanted(k) && !found && k != 2 -> state[k] = READY
  :: wanted(k) && !found && k == 2 ->
    state[2] = WAITING;
    if
    :: state[0] == GONE -> state[0] = UNEXPANDED
    :: else -> skip
    fi;
    if
    :: state[1] == GONE -> state[1] = UNEXPANDED
    :: else -> skip
    fi;
    if
    :: state[0] == AVAILABLE && state[1] == AVAILABLE -> state[2] = READY
    :: else -> skip
    fi
  fi;
  sweep()
}

inline end_run() {
  busy--;
  inside[k] = 0;
  if
  :: true ->
    succeeded[k] = 1;
#ifndef FORGETS_UNWRITTEN
    unwritten[k] = 1;
#endif
    publish(k)
  :: faults > 0 ->
    faults--;
    fail(k)
  fi;
  sweep()
}

inline step(enough) {
  atomic {
    found = 0;
    if
    :: enough -> kind = 0
    :: !(enough) && any_ending && any_unwritten && !writing -> begin_write()
    :: else ->
      if
      :: any_unexpanded ->
        choose(UNEXPANDED);
        state[k] = EXPANDING;
        busy++;
        wake(ready_count);
        kind = 2
      :: else ->
        if
        :: any_ready && !lagging ->
          choose(READY);
#ifndef NO_CLAIM
          state[k] = RUNNING;
#endif
          assert(!inside[k]);
          assert(!succeeded[k]);
          inside[k] = 1;
          busy++;
          if /* short functions wake nobody */
          :: true -> wake(ready_count)
          :: true -> wake(0)
          fi;
          kind = 3
        :: else ->
          if
          :: any_unwritten && !writing -> begin_write()
          :: else -> kind = 0
          fi
        fi
      fi
    fi
  }
  if
  :: kind == 0
  :: kind == 1 ->
    atomic { put_all() }
    atomic { end_write() }
  :: kind == 2 ->
    atomic { assert(!destroyed); found = stored[k] }
    atomic { end_expand() }
  :: kind == 3 ->
    atomic {
      assert(!destroyed);
      end_run()
    }
  fi
}

inline leave() {
  atomic {
    taken--;
    if
    :: stopping -> notify_all()
    :: else ->
#ifndef NO_WAKE_ON_LEAVE
      wake(ready_count)
#else
      skip
#endif
    fi
  }
}

/* A thread of the I/O executor: runs the drains that were posted. */
active [POOL] proctype Pool() {
  byte k, kind;
  bit found;
end:
  atomic {
    posted > 0;
    posted--;
    if
    :: stopping || taken >= SLOTS -> goto end
    :: else -> taken++
    fi
  }
  do
  :: true ->
    step(stopping);
    if
    :: kind == 0 -> break
    :: kind != 0 -> break /* its time is over */
    :: kind != 0
    fi
  od;
  leave();
  goto end
}

/* A thread that blocks in materialize. */
active proctype Helper() {
  byte k, kind;
  bit found;
  start(0);
#ifdef CHECKS_BEFORE_LOCKING
  bit busy_elsewhere;
#endif
again:
#ifdef CHECKS_BEFORE_LOCKING
  busy_elsewhere = request[0] != COMPLETED && !(taken < SLOTS && has_work && !stopping);
  if
  :: busy_elsewhere ->
    atomic { blocked++; asleep[0] = 1 }
    goto sleep
  :: else -> skip
  fi;
#endif
  atomic {
    if
    :: request[0] == COMPLETED -> goto done
    :: else ->
      if
      :: taken < SLOTS && has_work && !stopping -> taken++
      :: else ->
        blocked++;
        asleep[0] = 1;
        goto sleep
      fi
    fi
  }
  do
  :: true ->
    step(request[0] == COMPLETED || stopping);
    if
    :: kind == 0 -> break
    :: else -> skip
    fi
  od;
  leave();
  goto again;
sleep:
  atomic {
    !asleep[0];
    blocked--
  }
  goto again;
done:
  skip
}

/* A request that does not block. */
active proctype Durable() {
  start(1);
  if
  :: cancel(1)
  :: skip
  fi;
  request[1] == COMPLETED
}

active proctype Other() {
  start(2);
  if
  :: cancel(2)
  :: skip
  fi;
  request[2] == COMPLETED
}

#ifdef SHUTDOWN
active proctype Shutdown() {
  byte k;
  atomic {
    stopping = 1;
    k = 0;
    do
    :: k < 3 ->
      if
      :: request[k] == OPEN -> complete(k)
      :: else -> skip
      fi;
      k++
    :: else -> break
    od;
    notify_all()
  }
#ifndef NO_WAIT_AT_SHUTDOWN
again:
  atomic {
    if
    :: taken == 0 -> goto last
    :: else ->
      blocked++;
      asleep[1] = 1
    fi
  }
  atomic {
    !asleep[1];
    blocked--
  }
  goto again;
last:
#endif
  atomic {
    byte kind;
    begin_write();
    put_all();
    end_write();
    destroyed = 1
  }
}
#else
/* When nobody can do anything any more, everything is done. */
active proctype Quiet() {
  timeout;
  assert(taken == 0 && busy == 0 && posted == 0 && blocked == 0);
  assert(!any_unwritten && !writing);
  assert(state[0] == GONE && state[1] == GONE && state[2] == GONE);
  assert(request[0] == COMPLETED && request[1] == COMPLETED && request[2] == COMPLETED)
}
#endif
