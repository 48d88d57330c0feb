// The engine `onnxruntime`: runs an ONNX model with ONNX Runtime's C API, on `cpu`.
//
// The only file that includes ONNX Runtime. The model is loaded from the verified bytes; its own description of inputs and
// outputs is held to the contract before it is run. The API's table is asked for in the version of the header that this was
// compiled with, so that a newer library serves as well.
#include <onnxruntime_c_api.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ferry/engine.h"
#include "onnx_door.hpp"
#include "refusal.hpp"

namespace {

using ferry::engines::Refusal;
using ferry::engines::refuse;

// ---- the C API --------------------------------------------------------------------------------------------------------

const char* library_version() { return OrtGetApiBase()->GetVersionString(); }

// Null where the library is older than the header.
const OrtApi* find_api() noexcept {
  static const OrtApi* const found = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  return found;
}

const OrtApi& api() {
  if (const auto* found = find_api()) return *found;
  throw Refusal{FERRY_UNAVAILABLE, std::string("got ONNX Runtime ") + library_version() + ", expected one with C API " +
                                       std::to_string(ORT_API_VERSION) + ", for which this plugin was built"};
}

std::string first_line(const char* text) { return {text, std::strcspn(text, "\n")}; }

// Throws where ONNX Runtime gives an error.
void require(OrtStatus* status, std::int32_t code, std::string_view task) {
  if (status == nullptr) return;
  auto text = std::string(task) + ": " + first_line(api().GetErrorMessage(status));
  api().ReleaseStatus(status);
  throw Refusal{code, std::move(text)};
}

template <typename T, void (*OrtApi::*Release)(T*)>
struct Releaser {
  void operator()(T* object) const noexcept { (find_api()->*Release)(object); }
};
using Environment = std::unique_ptr<OrtEnv, Releaser<OrtEnv, &OrtApi::ReleaseEnv>>;
using Options = std::unique_ptr<OrtSessionOptions, Releaser<OrtSessionOptions, &OrtApi::ReleaseSessionOptions>>;
using Session = std::unique_ptr<OrtSession, Releaser<OrtSession, &OrtApi::ReleaseSession>>;
using Memory = std::unique_ptr<OrtMemoryInfo, Releaser<OrtMemoryInfo, &OrtApi::ReleaseMemoryInfo>>;
using Value = std::unique_ptr<OrtValue, Releaser<OrtValue, &OrtApi::ReleaseValue>>;
using Type = std::unique_ptr<OrtTypeInfo, Releaser<OrtTypeInfo, &OrtApi::ReleaseTypeInfo>>;
using Description =
    std::unique_ptr<OrtTensorTypeAndShapeInfo, Releaser<OrtTensorTypeAndShapeInfo, &OrtApi::ReleaseTensorTypeAndShapeInfo>>;

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

// ---- tensors ----------------------------------------------------------------------------------------------------------

constexpr std::array element_types = {
    ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL,  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE};  // by FERRY_BOOL ...
constexpr std::array<std::size_t, element_types.size()> element_sizes = {1, 1, 1, 2, 4, 8, 4, 8};

constexpr auto broken = "the model does not describe itself";

// A tensor's dtype, -1 where no contract can name it, and its dims, of which free ones are -1.
struct Shape {
  std::int32_t dtype = -1;
  std::vector<std::int64_t> dims;
};

Shape read_shape(const OrtTensorTypeAndShapeInfo* info) {
  auto type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::size_t rank = 0;
  require(api().GetTensorElementType(info, &type), FERRY_FORMAT, broken);
  require(api().GetDimensionsCount(info, &rank), FERRY_FORMAT, broken);
  Shape shape{-1, std::vector<std::int64_t>(rank)};
  require(api().GetDimensions(info, shape.dims.data(), rank), FERRY_FORMAT, broken);
  const auto* found = std::find(element_types.begin(), element_types.end(), type);
  if (found != element_types.end()) shape.dtype = static_cast<std::int32_t>(found - element_types.begin());
  return shape;
}

Value borrow(const ferry_tensor_view& view, const OrtMemoryInfo* memory) {
  OrtValue* value = nullptr;
  static std::int64_t none = 0;
  // The API has no tensor of const memory; it is not written to.
  void* data = view.data == nullptr ? &none : const_cast<void*>(view.data);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  require(api().CreateTensorWithDataAsOrtValue(memory, data, view.bytes, view.shape, static_cast<std::size_t>(view.rank),
                                               element_types.at(static_cast<std::size_t>(view.dtype)), &value),
          FERRY_INTERNAL, "an input could not be passed");
  return Value(value);
}

// The outputs of one call as views.
class Outputs {
 public:
  Outputs(std::vector<Value> values, const std::vector<std::string>& names) : values_(std::move(values)) {
    shapes_.reserve(values_.size());
    for (std::size_t i = 0; i < values_.size(); ++i) add(values_[i].get(), names[i]);
  }
  [[nodiscard]] const std::vector<ferry_tensor_view>& views() const { return views_; }

 private:
  void add(OrtValue* value, const std::string& name) {
    OrtTensorTypeAndShapeInfo* info = nullptr;
    require(api().GetTensorTypeAndShape(value, &info), FERRY_MISMATCH, "an output is no tensor");
    const Description owned(info);
    const auto& shape = shapes_.emplace_back(read_shape(info));
    if (shape.dtype < 0)
      throw Refusal{FERRY_MISMATCH,
                    "output " + name + ": got a dtype that no contract can hold; cast it inside the model and export again"};
    void* data = nullptr;
    require(api().GetTensorMutableData(value, &data), FERRY_INTERNAL, "an output has no data");
    std::size_t bytes = element_sizes.at(static_cast<std::size_t>(shape.dtype));
    for (const auto dim : shape.dims) bytes *= static_cast<std::size_t>(dim);
    views_.push_back({.name = name.c_str(),
                      .dtype = shape.dtype,
                      .rank = static_cast<std::int32_t>(shape.dims.size()),
                      .shape = shape.dims.data(),
                      .data = data,
                      .bytes = bytes});
  }

  std::vector<Value> values_;
  std::vector<Shape> shapes_;
  std::vector<ferry_tensor_view> views_;
};

// ---- open -------------------------------------------------------------------------------------------------------------

// One for the process; ONNX Runtime keeps its logging and global state in it.
const OrtEnv* environment() {
  static const Environment kept = [] {
    OrtEnv* made = nullptr;
    require(api().CreateEnv(ORT_LOGGING_LEVEL_FATAL, "ferry", &made), FERRY_UNAVAILABLE, "ONNX Runtime does not start");
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
  require(api().SetSessionLogSeverityLevel(made, ORT_LOGGING_LEVEL_FATAL), FERRY_INTERNAL, "the log");
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
  require(api().CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory), FERRY_IO, "ONNX Runtime does not start");
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
  std::vector<std::string> found;
  found.reserve(count);
  for (std::size_t i = 0; i < count; ++i) found.push_back(read_name(session, i, name));
  std::vector<std::string> names;
  names.reserve(expected);
  for (std::size_t i = 0; i < expected; ++i) {
    const auto at = std::find(found.begin(), found.end(), specs[i].name);
    if (at == found.end())
      throw Refusal{kind == "output" ? FERRY_MISMATCH : FERRY_FORMAT,
                    kind + ' ' + specs[i].name + ": got none of that name in the model, expected it; export it again"};
    check_description(session, static_cast<std::size_t>(at - found.begin()), specs[i], kind, describe);
    names.push_back(*at);
  }
  if (count != expected && kind == "input")
    throw Refusal{FERRY_FORMAT, "got a model of " + std::to_string(count) + " inputs, expected " + std::to_string(expected) +
                                    " as in the contract; export it again"};
  return Names(std::move(names));
}

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) noexcept {
  return guarded(error, [&] {
    if (std::string_view(request->device) != "cpu")
      throw Refusal{FERRY_UNAVAILABLE,
                    std::string("--device: got ") + request->device + ", expected cpu: this plugin runs ONNX Runtime there only"};
    const auto& file = request->files[0];
    ferry::engines::check_onnx_model(file.path, {static_cast<const char*>(file.data), file.bytes});
    auto session = open_session(file, request->threads);
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

const char* runtime() {
  static const std::string text = std::string("ONNX Runtime ") + library_version();
  return text.c_str();
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
