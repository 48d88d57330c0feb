#include "output_sink.hpp"

#include <cstdint>
#include <cstring>
#include <string>

namespace ferry {

std::int32_t OutputSink::receive(void* context, const ferry_tensor_view* outputs, std::size_t count) noexcept {
  auto& sink = *static_cast<OutputSink*>(context);
  try {
    sink.copy({outputs, count});
    return FERRY_OK;
  } catch (...) {
    sink.problem_ = std::current_exception();
    return FERRY_INTERNAL;
  }
}

void OutputSink::copy(std::span<const ferry_tensor_view> outputs) {
  const auto specs = checker_->outputs();
  if (received_ || outputs.size() != specs.size()) {
    throw Error(ErrorCode::mismatch, "outputs: got " + std::to_string(outputs.size()) + (received_ ? " more" : "") +
                                         ", expected " + std::to_string(specs.size()) +
                                         " once; the artifact does not keep the contract: export it again");
  }
  received_ = true;
  if (buffers_.empty()) tensors_.reserve(specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const ferry_tensor_view& output = find(outputs, i);
    checker_->check_output(i, output, *symbols_);
    if (!buffers_.empty()) {
      if (output.bytes > 0) std::memcpy(buffers_[i].data, output.data, output.bytes);
      continue;
    }
    const auto shape = shape_of(output);
    const std::span bytes(static_cast<const std::byte*>(output.data), output.bytes);
    tensors_.add(specs[i].spec->name, Tensor::copy(specs[i].spec->dtype, Shape(shape.begin(), shape.end()), bytes));
  }
}

const ferry_tensor_view& OutputSink::find(std::span<const ferry_tensor_view> outputs, std::size_t index) const {
  if (outputs[index].name == nullptr) return outputs[index];
  const std::string& wanted = checker_->outputs()[index].spec->name;
  for (const ferry_tensor_view& output : outputs) {
    if (output.name != nullptr && wanted == output.name) return output;
  }
  throw Error(ErrorCode::mismatch,
              "outputs: got none named " + wanted + ", expected it; the artifact does not keep the contract: export it again");
}

void OutputSink::require_received() const {
  if (!received_) throw Error(ErrorCode::internal, "outputs: got none from the engine, expected them before it returned success");
}

NamedTensors OutputSink::take() {
  require_received();
  return std::move(tensors_);
}

}  // namespace ferry
