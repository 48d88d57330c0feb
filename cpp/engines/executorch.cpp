// The engine `executorch`: runs a .pte program with ExecuTorch's runtime, the XNNPACK delegate and the portable kernels, on
// `cpu`.
//
// The program is fully verified (executorch_program.hpp) and its own description of inputs and outputs is held to the contract
// before it is run (executorch_values.hpp): the runtime checks neither dtypes' ranks nor fixed dims by itself. A method runs one
// call at a time; calls from several threads take turns.
#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>

#include <cstdint>
#include <mutex>
#include <vector>

#include "executorch_program.hpp"
#include "executorch_runtime.hpp"
#include "executorch_values.hpp"
#include "ferry/engine.hpp"
#include "pte_door.hpp"

namespace {

using namespace ferry::et;
using executorch::runtime::EValue;
using ferry::engines::time_calls;

}  // namespace

// A loaded method and everything it stands on, in the order in which it is built.
struct ferry_engine_model {
 public:
  explicit ferry_engine_model(const ferry_open_request& request)
      : threads_(request.threads),
        bytes_(request.files[0]),
        program_(load_program(bytes_.loader(), request.files[0].path)),
        limits_(check_description(description_of(program_), request)),
        planned_(description_of(program_)),
        manager_(&method_memory_, planned_.allocator(), &temporary_memory_),
        method_(load_method(program_, manager_, threads_, request.files[0].path)) {}

  std::int32_t run(const ferry_tensor_view* inputs, std::size_t count, ferry_output_sink sink, void* context) {
    const std::scoped_lock turn(mutex_);
    const auto alone = threads_.use();
    execute(inputs, count);
    return outputs_of(method_).send(sink, context);
  }

  // The loop that a user of ExecuTorch would write.
  void run_direct(const ferry_tensor_view* inputs, std::size_t count, std::size_t calls, std::int64_t* nanoseconds) {
    const std::scoped_lock turn(mutex_);
    const auto alone = threads_.use();
    std::vector<EValue> outputs(method_.outputs_size());
    time_calls(calls, nanoseconds, [&] {
      execute(inputs, count);
      require(method_.get_outputs(outputs.data(), outputs.size()), FERRY_INTERNAL, "the program failed");
    });
  }

 private:
  void execute(const ferry_tensor_view* inputs, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      BorrowedTensor tensor(inputs[i], limits_[i]);
      require(method_.set_input(EValue(tensor.get()), i), FERRY_FORMAT, "the program does not take its inputs");
    }
    require(method_.execute(), FERRY_FORMAT, "the program failed");
  }

  Threads threads_;
  ProgramBytes bytes_;
  Program program_;
  Limits limits_;
  executorch::extension::MallocMemoryAllocator method_memory_;
  executorch::extension::MallocMemoryAllocator temporary_memory_;
  PlannedMemory planned_;
  MemoryManager manager_;
  Method method_;
  std::mutex mutex_;
};

namespace {

const char* numerics() noexcept { return ""; }

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) noexcept {
  return guarded(error, [&] {
    ferry::engines::require_cpu(*request, "ExecuTorch");
    const auto& file = request->files[0];
    ferry::engines::check_pte_program(file.path, {static_cast<const char*>(file.data), file.bytes});
    prepare_runtime();
    *model = new ferry_engine_model(*request);
  });
}

std::int32_t run_model(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, ferry_output_sink sink,
                       void* context, ferry_engine_error* error) noexcept {
  return guarded(error, [&] { return model->run(inputs, count, sink, context); });
}

std::int32_t run_direct(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, std::size_t calls,
                        std::int64_t* nanoseconds, ferry_engine_error* error) noexcept {
  return guarded(error, [&] { model->run_direct(inputs, count, calls, nanoseconds); });
}

void close_model(ferry_engine_model* model) noexcept { delete model; }

}  // namespace

extern "C" FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry() {
  static const ferry_engine engine = {.abi_version = FERRY_ENGINE_ABI_VERSION,
                                      .flags = 0,
                                      .name = "executorch",
                                      .runtime = "ExecuTorch " FERRY_EXECUTORCH_VERSION,
                                      .numerics = numerics,
                                      .open = open_model,
                                      .run = run_model,
                                      .run_direct = run_direct,
                                      .close = close_model,
                                      .prepare = nullptr,
                                      .run_into = nullptr};
  return &engine;
}
