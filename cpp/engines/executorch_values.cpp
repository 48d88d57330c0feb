#include "executorch_values.hpp"

#include <executorch/runtime/backend/interface.h>
#include <executorch/runtime/core/exec_aten/util/scalar_type_util.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace ferry::et {

namespace {

using namespace engines;
using executorch::aten::ScalarType;

constexpr Dtypes<ScalarType> dtypes(ScalarType::Bool, ScalarType::Byte, ScalarType::Char, ScalarType::Short, ScalarType::Int,
                                    ScalarType::Long, ScalarType::Float, ScalarType::Double, ScalarType::Half,
                                    ScalarType::BFloat16);

bool is_c_order(Span<const std::uint8_t> dim_order) {
  for (std::size_t axis = 0; axis < dim_order.size(); ++axis)
    if (dim_order[axis] != axis) return false;
  return true;
}

void check_tensor(const std::string& where, const executorch::runtime::TensorInfo& info, const ferry_tensor_spec& spec) {
  const auto sizes = info.sizes();
  const auto dims = dims_of(spec);
  bool same =
      dtypes.from_runtime(info.scalar_type()) == spec.dtype && sizes.size() == dims.size() && is_c_order(info.dim_order());
  for (std::size_t axis = 0; same && axis < dims.size(); ++axis) same = dims[axis] < 0 || dims[axis] == sizes[axis];
  if (same) return;
  throw Refusal{FERRY_FORMAT, where + ' ' + spec.name + ": got " + executorch::runtime::toString(info.scalar_type()) +
                                  dims_text(sizes) + (is_c_order(info.dim_order()) ? "" : " in another order than C's") +
                                  " in the program, expected " + dims_text(dims) + " of the contract's dtype; export it again"};
}

Limits check_inputs(const MethodMeta& meta, const ferry_open_request& request) {
  require_count(meta.num_inputs(), request.input_count, "input", FERRY_FORMAT, "program");
  Limits limits;
  for (std::size_t i = 0; i < request.input_count; ++i) {
    const auto info = meta.input_tensor_meta(i);
    require(info.error(), FERRY_FORMAT, "got a program whose inputs are not all tensors");
    check_tensor("input", *info, request.inputs[i]);
    limits.emplace_back(info->sizes().begin(), info->sizes().end());
  }
  return limits;
}

void check_outputs(const MethodMeta& meta, const ferry_open_request& request) {
  require_count(meta.num_outputs(), request.output_count, "output", FERRY_FORMAT, "program");
  for (std::size_t i = 0; i < request.output_count; ++i) {
    const auto info = meta.output_tensor_meta(i);
    require(info.error(), FERRY_FORMAT, "got a program whose outputs are not all tensors");
    check_tensor("output", *info, request.outputs[i]);
  }
}

void check_backends(const MethodMeta& meta) {
  for (std::size_t i = 0; i < meta.num_backends(); ++i) {
    const auto name = meta.get_backend_name(i);
    require(name.error(), FERRY_FORMAT, "got a program with a delegate of no name");
    if (executorch::runtime::get_backend_class(*name) == nullptr)
      throw Refusal{FERRY_UNAVAILABLE, std::string("got a program for the backend ") + *name +
                                           ", which this ExecuTorch does not have; export it for XNNPACK"};
  }
}

}  // namespace

Limits check_description(const MethodMeta& meta, const ferry_open_request& request) {
  check_backends(meta);
  auto limits = check_inputs(meta, request);
  check_outputs(meta, request);
  return limits;
}

BorrowedTensor::BorrowedTensor(const ferry_tensor_view& view, const std::vector<std::int32_t>& limit)
    : layout_(view, limit),
      // The runtime copies inputs into the program's own memory.
      impl_(dtypes.to_runtime(view.dtype), view.rank, layout_.sizes.data(), borrowed(view), layout_.dim_order.data(),
            layout_.strides.data()) {}

BorrowedTensor::Layout::Layout(const ferry_tensor_view& view, const std::vector<std::int32_t>& limit) {
  const auto rank = static_cast<std::size_t>(view.rank);
  std::int32_t stride = 1;
  for (std::size_t axis = rank; axis-- > 0;) {
    if (view.shape[axis] > limit[axis])
      throw Refusal{FERRY_BAD_INPUT, std::string("input ") + view.name + ": dim " + std::to_string(axis) + ": got " +
                                         std::to_string(view.shape[axis]) + ", expected at most " + std::to_string(limit[axis]) +
                                         ", for which the program has planned its memory; split the batch"};
    sizes[axis] = static_cast<std::int32_t>(view.shape[axis]);
    dim_order[axis] = static_cast<std::uint8_t>(axis);
    strides[axis] = stride;
    stride *= std::max(sizes[axis], 1);
  }
}

namespace {

executorch::aten::Tensor output_of(const Method& method, std::size_t index) {
  const auto& value = method.get_output(index);
  if (!value.isTensor()) throw Refusal{FERRY_INTERNAL, "the program gives an output that is not a tensor, expected tensors only"};
  return value.toTensor();
}

}  // namespace

Views outputs_of(const Method& method) {
  Views views(method.outputs_size());
  for (std::size_t i = 0; i < method.outputs_size(); ++i) {
    const auto tensor = output_of(method, i);
    views.add(nullptr, dtypes.from_runtime(tensor.scalar_type()), {tensor.sizes().begin(), tensor.sizes().end()},
              tensor.const_data_ptr());
  }
  return views;
}

void write_outputs(const Method& method, std::span<const ferry_tensor_buffer> buffers) {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const auto tensor = output_of(method, i);
    const auto& buffer = buffers[i];
    const std::span shape(buffer.shape, static_cast<std::size_t>(buffer.rank));
    if (tensor.scalar_type() != dtypes.to_runtime(buffer.dtype) || !std::ranges::equal(tensor.sizes(), shape))
      throw Refusal{FERRY_MISMATCH, std::string("output ") + buffer.name + ": got " + dims_text(tensor.sizes()) + ", expected " +
                                        dims_text(shape) + " of the contract's dtype; the program does not keep its contract"};
    if (buffer.bytes > 0) std::memcpy(buffer.data, tensor.const_data_ptr(), buffer.bytes);
  }
}

}  // namespace ferry::et
