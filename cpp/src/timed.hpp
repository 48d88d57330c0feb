// The time of a step, for the hook of ferry/spans.hpp.
#pragma once

#include <chrono>
#include <exception>
#include <ferry/spans.hpp>
#include <string_view>

namespace ferry {

class Timed {
 public:
  // Both texts outlive this.
  explicit Timed(std::string_view name, std::string_view engine = {}) noexcept {
    if (is_told()) begin(name, engine);
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  ~Timed() {
    if (span_.begin != Clock::time_point()) end();
  }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] static bool is_told() noexcept;
  void begin(std::string_view name, std::string_view engine) noexcept;
  void end() noexcept;

  Span span_{};
  int exceptions_ = 0;
};

}  // namespace ferry
