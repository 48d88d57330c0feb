// The engine `aoti`: runs AOTInductor's shared library out of a .pt2 on `cpu` or `cuda:N`. It is machine code of the bundle.
//
// The manifest's requirements are asked first and the package is judged (aoti_package.hpp); then its library is written into a
// private folder, loaded, and the folder removed. LibTorch's package loader is left out: it reads the zip again, leaves its
// folder behind when a load fails, and races with itself. A library is loaded once per process, because loading it again costs
// memory that nothing gives back.
#include <c10/core/InferenceMode.h>
#include <torch/csrc/inductor/aoti_runner/model_container_runner.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "aoti_package.hpp"
#include "aoti_requirements.hpp"
#include "ferry/engine.hpp"
#include "libtorch_host.hpp"
#include "libtorch_values.hpp"
#include "libtorch_version.hpp"
#include "private_folder.hpp"

namespace {

using namespace ferry::libtorch;
using ferry::engines::time_calls;
using torch::inductor::AOTIModelContainerRunner;

}  // namespace

// A model that was opened: what the host holds between open and close. Sessions on the same bytes and device share the library.
struct ferry_engine_model {
  AOTIModelContainerRunner* library = nullptr;
  at::Device device;
  int threads = 1;
  int models = 1;
};

namespace {

// ---- open -----------------------------------------------------------------------------------------------------------

// The package for the device: `*.cuda.pt2` for CUDA, the artifact's first file for the CPU.
const ferry_artifact_file& choose_file(const ferry_open_request& request, at::Device device) {
  if (device.is_cpu()) return request.files[0];
  for (std::size_t i = 0; i < request.file_count; ++i)
    if (std::string_view(request.files[i].path).ends_with(".cuda.pt2")) return request.files[i];
  throw Refusal{FERRY_UNAVAILABLE,
                std::string("--device: got ") + request.device +
                    ", expected cpu: the bundle has no AOTInductor package for CUDA; export it on a machine with CUDA"};
}

ferry::aoti::Library judge(const ferry_artifact_file& file) {
  try {
    return ferry::aoti::open_package(file.path, ferry::engines::bytes_of(file));
  } catch (const ferry::aoti::PackageError& error) {
    throw Refusal{FERRY_FORMAT, error.what()};
  }
}

std::unique_ptr<AOTIModelContainerRunner> load(const ferry_artifact_file& file, at::Device device, int models) {
  const auto package = judge(file);
  ferry::engines::PrivateFolder folder("ferry-aoti-");
  std::string library;
  for (const auto& [name, content] : package.files) {
    auto path = folder.write(name, content);
    if (name == package.name) library = std::move(path);
  }
  const auto& runners = torch::inductor::getAOTIModelRunnerRegistry();
  const auto runner = runners.find(device.is_cpu() ? "cpu" : "cuda");
  if (runner == runners.end())
    throw Refusal{FERRY_UNAVAILABLE, "this LibTorch " TORCH_VERSION " has no AOTInductor for " + device.str()};
  return runner->second(library, static_cast<std::size_t>(models), device.str(), folder.path(), /*run_single_threaded=*/false);
}

// Opens are serialised: LibTorch's are not safe beside each other.
AOTIModelContainerRunner& load_once(const ferry_artifact_file& file, at::Device device, int models) {
  static std::mutex mutex;
  static auto& loaded =
      *new std::map<std::tuple<std::string, std::string, int>, std::unique_ptr<AOTIModelContainerRunner>>;  // as long as LibTorch
  const std::scoped_lock lock(mutex);
  auto& runner = loaded[{file.sha256, device.str(), models}];
  if (runner == nullptr) runner = load(file, device, models);
  return *runner;
}

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) noexcept {
  const auto task = std::string(request->files[0].path) + ": LibTorch cannot load it";
  return guarded(error, FERRY_FORMAT, task, [&] {
    require_version();
    if (const auto shortcoming = ferry::aoti::find_shortcoming(*request, TORCH_VERSION))
      throw Refusal{shortcoming->code, shortcoming->text};
    const c10::InferenceMode inference;
    const auto device = require_device(request->device);
    auto& library = load_once(choose_file(*request, device), device, request->models);
    *model = new ferry_engine_model{&library, device, request->threads, request->models};
  });
}

// ---- run ------------------------------------------------------------------------------------------------------------

constexpr auto run_task = "the model failed on these inputs";

std::vector<at::Tensor> borrow_all(const ferry_engine_model& model, const ferry_tensor_view* inputs, std::size_t count) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(count);
  for (std::size_t i = 0; i < count; ++i) tensors.push_back(borrow(inputs[i], model.device));
  return tensors;
}

std::vector<at::Tensor> run_library(const ferry_engine_model& model, const ferry_tensor_view* inputs, std::size_t count) {
  auto outputs = model.library->run(borrow_all(model, inputs, count));
  for (auto& output : outputs) output = to_host(output);
  return outputs;
}

std::int32_t run_model(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, ferry_output_sink sink,
                       void* context, ferry_engine_error* error) noexcept {
  return guarded(error, FERRY_FORMAT, run_task, [&] {
    const c10::InferenceMode inference;
    use_threads(model->threads);
    const auto outputs = run_library(*model, inputs, count);
    std::vector<ferry_tensor_view> views;
    views.reserve(outputs.size());
    for (const auto& output : outputs) views.push_back(view_of(nullptr, output));
    return sink(context, views.data(), views.size());
  });
}

// The loop that a user of LibTorch would write.
std::int32_t run_direct(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, std::size_t calls,
                        std::int64_t* nanoseconds, ferry_engine_error* error) noexcept {
  return guarded(error, FERRY_FORMAT, run_task, [&] {
    const c10::InferenceMode inference;
    use_threads(model->threads);
    time_calls(calls, nanoseconds, [&] { return run_library(*model, inputs, count); });
  });
}

void close_model(ferry_engine_model* model) noexcept { delete model; }

std::int32_t concurrency(const ferry_engine_model* model) noexcept { return model->models; }

const char* numerics() noexcept { return ""; }

}  // namespace

extern "C" FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry() {
  static const ferry_engine engine = {.abi_version = FERRY_ENGINE_ABI_VERSION,
                                      .flags = FERRY_ENGINE_NATIVE_CODE,
                                      .name = "aoti",
                                      .runtime = "LibTorch " TORCH_VERSION " AOTInductor",
                                      .numerics = numerics,
                                      .open = open_model,
                                      .run = run_model,
                                      .run_direct = run_direct,
                                      .close = close_model,
                                      .prepare = nullptr,
                                      .run_into = nullptr,
                                      .concurrency = concurrency,
                                      .profile = nullptr};
  return &engine;
}
