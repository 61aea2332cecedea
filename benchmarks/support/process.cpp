#include "support/process.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/samples.hpp"

extern char** environ;  // NOLINT: POSIX wants it declared

namespace bench {
namespace {

void check(int error, const std::string& what) {
  if (error != 0) throw std::runtime_error(what + ": " + std::strerror(error));
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& string : strings) out.push_back(const_cast<char*>(string.c_str()));
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> merged_environment(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string ours = *entry;
    const std::string name = ours.substr(0, ours.find('=') + 1);
    bool replaced = false;
    for (const std::string& other : added) replaced = replaced || other.compare(0, name.size(), name) == 0;
    if (!replaced) all.push_back(ours);
  }
  return all;
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 1U << 16U> buffer{};
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count == 0) return text;
    if (count < 0 && errno != EINTR) check(errno, "read from a child");
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

struct Pipe {
  Pipe() { check(::pipe2(ends.data(), O_CLOEXEC) == 0 ? 0 : errno, "pipe"); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends[0]);
    close_writer();
  }
  void close_writer() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, Capture capture,
            int output) {
  posix_spawn_file_actions_t actions;
  check(::posix_spawn_file_actions_init(&actions), "posix_spawn");
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  if (capture == Capture::output_and_errors) ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, arguments.at(0).c_str(), &actions, nullptr, pointers(arguments).data(),
                                   pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  check(error, arguments.at(0));
  return child;
}

}  // namespace

Finished run_process(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                     Capture capture) {
  const std::vector<std::string> whole_environment = merged_environment(environment);
  Finished finished;
  Pipe pipe;
  int status = 0;
  finished.wall_ns = nanoseconds([&] {
    const pid_t child = spawn(arguments, whole_environment, capture, pipe.ends[1]);
    pipe.close_writer();
    finished.output = read_all(pipe.ends[0]);
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  });
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

Finished run_checked(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                     Capture capture) {
  Finished finished = run_process(arguments, environment, capture);
  if (finished.status == 0) return finished;
  std::string command;
  for (const std::string& argument : arguments) command += argument + " ";
  throw std::runtime_error(command + "failed with status " + std::to_string(finished.status) + "\n" + finished.output);
}

std::vector<double> run_child(const std::string& name, std::vector<std::string> arguments) {
  std::array<char, 4096> self{};
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  if (length < 0) check(errno, "/proc/self/exe");
  arguments.insert(arguments.begin(), {std::string(self.data(), static_cast<std::size_t>(length)), "--child", name});
  std::istringstream output(run_checked(arguments).output);
  std::vector<double> numbers;
  for (double number = 0; output >> number;) numbers.push_back(number);
  return numbers;
}

}  // namespace bench
