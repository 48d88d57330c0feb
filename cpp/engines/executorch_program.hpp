// A .pte program: its bytes, the memory that it has planned for itself, and loading it.
#pragma once

#include <executorch/extension/data_loader/buffer_data_loader.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "executorch_runtime.hpp"

namespace ferry::et {

using executorch::runtime::DataLoader;
using executorch::runtime::HierarchicalAllocator;
using executorch::runtime::MemoryManager;
using executorch::runtime::Method;
using executorch::runtime::MethodMeta;
using executorch::runtime::Program;
using executorch::runtime::Span;

// The bytes of a file, aligned as ExecuTorch's segments are, for as long as a program points into them. Where the host's last
// until the model is closed, they are used where they lie; else all models of this process share one copy.
class ProgramBytes {
 public:
  ProgramBytes(const ferry_artifact_file& file, bool lasting);
  [[nodiscard]] DataLoader* loader() { return &loader_; }

 private:
  std::shared_ptr<const void> bytes_;
  executorch::extension::BufferDataLoader loader_;
};

// Memory that the system zeroes when it is first touched: a small batch pays for little of what the largest would need.
class LazyMemory {
 public:
  explicit LazyMemory(std::size_t bytes);
  [[nodiscard]] Span<std::uint8_t> span() const { return {start_.get(), bytes_}; }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const { std::free(memory); }  // NOLINT(*-no-malloc)
  };
  std::size_t bytes_;
  std::unique_ptr<std::uint8_t, Free> start_;
};

// The memory that the program has planned for itself, for its largest batch.
class PlannedMemory {
 public:
  // Throws Refusal(FERRY_FORMAT) for a plan that makes no sense.
  explicit PlannedMemory(const MethodMeta& meta);
  [[nodiscard]] HierarchicalAllocator* allocator() { return &allocator_; }

 private:
  std::vector<LazyMemory> buffers_;
  std::vector<Span<std::uint8_t>> spans_;
  HierarchicalAllocator allocator_;
};

// Loads and verifies a program: offsets, not only the header. `file`: for messages. Throws Refusal.
[[nodiscard]] Program load_program(DataLoader* loader, const std::string& file);

// The program's own description of its one method. Throws Refusal(FERRY_FORMAT) without it.
[[nodiscard]] MethodMeta description_of(const Program& program);

// Prepares the method. Throws Refusal: FERRY_UNAVAILABLE where this ExecuTorch lacks an operator of it.
[[nodiscard]] Method load_method(const Program& program, MemoryManager& manager, const Threads& threads, const std::string& file);

}  // namespace ferry::et
