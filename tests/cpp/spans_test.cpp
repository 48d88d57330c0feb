#include <gtest/gtest.h>

#include <ferry/spans.hpp>
#include <string>
#include <thread>
#include <vector>

#include "toy_bundle.hpp"

namespace {

struct Heard {
  std::string name;
  std::string engine;
  bool failed;
};

// Hears every span from its making to its end.
class Listener {
 public:
  Listener() {
    ferry::set_span_hook(
        [](const ferry::Span& span, void* context) noexcept {
          EXPECT_LE(span.begin, span.end);
          static_cast<Listener*>(context)->heard.push_back({std::string(span.name), std::string(span.engine), span.failed});
        },
        this);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ferry::set_span_hook(nullptr, nullptr); }

  [[nodiscard]] std::size_t count(const std::string& name, const std::string& engine, bool failed) const {
    std::size_t found = 0;
    for (const Heard& one : heard) found += one.name == name && one.engine == engine && one.failed == failed;
    return found;
  }

  std::vector<Heard> heard;
};

TEST(Spans, NameEachStepWithItsEngine) {
  const ToyBundle toy;
  const Listener listener;
  const auto bundle = toy.open();
  const ferry::Session session(bundle, {.engine = "toy"});
  const std::size_t warm = listener.count("session.run", "toy", false);
  static_cast<void>(session.run({{"x", toy_input(1)}}));
  EXPECT_EQ(listener.count("session.run", "toy", false), warm + 1);
  EXPECT_EQ(listener.count("bundle.open", "", false), 1U);
  EXPECT_EQ(listener.count("session.open", "toy", false), 1U);
  static_cast<void>(ferry::verify(bundle, session));
  EXPECT_EQ(listener.count("verify", "toy", false), 1U);
  EXPECT_EQ(listener.heard.back().name, "verify") << "a step is told when it has ended";
}

TEST(Spans, SayWhatFailed) {
  const ToyBundle toy("fail");
  const Listener listener;
  EXPECT_NE(failure_of([&] { const ferry::Session session(toy.open(), {.engine = "toy"}); }).code, 0);
  EXPECT_EQ(listener.count("session.open", "toy", true), 1U);
  EXPECT_EQ(listener.count("bundle.open", "", false), 1U);
}

TEST(Spans, NobodyIsToldAfterTheHookIsGone) {
  const ToyBundle toy;
  std::size_t heard = 0;
  {
    const Listener listener;
    static_cast<void>(toy.open());
    heard = listener.heard.size();
  }
  EXPECT_EQ(heard, 1U);
  static_cast<void>(toy.open());  // the listener is gone: a call of it would be found by the sanitizers
}

}  // namespace
