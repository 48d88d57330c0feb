#include "rows.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace ferry {

namespace {

// One tensor of all calls; `index` is its place in each.
Tensor joined(std::span<const NamedTensors* const> calls, std::ptrdiff_t index) {
  const auto part = [index](const NamedTensors* call) -> const Tensor& { return (call->begin() + index)->second; };
  Shape shape = part(calls.front()).shape();
  shape.front() = 0;
  for (const NamedTensors* call : calls) shape.front() += part(call).shape().front();
  Tensor whole(part(calls.front()).dtype(), std::move(shape));
  std::span<std::byte> rest = whole.bytes();
  for (const NamedTensors* call : calls) {
    const std::span<const std::byte> bytes = part(call).bytes();
    std::copy(bytes.begin(), bytes.end(), rest.begin());
    rest = rest.subspan(bytes.size());
  }
  return whole;
}

}  // namespace

NamedTensors join_rows(std::span<const NamedTensors* const> calls) {
  NamedTensors whole;
  whole.reserve(calls.front()->size());
  for (std::size_t i = 0; i < calls.front()->size(); ++i) {
    const auto index = static_cast<std::ptrdiff_t>(i);
    whole.add((calls.front()->begin() + index)->first, joined(calls, index));
  }
  return whole;
}

NamedTensors cut_rows(const NamedTensors& outputs, std::size_t first, std::size_t count) {
  NamedTensors cut;
  cut.reserve(outputs.size());
  for (const auto& [name, tensor] : outputs) {
    Shape shape = tensor.shape();
    const std::size_t row = shape.front() == 0 ? 0 : tensor.bytes().size() / static_cast<std::size_t>(shape.front());
    shape.front() = static_cast<std::int64_t>(count);
    cut.add(name, Tensor::copy(tensor.dtype(), std::move(shape), tensor.bytes().subspan(first * row, count * row)));
  }
  return cut;
}

}  // namespace ferry
