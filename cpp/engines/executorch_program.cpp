#include "executorch_program.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

namespace ferry::et {

using engines::Refusal;
using executorch::runtime::Error;

namespace {

constexpr auto method_name = "forward";

std::vector<LazyMemory> allocate(const MethodMeta& meta) {
  std::vector<LazyMemory> buffers;
  buffers.reserve(meta.num_memory_planned_buffers());
  for (std::size_t i = 0; i < meta.num_memory_planned_buffers(); ++i) {
    const auto size = meta.memory_planned_buffer_size(i);
    require(size.error(), FERRY_FORMAT, "got a program with a broken memory plan");
    if (*size < 0) throw Refusal{FERRY_FORMAT, "got a program with a broken memory plan, expected sizes of at least 0"};
    buffers.emplace_back(static_cast<std::size_t>(*size));
  }
  return buffers;
}

std::vector<Span<std::uint8_t>> spans_of(const std::vector<LazyMemory>& buffers) {
  std::vector<Span<std::uint8_t>> spans;
  spans.reserve(buffers.size());
  for (const LazyMemory& buffer : buffers) spans.push_back(buffer.span());
  return spans;
}

constexpr std::align_val_t alignment{64};

std::shared_ptr<const void> copy_of(const ferry_artifact_file& file) {
  const std::shared_ptr<void> copy(::operator new(file.bytes, alignment),
                                   [](void* memory) { ::operator delete(memory, alignment); });
  if (file.bytes > 0) std::memcpy(copy.get(), file.data, file.bytes);
  return copy;
}

// By its SHA-256: the host has checked that these are the bytes.
std::shared_ptr<const void> shared_copy_of(const ferry_artifact_file& file) {
  static std::mutex mutex;
  static auto& copies = *new std::map<std::string, std::weak_ptr<const void>>;
  const std::scoped_lock lock(mutex);
  std::erase_if(copies, [](const auto& item) { return item.second.expired(); });
  auto& kept = copies[file.sha256];
  auto copy = kept.lock();
  if (copy == nullptr) kept = copy = copy_of(file);
  return copy;
}

std::shared_ptr<const void> bytes_for(const ferry_artifact_file& file, bool lasting) {
  const auto misplaced = reinterpret_cast<std::uintptr_t>(file.data) % static_cast<std::size_t>(alignment);
  if (lasting && misplaced == 0) return {std::shared_ptr<const void>(), file.data};
  return shared_copy_of(file);
}

}  // namespace

ProgramBytes::ProgramBytes(const ferry_artifact_file& file, bool lasting)
    : bytes_(bytes_for(file, lasting)), loader_(bytes_.get(), file.bytes) {}

LazyMemory::LazyMemory(std::size_t bytes)
    : bytes_(bytes), start_(static_cast<std::uint8_t*>(std::calloc(std::max<std::size_t>(bytes, 1), 1))) {  // NOLINT(*-no-malloc)
  if (start_ == nullptr) throw std::bad_alloc();
}

PlannedMemory::PlannedMemory(const MethodMeta& meta)
    : buffers_(allocate(meta)), spans_(spans_of(buffers_)), allocator_({spans_.data(), spans_.size()}) {}

Program load_program(DataLoader* loader, const std::string& file) {
  auto program = Program::load(loader, Program::Verification::InternalConsistency);
  require(program.error(), FERRY_FORMAT, file + ": got a file that ExecuTorch " FERRY_EXECUTORCH_VERSION " cannot load");
  return std::move(*program);
}

MethodMeta description_of(const Program& program) {
  auto meta = program.method_meta(method_name);
  require(meta.error(), FERRY_FORMAT, "got a program without a method `forward`");
  return *meta;
}

Method load_method(const Program& program, MemoryManager& manager, const Threads& threads, const std::string& file) {
  const auto alone = threads.use();
  auto method = program.load_method(method_name, &manager);
  require(method.error(), method.error() == Error::OperatorMissing ? FERRY_UNAVAILABLE : FERRY_FORMAT,
          file + ": got a program that ExecuTorch " FERRY_EXECUTORCH_VERSION " cannot prepare");
  return std::move(*method);
}

}  // namespace ferry::et
