#include "torchscript_weights.hpp"

#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/ir/alias_analysis.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>

namespace ferry::torchscript {

namespace {

constexpr std::size_t least_bytes = 4096;  // a page: less cannot be shared
constexpr std::uintptr_t alignment = 64;   // that of LibTorch's own memory, and of a record in its archives

// Where each record of the archive lies, by its size.
using Records = std::multimap<std::size_t, const std::byte*>;

Records read_records(const ferry_artifact_file& file, const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& bytes) {
  caffe2::serialize::PyTorchStreamReader reader(bytes);
  const auto* data = static_cast<const std::byte*>(file.data);
  Records records;
  for (const auto& name : reader.getAllRecords()) {
    const auto size = reader.getRecordSize(name);
    const auto offset = reader.getRecordOffset(name);
    const bool is_inside = offset <= file.bytes && size <= file.bytes - offset;
    if (is_inside && size >= least_bytes && reinterpret_cast<std::uintptr_t>(data + offset) % alignment == 0)
      records.emplace(size, data + offset);
  }
  return records;
}

// The record with these bytes, or null.
const std::byte* find_record(const Records& records, const void* data, std::size_t size) {
  const auto [first, last] = records.equal_range(size);
  const auto found = std::find_if(first, last, [&](const auto& record) { return std::memcmp(record.second, data, size) == 0; });
  return found == last ? nullptr : found->second;
}

void move_to_record(const at::Tensor& tensor, const Records& records) {
  if (!tensor.device().is_cpu() || !tensor.has_storage()) return;
  const auto& storage = tensor.storage();
  const auto* record = storage.data() == nullptr ? nullptr : find_record(records, storage.data(), storage.nbytes());
  if (record == nullptr) return;
  // Nothing writes there. NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  storage.set_data_ptr_noswap(at::DataPtr(const_cast<std::byte*>(record), at::kCPU));
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the blocks of a graph that LibTorch has just read
void visit(torch::jit::Block* block, const torch::jit::AliasDb& aliases, const Records& records) {
  for (auto* node : block->nodes()) {
    for (auto* inner : node->blocks()) visit(inner, aliases, records);
    const bool is_tensor = node->kind() == torch::jit::prim::Constant && node->hasAttribute(torch::jit::attr::value) &&
                           node->kindOf(torch::jit::attr::value) == torch::jit::AttributeKind::t;
    if (is_tensor && !aliases.hasWriters(node->output())) move_to_record(node->t(torch::jit::attr::value), records);
  }
}

}  // namespace

void keep_in_place(const ferry_open_request& request, const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& bytes,
                   const std::shared_ptr<torch::jit::Graph>& graph) {
  const auto records = read_records(request.files[0], bytes);
  if (records.empty()) return;
  visit(graph->block(), torch::jit::AliasDb(graph), records);
}

}  // namespace ferry::torchscript
