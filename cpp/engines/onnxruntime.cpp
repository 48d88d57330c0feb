// The engine `onnxruntime`: runs an ONNX model with ONNX Runtime's C API, on `cpu`.
//
// The model is loaded from the verified bytes; its own description of inputs and outputs is held to the contract before it is
// run. ONNX Runtime's library is opened when the plugin is (onnxruntime_library.hpp); nothing is linked to it.
#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ferry/engine.h"
#include "onnxruntime_values.hpp"
#include "refusal.hpp"

namespace {

using namespace ferry::onnx;
using ferry::engines::Refusal;
using ferry::engines::refuse;

// Runs `body` and turns every exception into a code and one line.
template <typename Body>
std::int32_t guarded(ferry_engine_error* error, Body&& body) noexcept {
  try {
    return body();
  } catch (const Refusal& refusal) {
    return refuse(error, refusal.code, refusal.text);
  } catch (const std::bad_alloc&) {
    return refuse(error, FERRY_IO, "got too little memory for ONNX Runtime, expected more");
  } catch (...) {
    return refuse(error, FERRY_INTERNAL, "ONNX Runtime failed with an exception of an unknown type");
  }
}

// ---- open -------------------------------------------------------------------------------------------------------------

// One for the process; ONNX Runtime keeps its logging and global state in it.
const OrtEnv* environment() {
  static const Environment kept = [] {
    OrtEnv* made = nullptr;
    require(api().CreateEnv(LogLevel::fatal, "ferry", &made), FERRY_UNAVAILABLE, "ONNX Runtime does not start");
    return Environment(made);
  }();
  return kept.get();
}

Options make_options(int threads) {
  OrtSessionOptions* made = nullptr;
  require(api().CreateSessionOptions(&made), FERRY_IO, "ONNX Runtime does not start");
  Options options(made);
  require(api().SetIntraOpNumThreads(made, threads), FERRY_USAGE, "--threads");
  require(api().SetInterOpNumThreads(made, 1), FERRY_USAGE, "--threads");
  require(api().SetSessionLogSeverityLevel(made, LogLevel::fatal), FERRY_INTERNAL, "the log");
  return options;
}

Session open_session(const ferry_artifact_file& file, int threads) {
  OrtSession* session = nullptr;
  const auto options = make_options(threads);
  require(api().CreateSessionFromArray(environment(), file.data, file.bytes, options.get(), &session), FERRY_FORMAT,
          std::string(file.path) + ": got a file that ONNX Runtime " + library_version() + " cannot load");
  return Session(session);
}

Memory host_memory() {
  OrtMemoryInfo* memory = nullptr;
  require(api().CreateCpuMemoryInfo(AllocatorKind::arena, MemoryKind::standard, &memory), FERRY_IO,
          "ONNX Runtime does not start");
  return Memory(memory);
}

// Names as ONNX Runtime takes them. Moving it keeps the texts where they are.
struct Names {
  explicit Names(std::vector<std::string> names) : texts(std::move(names)) {
    pointers.reserve(texts.size());
    for (const auto& text : texts) pointers.push_back(text.c_str());
  }
  std::vector<std::string> texts;
  std::vector<const char*> pointers;
};

}  // namespace

// A model that was opened: what the host holds between open and close. Nothing in it changes during run.
struct ferry_engine_model {
  Session session;
  Memory memory;
  Names inputs;
  Names outputs;
};

namespace {

using Describe = OrtStatus* (*)(const OrtSession*, std::size_t, OrtTypeInfo**);

// One input or output of the model must be the contract's: `kind` is "input" or "output".
void check_description(const OrtSession* session, std::size_t index, const ferry_tensor_spec& spec, const std::string& kind,
                       Describe describe) {
  const auto code = kind == "output" ? FERRY_MISMATCH : FERRY_FORMAT;
  OrtTypeInfo* type = nullptr;
  require(describe(session, index, &type), FERRY_FORMAT, broken);
  const Type owned(type);
  const OrtTensorTypeAndShapeInfo* info = nullptr;
  require(api().CastTypeInfoToTensorInfo(type, &info), FERRY_FORMAT, broken);
  const auto shape = info == nullptr ? Shape{} : read_shape(info);
  bool same = shape.dtype == spec.dtype && shape.dims.size() == static_cast<std::size_t>(spec.rank);
  for (std::size_t axis = 0; same && axis < shape.dims.size(); ++axis)
    same = shape.dims[axis] < 0 || (spec.shape[axis] >= 0 && shape.dims[axis] == spec.shape[axis]);
  if (!same)
    throw Refusal{code,
                  kind + ' ' + spec.name + ": got another dtype or shape in the model, expected the contract's; export it again"};
}

using Name = OrtStatus* (*)(const OrtSession*, std::size_t, OrtAllocator*, char**);

std::string read_name(const OrtSession* session, std::size_t index, Name name) {
  OrtAllocator* allocator = nullptr;
  require(api().GetAllocatorWithDefaultOptions(&allocator), FERRY_IO, "ONNX Runtime does not start");
  char* text = nullptr;
  require(name(session, index, allocator, &text), FERRY_FORMAT, broken);
  std::string copy = text;
  require(api().AllocatorFree(allocator, text), FERRY_INTERNAL, "a name could not be freed");
  return copy;
}

// The names of the contract, each found in the model with its dtype and shape.
Names match_names(const OrtSession* session, std::size_t count, const ferry_tensor_spec* specs, std::size_t expected,
                  const std::string& kind, Name name, Describe describe) {
  const auto code = kind == "output" ? FERRY_MISMATCH : FERRY_FORMAT;
  std::vector<std::string> found;
  found.reserve(count);
  for (std::size_t i = 0; i < count; ++i) found.push_back(read_name(session, i, name));
  std::vector<std::string> names;
  names.reserve(expected);
  for (std::size_t i = 0; i < expected; ++i) {
    const auto at = std::find(found.begin(), found.end(), specs[i].name);
    if (at == found.end())
      throw Refusal{code, kind + ' ' + specs[i].name + ": got none of that name in the model, expected it; export it again"};
    check_description(session, static_cast<std::size_t>(at - found.begin()), specs[i], kind, describe);
    names.push_back(*at);
  }
  if (count != expected)
    throw Refusal{code, "got a model of " + std::to_string(count) + ' ' + kind + "s, expected " + std::to_string(expected) +
                            " as in the contract; export it again"};
  return Names(std::move(names));
}

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) noexcept {
  return guarded(error, [&] {
    if (std::string_view(request->device) != "cpu")
      throw Refusal{FERRY_UNAVAILABLE,
                    std::string("--device: got ") + request->device + ", expected cpu: this plugin runs ONNX Runtime there only"};
    auto session = open_session(request->files[0], request->threads);
    std::size_t inputs = 0;
    std::size_t outputs = 0;
    require(api().SessionGetInputCount(session.get(), &inputs), FERRY_FORMAT, broken);
    require(api().SessionGetOutputCount(session.get(), &outputs), FERRY_FORMAT, broken);
    auto input_names = match_names(session.get(), inputs, request->inputs, request->input_count, "input",
                                   api().SessionGetInputName, api().SessionGetInputTypeInfo);
    auto output_names = match_names(session.get(), outputs, request->outputs, request->output_count, "output",
                                    api().SessionGetOutputName, api().SessionGetOutputTypeInfo);
    *model = new ferry_engine_model{std::move(session), host_memory(), std::move(input_names), std::move(output_names)};
    return FERRY_OK;
  });
}

// ---- run --------------------------------------------------------------------------------------------------------------

std::vector<Value> run_session(const ferry_engine_model& model, const ferry_tensor_view* inputs, std::size_t count) {
  std::vector<Value> owned;
  std::vector<const OrtValue*> values;
  owned.reserve(count);
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) values.push_back(owned.emplace_back(borrow(inputs[i], model.memory.get())).get());
  std::vector<OrtValue*> results(model.outputs.texts.size());
  require(api().Run(model.session.get(), nullptr, model.inputs.pointers.data(), values.data(), values.size(),
                    model.outputs.pointers.data(), results.size(), results.data()),
          FERRY_FORMAT, "the model failed");
  return {results.begin(), results.end()};
}

std::int32_t run_model(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, ferry_output_sink sink,
                       void* context, ferry_engine_error* error) noexcept {
  return guarded(error, [&] {
    const Outputs outputs(run_session(*model, inputs, count), model->outputs.texts);
    return sink(context, outputs.views().data(), outputs.views().size());
  });
}

// The loop that a user of ONNX Runtime would write.
std::int32_t run_direct(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, std::size_t calls,
                        std::int64_t* nanoseconds, ferry_engine_error* error) noexcept {
  return guarded(error, [&] {
    for (std::size_t call = 0; call < calls; ++call) {
      const auto start = std::chrono::steady_clock::now();
      const auto outputs = run_session(*model, inputs, count);
      nanoseconds[call] = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
    }
    return FERRY_OK;
  });
}

void close_model(ferry_engine_model* model) noexcept { delete model; }

const char* numerics() noexcept { return ""; }

const char* runtime() noexcept {
  try {
    static const std::string text = "ONNX Runtime " + library_version();
    return text.c_str();
  } catch (...) {
    return "ONNX Runtime";
  }
}

}  // namespace

extern "C" FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry() {
  static const ferry_engine engine = {.abi_version = FERRY_ENGINE_ABI_VERSION,
                                      .flags = 0,
                                      .name = "onnxruntime",
                                      .runtime = runtime(),
                                      .numerics = numerics,
                                      .open = open_model,
                                      .run = run_model,
                                      .run_direct = run_direct,
                                      .close = close_model};
  return &engine;
}
