// ferry-cell ENGINE PLUGIN MEMORY: one model in isolation. libferry starts it; it is of no use by hand.
//
// The plugin is loaded with all rights, because it is ours. Before the first byte of the bundle is seen they are given up.
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "engine_library.hpp"
#include "ferry/ferry.hpp"
#include "float_mode.hpp"
#include "isolation/cell_process.hpp"
#include "isolation/channel.hpp"
#include "isolation/wire.hpp"
#include "sandbox.hpp"

namespace ferry::cell {
namespace {

using isolation::Command;
using isolation::Control;
using isolation::Mapping;
using isolation::Party;
using isolation::Reply;

constexpr int socket_end = isolation::socket_descriptor;

// The host is gone: the cell goes too, even out of an endless loop.
void leave_with_host() {
  std::thread([] {
    pollfd host{socket_end, 0, 0};  // hang-up is always reported
    while (::poll(&host, 1, -1) <= 0 || (host.revents & (POLLHUP | POLLERR)) == 0) {
    }
    ::_exit(EXIT_FAILURE);
  }).detach();
}

class Cell {
 public:
  Cell(Control& control, const ferry_engine& engine) : control_(&control), engine_(&engine) {}

  [[noreturn]] void serve() {
    introduce();
    isolation::Rhythm rhythm;
    while (true) {
      isolation::hand_over(*control_, Party::host);
      static_cast<void>(isolation::await_turn(*control_, Party::cell, rhythm, [] { return false; }));
      answer();
    }
  }

 private:
  void introduce() {
    control_->flags = engine_->flags;
    control_->has_direct = engine_->run_direct != nullptr ? 1 : 0;
    isolation::set_text(control_->runtime, engine_->runtime);
    const char* numerics = engine_->numerics();
    isolation::set_text(control_->numerics, numerics == nullptr ? "" : numerics);
  }

  void answer() noexcept {
    ferry_engine_error error{};
    std::int32_t code = FERRY_INTERNAL;
    try {
      code = act(error);
    } catch (const Error& problem) {
      code = static_cast<std::int32_t>(problem.code());
      isolation::set_text(error.text, problem.what());
    } catch (const std::bad_alloc&) {
      code = FERRY_IO;
      isolation::set_text(error.text, "not enough memory; try a smaller --batch");
    } catch (const std::system_error& problem) {  // of a thread, whose stack needs memory too
      code = FERRY_IO;
      isolation::set_text(error.text, "got too little memory for a thread (" + std::string(problem.what()) + "), expected more");
    } catch (const std::exception& problem) {
      isolation::set_text(error.text, problem.what());
    } catch (...) {
      isolation::set_text(error.text, "got an exception of an unknown type, expected none");
    }
    control_->code = code;
    std::memcpy(control_->error.data(), error.text, sizeof error.text);
    control_->reply = Reply::done;
  }

  std::int32_t act(ferry_engine_error& error) {
    const IeeeArithmetic arithmetic;  // threads that a runtime starts have it too
    old_arena_.reset();
    switch (control_->command) {
      case Command::open:
        return open(error);
      case Command::map:
        return map_arena(), FERRY_OK;
      case Command::run:
        return run(error);
      case Command::run_direct:
        return run_direct(error);
      case Command::hello:
        break;
    }
    return FERRY_INTERNAL;
  }

  std::int32_t open(ferry_engine_error& error) {
    const auto memory = isolation::receive_descriptor(socket_end);
    const Mapping mapping(memory.descriptor(), control_->bytes, false);
    const isolation::ReceivedRequest request(mapping.bytes());
    const auto scratch = isolation::text_of(control_->scratch);
    if (!scratch.empty()) ::setenv("TMPDIR", scratch.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): no model runs yet
    if (const auto code = prepare(request.get(), error); code != FERRY_OK) return code;
    const auto writes = (engine_->flags & FERRY_ENGINE_NATIVE_CODE) != 0 ? Writes::scratch : Writes::nothing;
    restrict_files(writes, scratch);
    restrict_calls(writes);
    leave_with_host();
    const auto code = engine_->open(&request.get(), &model_, &error);
    if (writes != Writes::nothing) {
      restrict_files(Writes::nothing, {});
      restrict_calls(Writes::nothing);
    }
    return code == FERRY_OK && model_ == nullptr ? static_cast<std::int32_t>(FERRY_INTERNAL) : code;
  }

  // What needs programs of the system and runs nothing of the bundle.
  [[nodiscard]] std::int32_t prepare(const ferry_open_request& request, ferry_engine_error& error) const {
    return (engine_->flags & FERRY_ENGINE_PREPARES) != 0 ? engine_->prepare(&request, &error) : FERRY_OK;
  }

  void map_arena() {
    const auto memory = isolation::receive_descriptor(socket_end);
    old_arena_ = std::move(arena_);  // the inputs of a call under way lie there
    arena_ = Mapping(memory.descriptor(), control_->bytes, true);
  }

  std::int32_t run(ferry_engine_error& error) {
    const auto inputs = isolation::read_tensors(arena_.bytes(), control_->tensors);
    outputs_start_ = control_->stop;
    return engine_->run(model_, inputs.data(), inputs.size(), &Cell::take, this, &error);
  }

  std::int32_t run_direct(ferry_engine_error& error) {
    const auto inputs = isolation::read_tensors(arena_.bytes(), control_->tensors);
    auto* nanoseconds = reinterpret_cast<std::int64_t*>(arena_.bytes().data() + control_->stop);
    return engine_->run_direct(model_, inputs.data(), inputs.size(), control_->calls, nanoseconds, &error);
  }

  static std::int32_t take(void* context, const ferry_tensor_view* outputs, std::size_t count) noexcept {
    try {
      static_cast<Cell*>(context)->send({outputs, count});
      return FERRY_OK;
    } catch (...) {
      return FERRY_MISMATCH;
    }
  }

  // Lays the outputs behind the inputs, in a larger arena where they need one.
  void send(std::span<const ferry_tensor_view> outputs) {
    const auto bytes = isolation::bytes_for(outputs);
    if (outputs_start_ + bytes > arena_.bytes().size()) {
      control_->bytes = outputs_start_ + bytes;
      control_->reply = Reply::grow;
      isolation::hand_over(*control_, Party::host);
      isolation::Rhythm once;
      static_cast<void>(isolation::await_turn(*control_, Party::cell, once, [] { return false; }));
      map_arena();
    }
    isolation::write_tensors(outputs, arena_.bytes().subspan(outputs_start_, bytes));
    control_->tensors = outputs.size();
    control_->start = outputs_start_;
    control_->stop = outputs_start_ + bytes;
  }

  Control* control_;
  const ferry_engine* engine_;
  ferry_engine_model* model_ = nullptr;
  Mapping arena_;
  std::optional<Mapping> old_arena_;
  std::size_t outputs_start_ = 0;
};

// A model's uncaught exception: the host says that the cell ended, or that it had too little memory.
[[noreturn]] void end_quietly() noexcept {
  try {
    if (const auto problem = std::current_exception()) std::rethrow_exception(problem);
  } catch (const std::bad_alloc&) {
    ::_exit(isolation::out_of_memory);
  } catch (...) {
    ::_exit(EXIT_FAILURE);
  }
  ::_exit(EXIT_FAILURE);
}

std::uint64_t number_of(const char* text) {
  std::uint64_t value = 0;
  std::from_chars(text, text + std::strlen(text), value);
  return value;
}

// Bytes that count against the limit of memory already: the engine's own.
std::uint64_t used_memory() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t pages = 0;
  for (int field = 0; field < 6; ++field) file >> pages;  // the sixth: data and stack
  return file ? pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// Throws Error(unavailable) for a limit under which not even the engine and its first thread have room: what fails then names
// the model's file, or the kernel.
void require_room(const char* engine, std::uint64_t limit) {
  constexpr std::uint64_t thread_and_filter = std::uint64_t{10} << 20U;
  const std::uint64_t needed = used_memory() + thread_and_filter;
  if (limit < needed)
    throw Error(ErrorCode::unavailable, "engine " + std::string(engine) + ": memory: got a limit of " + std::to_string(limit) +
                                            " bytes, expected at least " + std::to_string(needed) +
                                            ", which it takes before it reads a model; allow more");
}

// Says why the cell cannot begin, and leaves.
[[noreturn]] void refuse(Control& control, const Error& problem) {
  control.code = static_cast<std::int32_t>(problem.code());
  isolation::set_text(control.error, problem.what());
  isolation::hand_over(control, Party::host);
  isolation::Rhythm once;
  static_cast<void>(isolation::await_turn(control, Party::cell, once, [] { return ::getppid() == 1; }));
  ::_exit(EXIT_FAILURE);
}

int run(char** arguments) {
  constexpr unsigned first_foreign = isolation::page_descriptor + 1;
  ::syscall(SYS_close_range, first_foreign, ~0U, 0);
  const Mapping page(isolation::page_descriptor, sizeof(Control), true);
  auto& control = *reinterpret_cast<Control*>(page.bytes().data());
  try {
    const std::filesystem::path path = arguments[2];
    const auto& engine = open_plugin(arguments[1], path);
    const std::uint64_t limit = number_of(arguments[3]);
    require_room(arguments[1], limit);
    limit_resources(limit);
    Cell(control, engine).serve();
  } catch (const Error& problem) {
    refuse(control, problem);
  }
}

bool is_started_by_libferry(int count) {
  struct stat status{};
  return count == 4 && ::fstat(socket_end, &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace
}  // namespace ferry::cell

int main(int argc, char** argv) {
  std::set_terminate(ferry::cell::end_quietly);
  if (ferry::cell::is_started_by_libferry(argc)) return ferry::cell::run(argv);
  static_cast<void>(
      !std::fputs("error: ferry-cell: got a start by hand, expected one by libferry; use ferry-run --isolate\n", stderr));
  return static_cast<int>(ferry::ErrorCode::usage);
}
