// The engine `onnxruntime`: runs an ONNX model with ONNX Runtime's C API, on `cpu`.
//
// The model is loaded from the verified bytes; its own description of inputs and outputs is held to the contract before it is
// run. ONNX Runtime's library is opened when the plugin is (onnxruntime_library.hpp); nothing is linked to it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ferry/engine.hpp"
#include "onnx_door.hpp"
#include "onnxruntime_profile.hpp"
#include "onnxruntime_values.hpp"
#include "private_folder.hpp"

namespace {

using namespace ferry::onnx;
using namespace ferry::engines;

constexpr auto runtime_name = "ONNX Runtime";

// ---- open -------------------------------------------------------------------------------------------------------------

// From 1.29 on ONNX Runtime sends its maker which models run, and keeps an identifier of the machine in the user's home. It asks
// this variable once, when it starts; the program's own value is put back.
class NoTelemetry {
 public:
  NoTelemetry() {
    if (const char* value = std::getenv(name)) before_ = value;  // NOLINT(concurrency-mt-unsafe)
    if (::setenv(name, "1", 1) != 0) throw std::bad_alloc();     // NOLINT(concurrency-mt-unsafe)
  }
  NoTelemetry(const NoTelemetry&) = delete;
  NoTelemetry& operator=(const NoTelemetry&) = delete;
  ~NoTelemetry() { before_ ? ::setenv(name, before_->c_str(), 1) : ::unsetenv(name); }  // NOLINT(concurrency-mt-unsafe)

 private:
  static constexpr auto name = "ORT_DISABLE_TELEMETRY";
  std::optional<std::string> before_;
};

// One for the process; ONNX Runtime keeps its logging and global state in it.
const OrtEnv* environment() {
  static const Environment kept = [] {
    const NoTelemetry quiet;
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

// `profile`: how the name of the file begins that gets the times of its layers; null: none.
Session open_session(const ferry_artifact_file& file, int threads, const char* profile) {
  OrtSession* session = nullptr;
  const auto options = make_options(threads);
  if (profile != nullptr) require(api().EnableProfiling(options.get(), profile), FERRY_INTERNAL, "the profile");
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

// What the model calls its inputs or outputs, as ONNX Runtime takes them. Moving it keeps the texts where they are.
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

// The inputs or the outputs: what the contract says of them, and how the model is asked.
struct Side {
  const char* kind;   // "input" or "output"
  std::int32_t code;  // of a model that differs from the contract
  std::span<const ferry_tensor_spec> specs;
  OrtStatus* (*count)(const OrtSession*, std::size_t*);
  OrtStatus* (*name)(const OrtSession*, std::size_t, OrtAllocator*, char**);
  OrtStatus* (*describe)(const OrtSession*, std::size_t, OrtTypeInfo**);
};

std::string read_name(const OrtSession* session, std::size_t index, const Side& side) {
  OrtAllocator* allocator = nullptr;
  require(api().GetAllocatorWithDefaultOptions(&allocator), FERRY_IO, "ONNX Runtime does not start");
  char* text = nullptr;
  require(side.name(session, index, allocator, &text), FERRY_FORMAT, broken);
  std::string copy = text;
  require(api().AllocatorFree(allocator, text), FERRY_INTERNAL, "a name could not be freed");
  return copy;
}

std::vector<std::string> read_names(const OrtSession* session, const Side& side) {
  std::size_t count = 0;
  require(side.count(session, &count), FERRY_FORMAT, broken);
  std::vector<std::string> names;
  names.reserve(count);
  for (std::size_t i = 0; i < count; ++i) names.push_back(read_name(session, i, side));
  return names;
}

// One input or output of the model must be the contract's.
void check_description(const OrtSession* session, std::size_t index, const ferry_tensor_spec& spec, const Side& side) {
  OrtTypeInfo* type = nullptr;
  require(side.describe(session, index, &type), FERRY_FORMAT, broken);
  const Type owned(type);
  const OrtTensorTypeAndShapeInfo* info = nullptr;
  require(api().CastTypeInfoToTensorInfo(type, &info), FERRY_FORMAT, broken);
  const auto shape = info == nullptr ? Shape{} : read_shape(info);
  const auto dims = dims_of(spec);
  const auto fits = [](std::int64_t model, std::int64_t contract) { return model < 0 || model == contract; };
  if (shape.dtype != spec.dtype || !std::ranges::equal(shape.dims, dims, fits))
    throw Refusal{side.code, std::string(side.kind) + ' ' + spec.name + ": got " + dims_text(shape.dims) +
                                 (shape.dtype == spec.dtype ? "" : " of another dtype") + " in the model, expected " +
                                 dims_text(dims) + " of the contract's dtype; export it again"};
}

// The tensors of the contract, each found in the model with its dtype and shape, and no other. `taken`: of the inputs. A model
// has one set of names, so an output is called NAME.out where an input has its name.
Names match_names(const OrtSession* session, const Side& side, std::span<const ferry_tensor_spec> taken) {
  const auto found = read_names(session, side);
  std::vector<std::string> names;
  for (const auto& spec : side.specs) {
    const bool is_taken =
        std::ranges::any_of(taken, [&](const auto& other) { return std::string_view(other.name) == spec.name; });
    const auto at = std::ranges::find(found, is_taken ? std::string(spec.name) + ".out" : spec.name);
    if (at == found.end())
      throw Refusal{side.code, std::string(side.kind) + ' ' + spec.name +
                                   ": got none of that name in the model, expected it; export it again"};
    check_description(session, static_cast<std::size_t>(at - found.begin()), spec, side);
    names.push_back(*at);
  }
  require_count(found.size(), names.size(), side.kind, side.code);
  return Names(std::move(names));
}

std::unique_ptr<ferry_engine_model> load(const ferry_open_request& request, const char* profile) {
  require_cpu(request, "this plugin of ONNX Runtime");
  const auto& file = request.files[0];
  check_onnx_model(file.path, {static_cast<const char*>(file.data), file.bytes});
  auto session = open_session(file, request.threads, profile);
  auto inputs = match_names(session.get(),
                            {"input",
                             FERRY_FORMAT,
                             {request.inputs, request.input_count},
                             api().SessionGetInputCount,
                             api().SessionGetInputName,
                             api().SessionGetInputTypeInfo},
                            {});
  auto outputs = match_names(session.get(),
                             {"output",
                              FERRY_MISMATCH,
                              {request.outputs, request.output_count},
                              api().SessionGetOutputCount,
                              api().SessionGetOutputName,
                              api().SessionGetOutputTypeInfo},
                             {request.inputs, request.input_count});
  return std::make_unique<ferry_engine_model>(
      ferry_engine_model{std::move(session), host_memory(), std::move(inputs), std::move(outputs)});
}

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] { *model = load(*request, nullptr).release(); });
}

// ---- run --------------------------------------------------------------------------------------------------------------

// `results`: null where ONNX Runtime is to make the output, else the memory to write it into.
void run_session(const ferry_engine_model& model, std::span<const ferry_tensor_view> inputs, std::span<OrtValue*> results) {
  std::vector<Value> owned;
  std::vector<const OrtValue*> values;
  owned.reserve(inputs.size());
  values.reserve(inputs.size());
  for (const auto& input : inputs) values.push_back(owned.emplace_back(borrow(input, model.memory.get())).get());
  require(api().Run(model.session.get(), nullptr, model.inputs.pointers.data(), values.data(), values.size(),
                    model.outputs.pointers.data(), results.size(), results.data()),
          FERRY_BAD_INPUT, "the model failed on these inputs");
}

std::vector<Value> run_session(const ferry_engine_model& model, const ferry_tensor_view* inputs, std::size_t count) {
  std::vector<OrtValue*> results(model.outputs.texts.size());
  run_session(model, {inputs, count}, results);
  return {results.begin(), results.end()};
}

// ONNX Runtime writes into that memory, and refuses it where the output has another shape.
std::int32_t run_into(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count,
                      const ferry_tensor_buffer* outputs, std::size_t output_count, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    std::vector<Value> owned;
    std::vector<OrtValue*> results;
    owned.reserve(output_count);
    results.reserve(output_count);
    for (const auto& [name, dtype, rank, shape, data, bytes] : std::span(outputs, output_count))
      results.push_back(owned.emplace_back(borrow({name, dtype, rank, shape, data, bytes}, model->memory.get())).get());
    try {
      run_session(*model, {inputs, count}, results);
    } catch (const Refusal& refusal) {
      run_session(*model, inputs, count);  // throws where it was the inputs
      throw Refusal{FERRY_MISMATCH, refusal.text + "; the model does not keep its contract for this input"};
    }
  });
}

std::int32_t run_model(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, ferry_output_sink sink,
                       void* context, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    const Outputs outputs(run_session(*model, inputs, count));
    return outputs.views().send(sink, context);
  });
}

// The loop that a user of ONNX Runtime would write.
std::int32_t run_direct(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, std::size_t calls,
                        std::int64_t* nanoseconds, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name,
                 [&] { time_calls(calls, nanoseconds, [&] { return run_session(*model, inputs, count); }); });
}

// ---- profile ------------------------------------------------------------------------------------------------------------

constexpr std::size_t unmeasured_calls = 3;

std::int32_t profile(const ferry_open_request* request, const ferry_tensor_view* inputs, std::size_t count, std::size_t calls,
                     ferry_layer_sink sink, void* context, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    const PrivateFolder folder("ferry-profile-");
    {
      const auto model = load(*request, (folder.path() + "/layers").c_str());
      for (std::size_t call = 0; call < unmeasured_calls + calls; ++call) run_session(*model, inputs, count);
    }  // writes the file
    return read_profile(folder.path(), unmeasured_calls).send(sink, context);
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
                                      .flags = FERRY_ENGINE_PROFILES | FERRY_ENGINE_SHARES_MODELS | FERRY_ENGINE_WRITES,
                                      .name = "onnxruntime",
                                      .runtime = runtime(),
                                      .numerics = numerics,
                                      .open = open_model,
                                      .run = run_model,
                                      .run_direct = run_direct,
                                      .close = close_model,
                                      .prepare = nullptr,
                                      .run_into = run_into,
                                      .concurrency = nullptr,
                                      .profile = profile};
  return &engine;
}
