#pragma once

#include <cerrno>
#include <exception>
#include <iostream>

#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"

namespace deriva::test {

/// Runs `work`, which returns an exit code, in a process of its own; what it throws is printed, and the code is 1. To
/// be called before this process opens anything: a fork of an open environment cannot use it.
template <class Work>
pid_t start(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 1;
    try {
      code = work();
    } catch (const std::exception& thrown) {
      std::cerr << "process " << ::getpid() << " threw: " << thrown.what() << '\n';
    } catch (...) {
    }
    ::_exit(code);
  }
  REQUIRE(child > 0);
  return child;
}

/// Waits for the process. Returns its exit code; -1 if it was killed, or is none.
inline int code_of(pid_t child) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(child, &status, 0);
  } while (ended < 0 && errno == EINTR);
  return ended == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace deriva::test
