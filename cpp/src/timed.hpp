// The time of a step, for the hook of ferry/spans.hpp.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <ferry/spans.hpp>
#include <optional>
#include <string_view>

namespace ferry {

// Who is told of spans.
struct Told;
extern std::atomic<const Told*> told;

class Timed {
 public:
  // Both texts outlive this.
  explicit Timed(std::string_view name, std::string_view engine = {}) noexcept {
    if (told.load(std::memory_order_relaxed) != nullptr) begin(name, engine);
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  ~Timed() {
    if (span_) end(*span_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  void begin(std::string_view name, std::string_view engine) noexcept;
  void end(Span& span) const noexcept;

  std::optional<Span> span_;
  int exceptions_ = 0;
};

}  // namespace ferry
