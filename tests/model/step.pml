/* A step of flight.pml: one piece of work, and leaving when there is none. */

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
