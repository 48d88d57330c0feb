// The engine `torchscript`: runs a TorchScript archive with LibTorch on `cpu` or `cuda:N`.
//
// The model is loaded from the verified bytes, frozen without any change of its numerics, and run without the profiling executor
// (whose first calls cost 40 times a steady one), so that its bits are those of Python's eager mode. TorchScript has no fixed
// upper bound of memory or time while it loads. What it may do is judged before that (torchscript_door.hpp).
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/print_handler.h>
#include <torch/script.h>
#include <torch/version.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ferry/engine.hpp"
#include "libtorch_host.hpp"
#include "libtorch_values.hpp"
#include "libtorch_version.hpp"
#include "processor.hpp"
#include "torchscript_door.hpp"
#include "torchscript_probe.hpp"
#include "torchscript_profile.hpp"
#include "torchscript_weights.hpp"

// A model that was opened: what the host holds between open and close. Nothing in it changes during run.
struct ferry_engine_model {
  torch::jit::Module module;
  torch::jit::Method forward;
  at::Device device;
  int threads;
  std::vector<bool> written_inputs;  // in contract order: does the model write into it?
};

namespace {

using namespace ferry::libtorch;
using ferry::engines::time_calls;
namespace torchscript = ferry::torchscript;

// ---- open -----------------------------------------------------------------------------------------------------------

// Reads the archive from the verified bytes. LibTorch's own MemoryReadAdapter of 2.11 trusts the offsets that the archive names.
class VerifiedBytes final : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit VerifiedBytes(const ferry_artifact_file& file) : data_(static_cast<const char*>(file.data)), size_(file.bytes) {}

  [[nodiscard]] std::size_t size() const override { return size_; }

  std::size_t read(std::uint64_t position, void* buffer, std::size_t count, const char* /*what*/) const override {
    if (position >= size_) return 0;
    const auto size = std::min<std::size_t>(count, size_ - position);
    std::memcpy(buffer, data_ + position, size);
    return size;
  }

 private:
  const char* data_;
  std::size_t size_;
};

// Where a model's `print` goes: of our models to stderr, since stdout holds answers. Of others in this process, as those of
// PyTorch in Python, it goes where it went before.
thread_local int our_calls = 0;
std::atomic<torch::jit::PrintHandler> handler_before = nullptr;

class OurCall {
 public:
  OurCall() { ++our_calls; }
  OurCall(const OurCall&) = delete;
  OurCall& operator=(const OurCall&) = delete;
  ~OurCall() { --our_calls; }
};

void print_text(const std::string& text) {
  const auto before = handler_before.load();
  if (our_calls > 0 || before == nullptr || before == torch::jit::getDefaultPrintHandler())
    std::cerr << text;  // the default writes to stdout, and threads that a model forks know no call
  else
    before(text);
}

// Settings of the whole process: LibTorch has no narrower place for them.
void set_process() {
  if (const auto handler = torch::jit::getPrintHandler(); handler != &print_text) {
    handler_before = handler;
    torch::jit::setPrintHandler(&print_text);
  }
  torch::jit::getProfilingMode() = false;
}

torch::jit::Module load_frozen(const ferry_open_request& request, const std::shared_ptr<VerifiedBytes>& bytes,
                               at::Device device) {
  torchscript::check_archive(request, bytes);
  auto module = torch::jit::load(bytes, device);
  torchscript::check_functions(request, *module._ivalue()->compilation_unit());
  module.eval();
  return torch::jit::freeze(module, std::nullopt, /*optimize_numerics=*/false);
}

// The graph's inputs without the first, which is the module itself. They must be as many as the contract's, and tensors: the
// interpreter trusts its caller in both.
std::vector<const torch::jit::Value*> tensor_inputs(const torch::jit::Graph& graph, const ferry_open_request& request) {
  const std::vector<const torch::jit::Value*> inputs(graph.inputs().begin() + 1, graph.inputs().end());
  const auto is_tensor = [](const torch::jit::Value* input) { return c10::TensorType::get()->isSubtypeOf(*input->type()); };
  if (inputs.size() == request.input_count && std::all_of(inputs.begin(), inputs.end(), is_tensor)) return inputs;
  std::string got;
  for (const auto* input : inputs) got += (got.empty() ? "" : ", ") + input->type()->repr_str();
  throw Refusal{FERRY_FORMAT, std::string(request.files[0].path) + ": got a model of inputs (" + got + "), expected " +
                                  std::to_string(request.input_count) + " tensors as in the contract; export it again"};
}

// Which inputs the model writes into (x.mul_(2)), in contract order.
std::vector<bool> find_written_inputs(const torch::jit::Method& forward, const ferry_open_request& request) {
  const auto graph = forward.graph();
  const torch::jit::AliasDb aliases(graph);
  std::vector<bool> written;
  for (const auto* input : tensor_inputs(*graph, request)) written.push_back(aliases.hasWriters(input));
  return written;
}

std::string load_task(const ferry_open_request& request) {
  return std::string(request.files[0].path) + ": LibTorch cannot load it";
}

std::unique_ptr<ferry_engine_model> load(const ferry_open_request& request) {
  require_version();
  const c10::InferenceMode inference;
  const auto device = require_device(request.device);
  set_process();
  const auto bytes = std::make_shared<VerifiedBytes>(request.files[0]);
  auto module = load_frozen(request, bytes, device);
  auto forward = module.get_method("forward");
  if (request.lasting != 0) torchscript::keep_in_place(request, bytes, forward.graph());
  auto written = find_written_inputs(forward, request);
  return std::make_unique<ferry_engine_model>(
      ferry_engine_model{std::move(module), std::move(forward), device, request.threads, std::move(written)});
}

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) noexcept {
  return guarded(error, FERRY_FORMAT, load_task(*request), [&] { *model = load(*request).release(); });
}

// ---- run ------------------------------------------------------------------------------------------------------------

std::vector<c10::IValue> borrow_all(const ferry_engine_model& model, const ferry_tensor_view* inputs, std::size_t count) {
  std::vector<c10::IValue> tensors;
  tensors.reserve(count + 1);  // the interpreter puts the module itself before them
  for (std::size_t i = 0; i < count; ++i) {
    const auto tensor = borrow(inputs[i], model.device);
    tensors.emplace_back(model.written_inputs[i] && model.device.is_cpu() ? tensor.clone() : tensor);
  }
  return tensors;
}

constexpr auto run_task = "the model failed on these inputs";

std::int32_t run_model(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, ferry_output_sink sink,
                       void* context, ferry_engine_error* error) noexcept {
  return guarded(error, FERRY_BAD_INPUT, run_task, [&] {
    const c10::InferenceMode inference;
    const OurCall ours;
    use_threads(model->threads);
    auto stack = borrow_all(*model, inputs, count);
    model->forward.run(stack);  // leaves the result on the stack
    const Outputs outputs(stack.front());
    return sink(context, outputs.views().data(), outputs.views().size());
  });
}

std::vector<at::Tensor> to_tensors(const c10::IValue& result) {
  const auto on_host = [](const c10::IValue& value) { return value.toTensor().to(at::kCPU).contiguous(); };
  std::vector<at::Tensor> tensors;
  if (result.isTensor()) {
    tensors.push_back(on_host(result));
  } else if (is_sequence(result)) {
    for (const auto& element : elements_of(result)) tensors.push_back(on_host(element));
  } else {
    for (const auto& item : result.toGenericDict()) tensors.push_back(on_host(item.value()));
  }
  return tensors;
}

// The loop that a user of LibTorch would write, deliberately without the shortcuts of `run`.
std::int32_t run_direct(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, std::size_t calls,
                        std::int64_t* nanoseconds, ferry_engine_error* error) noexcept {
  return guarded(error, FERRY_BAD_INPUT, run_task, [&] {
    const c10::InferenceMode inference;
    const OurCall ours;
    use_threads(model->threads);
    time_calls(calls, nanoseconds, [&] { return to_tensors(model->module.forward(borrow_all(*model, inputs, count))); });
  });
}

// ---- profile ----------------------------------------------------------------------------------------------------------

std::int32_t profile(const ferry_open_request* request, const ferry_tensor_view* inputs, std::size_t count, std::size_t calls,
                     ferry_layer_sink sink, void* context, ferry_engine_error* error) noexcept {
  return guarded(error, FERRY_BAD_INPUT, run_task, [&] {
    ferry::engines::require_cpu(*request, "timing the operators of a call");
    const auto model = load(*request);
    const c10::InferenceMode inference;
    const OurCall ours;
    use_threads(model->threads);
    const auto call = [&] {
      auto stack = borrow_all(*model, inputs, count);
      model->forward.run(stack);
    };
    constexpr int unmeasured_calls = 3;
    for (int i = 0; i < unmeasured_calls; ++i) call();
    ferry::engines::LayerTimes times;
    for (std::size_t i = 0; i < calls; ++i) torchscript::time_operators(call, times);
    return times.send(sink, context);
  });
}

void close_model(ferry_engine_model* model) noexcept { const std::unique_ptr<ferry_engine_model> owned(model); }

// ---- description ----------------------------------------------------------------------------------------------------

const char* numerics() noexcept {
  try {
    static const std::string text = std::string("torch " TORCH_VERSION ", ") + (at::hasMKL() ? "mkl" : "no mkl") + ", " +
                                    at::get_cpu_capability() + ", " + ferry::processor_name() + ", kernels " + kernel_probe();
    return text.c_str();
  } catch (...) {
    return "";
  }
}

}  // namespace

extern "C" FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry() {
  static const ferry_engine engine = {.abi_version = FERRY_ENGINE_ABI_VERSION,
                                      .flags = FERRY_ENGINE_PROFILES | FERRY_ENGINE_SHARES_MODELS,
                                      .name = "torchscript",
                                      .runtime = "LibTorch " TORCH_VERSION,
                                      .numerics = numerics,
                                      .open = open_model,
                                      .run = run_model,
                                      .run_direct = run_direct,
                                      .close = close_model,
                                      .prepare = nullptr,
                                      .run_into = nullptr,
                                      .concurrency = nullptr,
                                      .profile = profile};
  return &engine;
}
