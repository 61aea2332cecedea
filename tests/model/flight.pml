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
 * SLOTS: threads that may step. POOL: threads of the I/O executor. SHUTDOWN: the executor is destroyed at any moment.
 * FAULTS: functions that may fail.
 * The other names in #ifdef are mistakes that the search has to find. */

#include "engine.pml"
#include "step.pml"

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
