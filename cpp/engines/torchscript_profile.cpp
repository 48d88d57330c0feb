#include "torchscript_profile.hpp"

#include <ATen/record_function.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ferry::torchscript {

namespace {

using Clock = std::chrono::steady_clock;

struct Operator {
  std::string name;
  std::int64_t nanoseconds;
};

// One call on this thread: its operators that no other one called, and how deep it is in one.
struct Call {
  std::vector<Operator> operators;
  int depth = 0;
};

thread_local Call* current = nullptr;  // LibTorch's observers are plain functions

struct Started final : at::ObserverContext {
  Clock::time_point begin = Clock::now();
};

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& /*function*/) {
  if (current != nullptr) ++current->depth;
  return std::make_unique<Started>();
}

void end(const at::RecordFunction& function, at::ObserverContext* context) {
  const auto taken = Clock::now() - static_cast<Started*>(context)->begin;
  if (current != nullptr && --current->depth == 0)
    current->operators.push_back({function.name(), std::chrono::nanoseconds(taken).count()});
}

// Observes this thread as long as it lives.
class Observer {
 public:
  explicit Observer(Call& call)
      : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(&begin, &end).scopes({at::RecordScope::FUNCTION}))) {
    current = &call;
  }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  ~Observer() {
    at::removeCallback(handle_);
    current = nullptr;
  }

 private:
  at::CallbackHandle handle_;
};

}  // namespace

void time_operators(const std::function<void()>& call, engines::LayerTimes& times) {
  Call seen;
  {
    const Observer observer(seen);
    call();
  }
  for (std::size_t i = 0; i < seen.operators.size(); ++i)
    times.add(std::to_string(i), seen.operators[i].name, seen.operators[i].nanoseconds);
}

}  // namespace ferry::torchscript
