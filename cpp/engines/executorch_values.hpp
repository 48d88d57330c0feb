// Tensors at the border: a program's description held to the contract, the host's memory as inputs, the program's outputs as
// views.
#pragma once

#include <executorch/runtime/core/exec_aten/exec_aten.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "executorch_program.hpp"
#include "ferry/engine.hpp"

namespace ferry::et {

// The largest shape of each input.
using Limits = std::vector<std::vector<std::int32_t>>;

// Holds backends, inputs and outputs of the program to this runtime and to the contract. Throws Refusal.
[[nodiscard]] Limits check_description(const MethodMeta& meta, const ferry_open_request& request);

// The caller's memory as a tensor, with the storage of its description. `limit` is the largest shape that the program takes.
class BorrowedTensor {
 public:
  // Throws Refusal(FERRY_BAD_INPUT) beyond the limit.
  BorrowedTensor(const ferry_tensor_view& view, const std::vector<std::int32_t>& limit);
  BorrowedTensor(const BorrowedTensor&) = delete;
  BorrowedTensor& operator=(const BorrowedTensor&) = delete;
  ~BorrowedTensor() = default;
  [[nodiscard]] executorch::aten::Tensor get() { return executorch::aten::Tensor(&impl_); }

 private:
  // Arrays that the tensor points into.
  struct Layout {
    Layout(const ferry_tensor_view& view, const std::vector<std::int32_t>& limit);
    std::array<std::int32_t, engines::max_rank> sizes{};
    std::array<std::uint8_t, engines::max_rank> dim_order{};
    std::array<std::int32_t, engines::max_rank> strides{};
  };
  Layout layout_;
  executorch::aten::TensorImpl impl_;
};

// The outputs of one call as views of the program's memory. Throws Refusal for what is no tensor of a contract.
[[nodiscard]] engines::Views outputs_of(const Method& method);

// Copies the outputs of one call into memory of the caller. Throws Refusal(FERRY_MISMATCH) for another dtype or shape.
void write_outputs(const Method& method, std::span<const ferry_tensor_buffer> buffers);

}  // namespace ferry::et
