// ferry/shadow.hpp: a session some of whose calls a second engine repeats, to see in production whether the two drift apart.
// Standard library only.
//
//   const ferry::ShadowedSession session(bundle, {.engine = "onnxruntime"},
//                                        {.engine = "c", .allow_native = true, .every = 100, .on_verdict = log});
//   auto outputs = session.run({{"image", image}});   // one of 100 is run again, in the background
//
// Two right engines differ by at most the sum of their bounds against float64: by that each repetition is judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ferry {

// One call that was repeated.
struct ShadowVerdict {
  bool passed = false;
  std::vector<Verdict> outputs = {};  // the shadow's against those that were answered, by the sum of both bounds
  std::string problem = {};           // why the shadow gave no outputs; else empty
};

struct ShadowOptions {
  std::string engine = {};    // of the shadow, on the same device
  bool allow_native = false;  // as in SessionOptions, for the shadow
  std::size_t every = 100;    // one of so many calls is repeated, the first among them
  std::size_t queue = 16;     // calls that may wait for the shadow; one more is not repeated, and counted
  // Told each verdict, on the shadow's thread. What it throws is dropped.
  std::function<void(const ShadowVerdict&)> on_verdict = {};
};

struct ShadowCounts {
  std::uint64_t calls = 0;
  std::uint64_t repeated = 0;
  std::uint64_t failed = 0;   // of the repeated ones: other answers, or none
  std::uint64_t skipped = 0;  // should have been repeated, and the queue was full
};

class FERRY_API ShadowedSession {
 public:
  // Throws what Session throws, for either engine; Error(usage) for options that make no sense, and Error(format) where the
  // bundle has no bound for an output.
  ShadowedSession(const Bundle& bundle, const SessionOptions& session, const ShadowOptions& shadow);
  ShadowedSession(ShadowedSession&&) noexcept;
  ShadowedSession& operator=(ShadowedSession&&) = delete;
  ShadowedSession(const ShadowedSession&) = delete;
  ShadowedSession& operator=(const ShadowedSession&) = delete;
  ~ShadowedSession();  // what waits is repeated first

  // As Session::run. Nothing of the shadow changes or delays an answer, but for the copy of what is repeated.
  [[nodiscard]] NamedTensors run(const NamedTensors& inputs) const;
  [[nodiscard]] ShadowCounts counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ferry
