// The engine `executorch`: runs a .pte program with ExecuTorch's runtime, the XNNPACK delegate and the portable kernels, on
// `cpu`.
//
// The program is fully verified (executorch_program.hpp) and its own description of inputs and outputs is held to the contract
// before it is run (executorch_values.hpp): the runtime checks neither dtypes' ranks nor fixed dims by itself. A method runs one
// call at a time: a model has as many as are asked for, and further calls wait.
#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
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

// A loaded method and the memory that it works in, in the order in which they are built. It takes one call at a time.
class LoadedMethod {
 public:
  LoadedMethod(const Program& program, const Threads& threads, const char* path)
      : planned_(description_of(program)),
        manager_(&method_memory_, planned_.allocator(), &temporary_memory_),
        method_(load_method(program, manager_, threads, path)) {}

  [[nodiscard]] Method& get() noexcept { return method_; }

  // Whether it was idle; then it is the caller's until `leave`.
  [[nodiscard]] bool take() noexcept { return !is_busy_.exchange(true); }
  void leave() noexcept { is_busy_.store(false); }

  void execute(const ferry_tensor_view* inputs, std::size_t count, const Limits& limits) {
    for (std::size_t i = 0; i < count; ++i) {
      BorrowedTensor tensor(inputs[i], limits[i]);
      require(method_.set_input(EValue(tensor.get()), i), FERRY_FORMAT, "the program does not take its inputs");
    }
    require(method_.execute(), FERRY_FORMAT, "the program failed");
  }

 private:
  executorch::extension::MallocMemoryAllocator method_memory_;
  executorch::extension::MallocMemoryAllocator temporary_memory_;
  PlannedMemory planned_;
  MemoryManager manager_;
  Method method_;
  std::atomic<bool> is_busy_ = false;
};

}  // namespace

// A loaded program with as many methods as calls may run at once.
struct ferry_engine_model {
 public:
  explicit ferry_engine_model(const ferry_open_request& request)
      : threads_(request.threads),
        bytes_(request.files[0], request.lasting != 0),
        program_(load_program(bytes_.loader(), request.files[0].path)),
        limits_(check_description(description_of(program_), request)) {
    for (std::int32_t i = 0; i < request.models; ++i)
      methods_.push_back(std::make_unique<LoadedMethod>(program_, threads_, request.files[0].path));
  }

  [[nodiscard]] std::int32_t concurrency() const noexcept { return static_cast<std::int32_t>(methods_.size()); }

  std::int32_t run(const ferry_tensor_view* inputs, std::size_t count, ferry_output_sink sink, void* context) {
    const Turn turn(*this);
    const auto alone = threads_.use();
    turn.method().execute(inputs, count, limits_);
    return outputs_of(turn.method().get()).send(sink, context);
  }

  void run_into(const ferry_tensor_view* inputs, std::size_t count, std::span<const ferry_tensor_buffer> outputs) {
    const Turn turn(*this);
    const auto alone = threads_.use();
    turn.method().execute(inputs, count, limits_);
    write_outputs(turn.method().get(), outputs);
  }

  // The loop that a user of ExecuTorch would write.
  void run_direct(const ferry_tensor_view* inputs, std::size_t count, std::size_t calls, std::int64_t* nanoseconds) {
    const Turn turn(*this);
    const auto alone = threads_.use();
    auto& method = turn.method().get();
    std::vector<EValue> outputs(method.outputs_size());
    time_calls(calls, nanoseconds, [&] {
      turn.method().execute(inputs, count, limits_);
      require(method.get_outputs(outputs.data(), outputs.size()), FERRY_INTERNAL, "the program failed");
    });
  }

 private:
  // A method for one call; waits until one is idle. While one is, no lock is taken: who leaves a method looks for those who wait
  // after it is idle, and who waits looks for idle ones after it is counted, so that one of the two sees the other.
  class Turn {
   public:
    explicit Turn(ferry_engine_model& model) : model_(&model), method_(take(model)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      method_->leave();
      if (model_->waiting_.load() == 0) return;
      const std::scoped_lock lock(model_->mutex_);
      model_->one_is_idle_.notify_one();
    }
    [[nodiscard]] LoadedMethod& method() const noexcept { return *method_; }

   private:
    static LoadedMethod* take(ferry_engine_model& model) {
      LoadedMethod* taken = take_idle(model);
      if (taken != nullptr) return taken;
      std::unique_lock lock(model.mutex_);
      ++model.waiting_;
      model.one_is_idle_.wait(lock, [&] { return (taken = take_idle(model)) != nullptr; });
      --model.waiting_;
      return taken;
    }
    static LoadedMethod* take_idle(ferry_engine_model& model) noexcept {
      for (const auto& method : model.methods_)
        if (method->take()) return method.get();
      return nullptr;
    }

    ferry_engine_model* model_;
    LoadedMethod* method_;
  };

  Threads threads_;
  ProgramBytes bytes_;
  Program program_;
  Limits limits_;
  std::vector<std::unique_ptr<LoadedMethod>> methods_;
  std::mutex mutex_;
  std::condition_variable one_is_idle_;
  std::atomic<int> waiting_ = 0;
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

std::int32_t run_into(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count,
                      const ferry_tensor_buffer* outputs, std::size_t output_count, ferry_engine_error* error) noexcept {
  return guarded(error, [&] { model->run_into(inputs, count, {outputs, output_count}); });
}

std::int32_t run_direct(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, std::size_t calls,
                        std::int64_t* nanoseconds, ferry_engine_error* error) noexcept {
  return guarded(error, [&] { model->run_direct(inputs, count, calls, nanoseconds); });
}

void close_model(ferry_engine_model* model) noexcept { delete model; }

std::int32_t concurrency(const ferry_engine_model* model) noexcept { return model->concurrency(); }

}  // namespace

extern "C" FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry() {
  static const ferry_engine engine = {.abi_version = FERRY_ENGINE_ABI_VERSION,
                                      .flags = FERRY_ENGINE_WRITES,
                                      .name = "executorch",
                                      .runtime = "ExecuTorch " FERRY_EXECUTORCH_VERSION,
                                      .numerics = numerics,
                                      .open = open_model,
                                      .run = run_model,
                                      .run_direct = run_direct,
                                      .close = close_model,
                                      .prepare = nullptr,
                                      .run_into = run_into,
                                      .concurrency = concurrency,
                                      .profile = nullptr};
  return &engine;
}
