// One opened model behind an engine's C table: what Session and the C ABI are made of.
#pragma once

#include <ferry/engine.h>

#include <cstdint>
#include <ferry/ferry.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contract.hpp"
#include "engine_host.hpp"
#include "isolation/watchdog.hpp"
#include "open_request.hpp"
#include "output_sink.hpp"
#include "timed.hpp"

namespace ferry {

class Runner {
 public:
  // Checks the options, opens the artifact from verified bytes and warms it up with the smallest golden case.
  // Throws Error(usage | unavailable | format | integrity | io).
  Runner(const Bundle& bundle, const SessionOptions& options);

  // Named inputs in any order; outputs in contract order. May be called from many threads at once.
  [[nodiscard]] NamedTensors run(std::span<const ferry_tensor_view> inputs) const;
  // The same into memory of the caller, by name in any order. With an engine that writes it asks for no memory.
  void run_into(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs) const;
  [[nodiscard]] std::vector<std::int64_t> run_direct(std::span<const ferry_tensor_view> inputs, std::size_t calls) const;

  // Times the layers, on a model of its own. Throws Error(unavailable) where the engine cannot.
  [[nodiscard]] std::vector<LayerTime> profile(std::span<const ferry_tensor_view> inputs, std::size_t calls) const;
  // How many calls run at the same time; 0: as many as there are.
  [[nodiscard]] std::size_t concurrency() const noexcept { return static_cast<std::size_t>(engine_->concurrency()); }

  // Holds inputs to the contract and runs nothing: the batch N, or -1 where the contract has none. Throws Error(bad_input).
  [[nodiscard]] std::int64_t check(std::span<const ferry_tensor_view> inputs) const;
  // Whether a sample's answer has the same bits in every call.
  [[nodiscard]] bool sample_by_sample() const noexcept { return (engine_->flags() & FERRY_ENGINE_SAMPLE_BY_SAMPLE) != 0; }

  [[nodiscard]] const std::string& engine() const noexcept { return options_.engine; }
  [[nodiscard]] const std::string& device() const noexcept { return options_.device; }
  [[nodiscard]] const std::string& runtime() const noexcept { return runtime_; }
  [[nodiscard]] const std::string& numerics() const noexcept { return numerics_; }

 private:
  Runner(const Bundle& bundle, const SessionOptions& options, const Timed& timed);
  void open_model();
  void warm_up() const;
  void run_in_order() const;
  void run_golden(const GoldenCase& golden_case) const;
  // Runs the engine, which gives its outputs to `sink`.
  void run_to(OutputSink& sink, std::span<const ferry_tensor_view> inputs) const;
  void run_into_ordered(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs) const;
  // Tensors in contract order, which have been checked: copied from what the engine gives, or written by itself.
  void sink_into(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs,
                 SymbolValues& symbols) const;
  void write_into(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs) const;
  [[nodiscard]] NamedTensors empty_outputs(const SymbolValues& symbols) const;
  [[noreturn]] void fail(std::int32_t code, const ferry_engine_error& error) const;

  Bundle bundle_;
  SessionOptions options_;
  ContractChecker checker_;
  const Artifact* artifact_;
  std::unique_ptr<EngineHost> engine_;
  std::unique_ptr<isolation::Watchdog> watchdog_;  // of an engine in this process
  bool writes_;
  std::string runtime_;
  std::string numerics_;
};

// A borrowed view of each tensor, by name.
[[nodiscard]] std::vector<ferry_tensor_view> views_of(const NamedTensors& tensors);

}  // namespace ferry
