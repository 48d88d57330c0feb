// Isolation: a model runs in a cell, a child process that reads the runtime's libraries and nothing else, writes nothing, and
// may use no program, socket or other process. What the host reads from a cell it checks like anything out of a bundle.
#pragma once

#include <cstdint>
#include <ferry/ferry.hpp>
#include <memory>
#include <string>

#include "engine_host.hpp"

namespace ferry::isolation {

struct Limits {
  double step_seconds = 0;         // for opening the model and for each call, by the clock on the wall; 0: none
  std::uint64_t memory_bytes = 0;  // of data; 0: three quarters of the machine's memory
  int threads = 1;
};

// A model that crashed, hung, or did what isolation forbids. Never the reason to go on with another engine.
class Contained : public Error {
 public:
  explicit Contained(const std::string& message) : Error(ErrorCode::unavailable, message) {}
};

// Why no model can be isolated here, as "got ..., expected ..."; empty where it can.
[[nodiscard]] std::string why_not();

// The engine in a new cell. Throws Error(unavailable).
[[nodiscard]] std::unique_ptr<EngineHost> open_cell(const std::string& engine, const Limits& limits);

}  // namespace ferry::isolation
