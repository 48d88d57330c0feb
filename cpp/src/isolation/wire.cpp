#include "isolation/wire.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <ferry/ferry.hpp>
#include <string_view>

namespace ferry::isolation {

namespace {

constexpr std::int32_t max_rank = 8;

// One tensor in a region. Offsets are from the region's first byte.
struct Record {
  std::int32_t dtype = 0;
  std::int32_t rank = 0;
  std::array<std::int64_t, max_rank> shape{};
  std::uint64_t name = 0;  // of a text that ends in a zero; 0: the tensor has no name
  std::uint64_t name_bytes = 0;
  std::uint64_t data = 0;
  std::uint64_t bytes = 0;
};

std::size_t aligned(std::size_t at) { return (at + alignment - 1) / alignment * alignment; }

std::size_t name_size(const ferry_tensor_view& tensor) { return tensor.name == nullptr ? 0 : std::strlen(tensor.name) + 1; }

[[noreturn]] void fail_outputs() {
  throw Error(ErrorCode::mismatch,
              "outputs: got tensors that do not lie in the memory for them, expected those of the contract; export it again");
}

bool lies_inside(std::span<const std::byte> region, std::uint64_t at, std::uint64_t bytes) {
  return at <= region.size() && bytes <= region.size() - at;
}

ferry_tensor_view view_of(std::span<const std::byte> region, std::size_t at) {
  const auto& record = *reinterpret_cast<const Record*>(region.data() + at);
  const bool is_sound = record.rank >= 0 && record.rank <= max_rank && record.data % alignment == 0 &&
                        lies_inside(region, record.name, record.name_bytes) && lies_inside(region, record.data, record.bytes);
  if (!is_sound) fail_outputs();
  const auto* name = record.name_bytes == 0 ? nullptr : reinterpret_cast<const char*>(region.data() + record.name);
  if (name != nullptr && name[record.name_bytes - 1] != '\0') fail_outputs();
  return {name, record.dtype, record.rank, record.shape.data(), region.data() + record.data, record.bytes};
}

// Puts a request together: numbers, and blocks of bytes each of which begins at an aligned place.
class Writer {
 public:
  void number(std::uint64_t value) {
    parts_.push_back({size_, nullptr, sizeof value, value});
    size_ += sizeof value;
  }
  void block(const void* data, std::size_t bytes) {
    number(bytes);
    size_ = aligned(size_);
    add(data, bytes);
    size_ = aligned(size_);
  }
  void text(const char* value) { block(value, std::strlen(value) + 1); }
  void specs(std::span<const ferry_tensor_spec> specs) {
    number(specs.size());
    for (const auto& spec : specs) {
      text(spec.name);
      number(static_cast<std::uint64_t>(spec.dtype));
      block(spec.shape, static_cast<std::size_t>(spec.rank) * sizeof *spec.shape);
    }
  }
  [[nodiscard]] SharedRequest finish() const {
    SharedRequest shared{shared_memory(std::max(size_, alignment)), std::max(size_, alignment)};
    const Mapping mapping(shared.memory.descriptor(), shared.bytes, true);
    for (const auto& part : parts_) {
      const auto from = part.data == nullptr ? std::as_bytes(std::span(&part.value, 1)) : std::span(part.data, part.bytes);
      std::ranges::copy(from, mapping.bytes().subspan(part.at).begin());
    }
    return shared;
  }

 private:
  struct Part {
    std::size_t at;
    const std::byte* data;  // null: `value`
    std::size_t bytes;
    std::uint64_t value;
  };
  void add(const void* data, std::size_t bytes) {
    if (bytes == 0) return;
    parts_.push_back({size_, static_cast<const std::byte*>(data), bytes, 0});
    size_ += bytes;
  }

  std::vector<Part> parts_;
  std::size_t size_ = 0;
};

}  // namespace

std::size_t bytes_for(std::span<const ferry_tensor_view> tensors) {
  std::size_t at = tensors.size() * sizeof(Record);
  for (const auto& tensor : tensors) {
    if (tensor.rank < 0 || tensor.rank > max_rank) fail_outputs();
    at = aligned(at + name_size(tensor)) + tensor.bytes;
  }
  return aligned(at);
}

void write_tensors(std::span<const ferry_tensor_view> tensors, std::span<std::byte> region) {
  std::size_t at = tensors.size() * sizeof(Record);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& tensor = tensors[i];
    Record record{.dtype = tensor.dtype, .rank = tensor.rank, .name = at, .name_bytes = name_size(tensor), .bytes = tensor.bytes};
    std::copy_n(tensor.shape, tensor.rank, record.shape.begin());
    if (record.name_bytes != 0) std::memcpy(region.data() + at, tensor.name, record.name_bytes);
    record.data = aligned(at + record.name_bytes);
    if (tensor.bytes != 0) std::memcpy(region.data() + record.data, tensor.data, tensor.bytes);
    at = record.data + tensor.bytes;
    std::memcpy(region.data() + i * sizeof record, &record, sizeof record);
  }
}

std::vector<ferry_tensor_view> read_tensors(std::span<const std::byte> region, std::size_t count) {
  if (count > region.size() / sizeof(Record)) fail_outputs();
  std::vector<ferry_tensor_view> views;
  views.reserve(count);
  for (std::size_t i = 0; i < count; ++i) views.push_back(view_of(region, i * sizeof(Record)));
  return views;
}

SharedRequest write_request(const ferry_open_request& request) {
  Writer writer;
  writer.text(request.format);
  writer.text(request.device);
  writer.number(static_cast<std::uint64_t>(request.threads));
  writer.number(request.file_count);
  for (const auto& file : std::span(request.files, request.file_count)) {
    writer.text(file.path);
    writer.text(file.sha256);
    writer.block(file.data, file.bytes);
  }
  writer.number(request.require_count);
  for (const auto& requirement : std::span(request.requires_, request.require_count)) {
    writer.text(requirement.key);
    writer.text(requirement.value);
  }
  writer.specs({request.inputs, request.input_count});
  writer.specs({request.outputs, request.output_count});
  writer.number(request.allowed_operator_count);
  for (const char* name : std::span(request.allowed_operators, request.allowed_operator_count)) writer.text(name);
  return writer.finish();
}

std::uint64_t ReceivedRequest::number() {
  std::uint64_t value = 0;
  std::memcpy(&value, memory_.subspan(at_, sizeof value).data(), sizeof value);
  at_ += sizeof value;
  return value;
}

std::span<const std::byte> ReceivedRequest::block() {
  const auto bytes = number();
  const auto found = memory_.subspan(aligned(at_), bytes);
  at_ = aligned(aligned(at_) + bytes);
  return found;
}

const char* ReceivedRequest::text() { return reinterpret_cast<const char*>(block().data()); }

std::vector<ferry_tensor_spec> ReceivedRequest::specs() {
  std::vector<ferry_tensor_spec> found(number());
  for (auto& spec : found) {
    spec.name = text();
    spec.dtype = static_cast<std::int32_t>(number());
    const auto bytes = block();
    auto& shape = shapes_.emplace_back(bytes.size() / sizeof(std::int64_t));
    if (!bytes.empty()) std::memcpy(shape.data(), bytes.data(), bytes.size());
    spec.rank = static_cast<std::int32_t>(shape.size());
    spec.shape = shape.data();
  }
  return found;
}

ReceivedRequest::ReceivedRequest(std::span<const std::byte> memory) : memory_(memory) {
  request_.format = text();
  request_.device = text();
  request_.threads = static_cast<std::int32_t>(number());
  files_.resize(number());
  for (auto& file : files_) {
    file.path = text();
    file.sha256 = text();
    const auto bytes = block();
    file.data = bytes.data();
    file.bytes = bytes.size();
  }
  requirements_.resize(number());
  for (auto& [key, value] : requirements_) {
    key = text();
    value = text();
  }
  inputs_ = specs();
  outputs_ = specs();
  operators_.resize(number());
  for (auto& name : operators_) name = text();
  request_ = {request_.format,
              files_.data(),
              files_.size(),
              requirements_.data(),
              requirements_.size(),
              inputs_.data(),
              inputs_.size(),
              outputs_.data(),
              outputs_.size(),
              request_.device,
              request_.threads,
              operators_.data(),
              operators_.size(),
              1,
              0};
}

}  // namespace ferry::isolation
