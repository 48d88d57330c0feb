// ExecuTorch's runtime as this process has it: its log, its failures as refusals, and its threads.
#pragma once

#include <executorch/extension/threadpool/threadpool_guard.h>
#include <executorch/runtime/core/error.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "ferry/engine.hpp"

namespace ferry::et {

using executorch::extension::threadpool::NoThreadPoolGuard;

// Makes ExecuTorch log into this thread's memory, and refuse where it would end the process. Once per process.
void prepare_runtime();

// Throws Refusal with `code` where ExecuTorch gives an error: `task`, then its log's first line, else the error's name.
void require(executorch::runtime::Error error, std::int32_t code, std::string_view task);

// Forgets what this thread's calls have logged.
void clear_log();

// engines::guarded for ExecuTorch.
template <typename Body>
std::int32_t guarded(ferry_engine_error* error, const Body& body) noexcept {
  clear_log();
  return engines::guarded(error, "ExecuTorch", body);
}

// One thread means the caller's own. More come from ExecuTorch's pool, of which a process has one and which delegates hold on to,
// so that its size stays while a model uses it.
class Threads {
 public:
  // Throws Refusal where the pool cannot have that size now.
  explicit Threads(int count);
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads();

  // Holds for the calling thread while the guard lives.
  [[nodiscard]] std::optional<NoThreadPoolGuard> use() const;

 private:
  int count_;
  inline static std::mutex mutex_;
  inline static int users_ = 0;
};

}  // namespace ferry::et
