#include "executorch_runtime.hpp"

#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#if __has_include(<executorch/extension/threadpool/threadpool.h>)
#include <executorch/extension/threadpool/threadpool.h>
#else
// The wheel exports these functions from libexecutorch_threadpool and ships no header for them.
namespace executorch::extension::threadpool {
class ThreadPool {  // NOLINT(misc-use-internal-linkage): the library's
 public:
  [[nodiscard]] std::size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(std::uint32_t count);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool
#endif

namespace ferry::et {

namespace {

namespace runtime = executorch::runtime;
using engines::Refusal;

// The first error that ExecuTorch logged in this thread since `clear`: the one that names the cause.
class Log {
 public:
  static void clear() { text_[0] = '\0'; }
  static std::string text() { return text_.data(); }

  static void emit(et_timestamp_t /*time*/, et_pal_log_level_t level, const char* /*file*/, const char* /*function*/,
                   std::size_t /*line*/, const char* message, std::size_t length) {
    if ((level != kError && level != kFatal) || text_[0] != '\0') return;
    const auto size = std::min(length, text_.size() - 1);
    std::memcpy(text_.data(), message, size);
    text_[size] = '\0';
  }

 private:
  static thread_local std::array<char, 512> text_;
};
thread_local std::array<char, 512> Log::text_{};

// A failed check of the runtime: without this it would end the process.
[[noreturn]] void abort_call() { throw Refusal{FERRY_FORMAT, "ExecuTorch stopped at a broken program: " + Log::text()}; }

}  // namespace

void prepare_runtime() {
  static std::once_flag once;
  std::call_once(once, [] {
    runtime::runtime_init();
    runtime::register_pal(runtime::PalImpl::create(nullptr, abort_call, nullptr, nullptr, Log::emit, nullptr, nullptr, __FILE__));
  });
}

void require(runtime::Error error, std::int32_t code, std::string_view task) {
  if (error == runtime::Error::Ok) return;
  const auto reason = Log::text();
  throw Refusal{error == runtime::Error::MemoryAllocationFailed ? FERRY_IO : code,
                std::string(task) + ": " + (reason.empty() ? runtime::to_string(error) : reason)};
}

void clear_log() { Log::clear(); }

Threads::Threads(int count) : count_(count) {
  if (count_ == 1) return;
  const std::scoped_lock lock(mutex_);
  auto* pool = executorch::extension::threadpool::get_threadpool();
  if (pool == nullptr)
    throw Refusal{FERRY_UNAVAILABLE,
                  "--threads: got " + std::to_string(count_) + ", and this ExecuTorch has no thread pool; use 1"};
  const auto size = static_cast<int>(pool->get_thread_count());
  if (size != count_ && users_ > 0)
    throw Refusal{FERRY_UNAVAILABLE, "--threads: got " + std::to_string(count_) + ", expected 1 or " + std::to_string(size) +
                                         ": ExecuTorch has one thread pool per process, and an open session uses it"};
  if (size != count_ && !pool->_unsafe_reset_threadpool(static_cast<std::uint32_t>(count_)))
    throw Refusal{FERRY_IO, "--threads: got " + std::to_string(count_) + ", and ExecuTorch could not start them; use fewer"};
  ++users_;
}

Threads::~Threads() {
  if (count_ == 1) return;
  const std::scoped_lock lock(mutex_);
  --users_;
}

std::optional<NoThreadPoolGuard> Threads::use() const {
  std::optional<NoThreadPoolGuard> alone;
  if (count_ == 1) alone.emplace();
  return alone;
}

}  // namespace ferry::et
