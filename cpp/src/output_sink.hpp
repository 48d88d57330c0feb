// Where an engine puts its outputs: they are checked against the contract, brought into its order and copied once.
#pragma once

#include <ferry/engine.h>

#include <cstdint>
#include <exception>
#include <ferry/ferry.hpp>
#include <span>

#include "contract.hpp"

namespace ferry {

class OutputSink {
 public:
  OutputSink(const ContractChecker& checker, SymbolValues& symbols) : checker_(&checker), symbols_(&symbols) {}
  // Copies into the caller's memory instead, which has been checked.
  OutputSink(const ContractChecker& checker, SymbolValues& symbols, std::span<const ferry_tensor_buffer> buffers)
      : checker_(&checker), symbols_(&symbols), buffers_(buffers) {}

  // The ferry_output_sink; `context` is an OutputSink. Nothing is thrown through the engine: what went wrong is kept for `take`.
  static std::int32_t receive(void* context, const ferry_tensor_view* outputs, std::size_t count) noexcept;

  // Throws what `receive` met.
  void rethrow() const {
    if (problem_ != nullptr) std::rethrow_exception(problem_);
  }
  // Throws Error(internal) where the engine gave nothing.
  void require_received() const;
  // The outputs. Throws Error(internal) where the engine gave none.
  [[nodiscard]] NamedTensors take();

 private:
  void copy(std::span<const ferry_tensor_view> outputs);
  [[nodiscard]] const ferry_tensor_view& find(std::span<const ferry_tensor_view> outputs, std::size_t index) const;

  const ContractChecker* checker_;
  SymbolValues* symbols_;
  std::span<const ferry_tensor_buffer> buffers_;
  NamedTensors tensors_;
  bool received_ = false;
  std::exception_ptr problem_;
};

}  // namespace ferry
