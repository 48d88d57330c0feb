#include "progress.hpp"

#include <cstdint>
#include <cstdio>
#include <string>

#include "descriptor.hpp"

namespace ferry::cli {

namespace {

constexpr auto interval = std::chrono::milliseconds(100);
constexpr auto wipe_line = "\r\033[K";

}  // namespace

Progress::Progress(std::optional<std::int64_t> total) : total_(total), watched_(system::is_terminal(system::standard_error)) {}

Progress::~Progress() {
  if (watched_ && shown_ != start_) std::fputs(wipe_line, stderr);
}

void Progress::advance(std::int64_t samples) {
  done_ += samples;
  const auto now = Clock::now();
  if (!watched_ || now - shown_ < interval) return;
  shown_ = now;
  const auto rate = static_cast<double>(done_) / std::chrono::duration<double>(now - start_).count();
  const auto of_total = total_ ? " of " + std::to_string(*total_) : std::string();
  std::fprintf(stderr, "%s%lld%s samples, %.0f a second", wipe_line, static_cast<long long>(done_), of_total.c_str(), rate);
}

}  // namespace ferry::cli
