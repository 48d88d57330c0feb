// The host's side of a cell: it looks like an engine, and every word of the cell is doubted.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <mutex>
#include <new>
#include <optional>

#include "engine_library.hpp"
#include "held_signals.hpp"
#include "isolation/cell_process.hpp"
#include "isolation/channel.hpp"
#include "isolation/isolation.hpp"
#include "isolation/support.hpp"
#include "isolation/watchdog.hpp"
#include "isolation/wire.hpp"
#include "no_temporary_folder.hpp"
#include "open_request.hpp"
#include "text.hpp"

namespace ferry::isolation {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t smallest_arena = std::size_t{1} << 16U;  // bytes
constexpr std::uint64_t processor_seconds = 3600;              // of one step where the clock on the wall sets no limit
constexpr std::chrono::seconds renewal{1};                     // how often the allowance of processor time is renewed at most
constexpr auto advice = "; do not run this model without isolation";

// Two connected sockets.
std::array<File, 2> socket_pair() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw_io("isolation", "two sockets");
  return {File(ends[0], "isolation"), File(ends[1], "isolation")};
}

fs::path temporary_folder() {
  std::error_code error;
  auto folder = fs::temp_directory_path(error);
  if (error) throw Error(ErrorCode::io, no_temporary_folder());
  return folder;
}

// The folder for what an engine of machine code writes before it is opened; only this user may enter it. As long as it is there,
// signals that would end the process wait: nothing would remove it.
class Scratch {
 public:
  Scratch() : path_((temporary_folder() / "ferry-cell-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw_io(path_, "a new folder there; set TMPDIR to one that can be written");
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (::rmdir(path_.c_str()) != 0) remove_what_a_killed_cell_left();
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void remove_what_a_killed_cell_left() const noexcept {
    try {
      std::error_code ignored;
      fs::remove_all(path_, ignored);
    } catch (const std::bad_alloc&) {
      return;  // a destructor cannot say so
    }
  }

  HeldSignals signals_;  // first made and last gone
  std::string path_;
};

std::uint64_t machine_memory() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t memory_of(const Limits& limits) {
  return limits.memory_bytes != 0 ? limits.memory_bytes : machine_memory() / 4 * 3;
}

// What a cell says, with its engine's name once: opening a plugin names it already.
std::string named(const std::string& engine, const std::string& problem) {
  const std::string name = "engine " + engine + ": ";
  return problem.starts_with(name) ? problem : name + problem;
}

class IsolatedEngine final : public EngineHost {
 public:
  IsolatedEngine(const std::string& engine, const Limits& limits)
      : limits_(limits),
        page_(shared_memory(sizeof(Control))),
        mapping_(page_.descriptor(), sizeof(Control), true),
        control_(new (mapping_.bytes().data()) Control{}) {
    control_->turn = static_cast<std::uint32_t>(Party::cell);  // it speaks first
    const auto plugin = find_plugin(engine);
    const auto program = find_program(engine, cell_program);
    auto [ours, theirs] = socket_pair();
    socket_ = std::move(ours);
    process_ = std::make_unique<CellProcess>(program, std::vector{engine, plugin.string(), std::to_string(memory_of(limits))},
                                             theirs, page_);
    theirs.close();
    ferry_engine_error error{};
    Rhythm once;
    const auto code = finish_step(error, once);
    if (code != FERRY_OK) throw Error(ErrorCode::unavailable, named(engine, text_of(error.text)));
    flags_ = control_->flags;
    runtime_ = text_of(control_->runtime);
    numerics_ = text_of(control_->numerics);
    has_direct_ = control_->has_direct != 0;
  }

  [[nodiscard]] std::uint32_t flags() const noexcept override { return flags_; }
  [[nodiscard]] std::string runtime() const override { return runtime_; }
  [[nodiscard]] std::string numerics() const override { return numerics_; }
  [[nodiscard]] bool has_direct() const noexcept override { return has_direct_; }

  [[nodiscard]] std::int32_t open(OpenRequest& request, ferry_engine_error& error) override {
    const std::scoped_lock lock(mutex_);
    static_cast<void>(request.load());  // a copy goes to the cell
    if ((flags_ & FERRY_ENGINE_NATIVE_CODE) != 0) set_text(control_->scratch, scratch_.emplace().path());
    const auto shared = write_request(request.get());
    control_->command = Command::open;
    control_->bytes = shared.bytes;
    const auto code = send(shared.memory) ? step(error) : fail_gone(error);
    scratch_.reset();  // what was loaded from there stays loaded
    return code;
  }

  [[nodiscard]] std::int32_t run(std::span<const ferry_tensor_view> inputs, ferry_output_sink sink, void* context,
                                 ferry_engine_error& error) override {
    const std::scoped_lock lock(mutex_);
    auto code = send_inputs(Command::run, inputs, 0, error);
    if (code == FERRY_OK) code = step(error, rhythms_[std::bit_width(inputs_stop_)]);
    return code == FERRY_OK ? receive_outputs(sink, context, error) : code;
  }

  [[nodiscard]] std::int32_t run_direct(std::span<const ferry_tensor_view> inputs, std::span<std::int64_t> nanoseconds,
                                        ferry_engine_error& error) override {
    const std::scoped_lock lock(mutex_);
    auto code = send_inputs(Command::run_direct, inputs, nanoseconds.size_bytes(), error);
    control_->calls = nanoseconds.size();
    if (code == FERRY_OK) code = step(error);
    if (code == FERRY_OK)
      std::ranges::copy(arena_.bytes().subspan(inputs_stop_, nanoseconds.size_bytes()),
                        std::as_writable_bytes(nanoseconds).begin());
    return code;
  }

 private:
  bool send(const File& memory) noexcept { return !is_gone_ && send_descriptor(socket_.descriptor(), memory.descriptor()); }

  std::int32_t step(ferry_engine_error& error) {
    Rhythm once;
    return step(error, once);
  }

  // Gives the cell its turn and waits for the answer.
  std::int32_t step(ferry_engine_error& error, Rhythm& rhythm) {
    if (is_gone_) return fail_gone(error);
    control_->reply = Reply::done;
    hand_over(*control_, Party::cell);
    return finish_step(error, rhythm);
  }

  // Answers the cell's wishes for a larger arena until it is done, crashed or late.
  std::int32_t finish_step(ferry_engine_error& error, Rhythm& rhythm) {
    renew_processor_time();
    const auto start = Clock::now();
    const auto must_stop = [&] { return process_->has_ended() || is_late(start) || process_->has_overrun(); };
    while (true) {
      if (!await_turn(*control_, Party::host, rhythm, must_stop)) return fail_stopped(start, error);
      // Also where the answer is there: whoever waits looks at the clock now and then.
      if (is_late(start)) return fail_late(error);
      if (control_->reply != Reply::grow) break;
      if (const auto code = answer_wish(error); code != FERRY_OK) return code;
    }
    const std::int32_t code = control_->code;
    if (code != FERRY_OK) set_text(error.text, text_of(control_->error));
    return code == contained ? static_cast<std::int32_t>(FERRY_INTERNAL) : code;
  }

  // Says why a cell that had its turn gave no answer.
  std::int32_t fail_stopped(Clock::time_point start, ferry_engine_error& error) {
    if (process_->has_ended()) return process_->lacked_memory() ? fail_small(error) : fail(process_->ending(), error);
    return is_late(start) ? fail_late(error) : fail(overrun, error);
  }

  [[nodiscard]] bool is_late(Clock::time_point start) const {
    return limits_.step_seconds > 0 && std::chrono::duration<double>(Clock::now() - start).count() > limits_.step_seconds;
  }

  // Gives the cell the larger arena that it asks for.
  std::int32_t answer_wish(ferry_engine_error& error) {
    const std::uint64_t wanted = control_->bytes;
    if (wanted > memory_of(limits_)) return fail("got more outputs than there is memory for", error);
    if (!grow(wanted)) return fail_gone(error);
    hand_over(*control_, Party::cell);
    return FERRY_OK;
  }

  void renew_processor_time() noexcept {
    const auto now = Clock::now();
    if (now - renewed_ < renewal) return;
    renewed_ = now;
    const auto wall = static_cast<std::uint64_t>(limits_.step_seconds) + 1;
    const auto seconds = limits_.step_seconds > 0 ? wall : processor_seconds;
    process_->allow_processor_seconds((seconds + static_cast<std::uint64_t>(renewal.count())) *
                                      static_cast<std::uint64_t>(limits_.threads));
  }

  bool grow(std::size_t bytes) {
    const auto size = std::max({smallest_arena, bytes, arena_.bytes().size() * 2});
    const auto memory = shared_memory(size);
    Mapping larger(memory.descriptor(), size, true);
    control_->bytes = size;
    if (!send(memory)) return false;
    arena_ = std::move(larger);
    return true;
  }

  // Lays the inputs into the arena, with room for `more` bytes behind them.
  std::int32_t send_inputs(Command command, std::span<const ferry_tensor_view> inputs, std::size_t more,
                           ferry_engine_error& error) {
    if (is_gone_) return fail_gone(error);
    inputs_stop_ = bytes_for(inputs);
    if (inputs_stop_ + more > arena_.bytes().size()) {
      if (!grow(inputs_stop_ + more)) return fail_gone(error);
      control_->command = Command::map;
      if (const auto code = step(error); code != FERRY_OK) return code;
    }
    write_tensors(inputs, arena_.bytes());
    control_->command = command;
    control_->tensors = inputs.size();
    control_->stop = inputs_stop_;
    return FERRY_OK;
  }

  // The cell may still write where its outputs lie, so they are copied before they are looked at.
  std::int32_t receive_outputs(ferry_output_sink sink, void* context, ferry_engine_error& error) {
    const std::uint64_t start = control_->start;
    const std::uint64_t stop = control_->stop;
    const std::uint64_t count = control_->tensors;
    if (start > stop || stop > arena_.bytes().size()) return fail("got outputs outside of their memory", error);
    const auto region = arena_.bytes().subspan(start, stop - start);
    outputs_.assign(region.begin(), region.end());
    try {
      const auto views = read_tensors(outputs_, count);
      return sink(context, views.data(), views.size());
    } catch (const Error& problem) {
      set_text(error.text, problem.what());
      return static_cast<std::int32_t>(problem.code());
    }
  }

  std::int32_t end(const std::string& problem, ferry_engine_error& error) {
    is_gone_ = true;
    process_->kill();
    scratch_.reset();
    set_text(error.text, problem);
    return contained;
  }
  std::int32_t fail(const std::string& got, ferry_engine_error& error) {
    return end("isolation: " + got + ", expected an answer" + advice, error);
  }
  std::int32_t fail_small(ferry_engine_error& error) {
    return end("isolation: got too little memory under a limit of " + std::to_string(memory_of(limits_)) +
                   " bytes, expected enough for the engine and the model; allow more",
               error);
  }
  std::int32_t fail_late(ferry_engine_error& error) { return end(late_words(limits_.step_seconds), error); }
  std::int32_t fail_gone(ferry_engine_error& error) {
    return fail(process_->has_ended() ? process_->ending() : "got a cell that has ended", error);
  }

  Limits limits_;
  std::optional<Scratch> scratch_;
  File page_;
  Mapping mapping_;
  Control* control_;
  File socket_{-1, "isolation"};
  std::unique_ptr<CellProcess> process_;
  std::mutex mutex_;  // one call at a time
  Mapping arena_;
  std::vector<std::byte> outputs_;
  std::size_t inputs_stop_ = 0;
  std::array<Rhythm, std::numeric_limits<std::size_t>::digits + 1> rhythms_;  // of calls, by the bits of their inputs' size
  Clock::time_point renewed_;
  bool is_gone_ = false;
  std::uint32_t flags_ = 0;
  bool has_direct_ = false;
  std::string runtime_;
  std::string numerics_;
};

}  // namespace

std::unique_ptr<EngineHost> open_cell(const std::string& engine, const Limits& limits) {
  if (const auto reason = why_not(); !reason.empty()) throw Error(ErrorCode::unavailable, "--isolate: " + reason);
  return std::make_unique<IsolatedEngine>(engine, limits);
}

}  // namespace ferry::isolation
