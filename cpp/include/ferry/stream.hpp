// ferry/stream.hpp: a model that remembers: outputs of one call are inputs of the next. Standard library only.
//
//   ferry::Stream stream(bundle, session);              // the pairs of the contract; or give {{"state", "next_state"}} too
//   auto outputs = stream.run({{"sample", sample}});    // the state of the first call is zeros
//
// A session keeps nothing from call to call; a stream does, for one sequence, or for several of equal length side by side. Many
// streams may share a session.
#pragma once

#include <cstdint>
#include <ferry/ferry.hpp>
#include <map>
#include <memory>
#include <string>

namespace ferry {

// One call at a time: a stream is a sequence.
class FERRY_API Stream {
 public:
  // With the pairs of the contract (FORMAT.md section 3), one sequence. Throws Error(usage) where it has none.
  Stream(const Bundle& bundle, const Session& session);
  // `state`: for each input that is carried, the output that it gets in the next call. `samples`: the batch N of every call. The
  // session outlives the stream. Throws Error(usage) for names that the contract has not, for two that differ in dtype or shape,
  // and for a contract that leaves no input or takes no such batch.
  Stream(const Bundle& bundle, const Session& session, const std::map<std::string, std::string>& state, std::int64_t samples = 1);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  // The inputs without the state. Outputs as of Session::run, the next state among them. Throws what Session::run throws; the
  // state then stays as it was.
  [[nodiscard]] NamedTensors run(const NamedTensors& inputs);
  // Begins a new sequence: zeros.
  void reset();
  // What the next call will get, by input.
  [[nodiscard]] NamedTensors state() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ferry
