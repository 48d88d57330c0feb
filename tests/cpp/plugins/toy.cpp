// The engine `toy`: doubles (or scales) `x` [N,3] float32 into `scaled` [N,3], and gives the index of the largest element as
// `label` [N].
//
// Its artifact is one line of text: "scale 2", or the name of a way to break the rules, so that the host can be tested.
#include <ferry/engine.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

struct ferry_engine_model {
  std::string mode;
  float scale = 0;
  std::atomic<int> calls{0};
};

namespace {

constexpr std::size_t columns = 3;

std::int32_t refuse(ferry_engine_error* error, std::int32_t code, const char* text) {
  std::snprintf(error->text, sizeof error->text, "%s", text);
  return code;
}

std::int32_t open(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) {
  if (std::string_view(request->device) != "cpu") return refuse(error, FERRY_UNAVAILABLE, "device: got cuda, expected cpu");
  const std::string text(static_cast<const char*>(request->files[0].data), request->files[0].bytes);
  if (text == "refuse to open") return refuse(error, FERRY_FORMAT, "model: got nonsense,\nexpected sense");
  if (text == "refuse silently") return 77;
  auto* opened = new ferry_engine_model{text};
  if (text.starts_with("scale ")) opened->scale = std::strtof(text.c_str() + 6, nullptr);
  *model = opened;
  return FERRY_OK;
}

// The outputs of one call; the views point into it.
struct Outputs {
  std::vector<float> scaled;
  std::vector<std::int64_t> labels;
  std::array<std::int64_t, 2> shape{};
  std::array<ferry_tensor_view, 2> views{};
};

Outputs compute(const ferry_engine_model& model, const ferry_tensor_view& x) {
  Outputs outputs;
  const auto* values = static_cast<const float*>(x.data);
  const auto rows = static_cast<std::size_t>(x.shape[0]);
  for (std::size_t row = 0; row < rows; ++row) {
    const float* begin = values + row * columns;
    for (std::size_t i = 0; i < columns; ++i) outputs.scaled.push_back(begin[i] * model.scale);
    outputs.labels.push_back(std::max_element(begin, begin + columns) - begin);
  }
  outputs.shape = {x.shape[0], static_cast<std::int64_t>(columns)};
  return outputs;
}

void describe(Outputs& outputs) {
  outputs.views[0] = {
      "scaled", FERRY_FLOAT32, 2, outputs.shape.data(), outputs.scaled.data(), outputs.scaled.size() * sizeof(float)};
  outputs.views[1] = {
      "label", FERRY_INT64, 1, outputs.shape.data(), outputs.labels.data(), outputs.labels.size() * sizeof(std::int64_t)};
}

void break_rule(std::string_view mode, Outputs& outputs) {
  if (mode == "other dtype") outputs.views[1].dtype = FERRY_FLOAT64;
  if (mode == "no dtype") outputs.views[1].dtype = 99;
  if (mode == "other shape") outputs.shape[1] = 4;
  if (mode == "other rank") outputs.views[0].rank = 1;
  if (mode == "rank 99") outputs.views[0].rank = 99;
  if (mode == "fewer bytes") outputs.views[0].bytes -= sizeof(float);
  if (mode == "null data") outputs.views[0].data = nullptr;
  if (mode == "other name") outputs.views[0].name = "unknown";
  if (mode == "reversed") std::swap(outputs.views[0], outputs.views[1]);
  if (mode == "no names") outputs.views[0].name = outputs.views[1].name = nullptr;
}

std::int32_t run(ferry_engine_model* model, const ferry_tensor_view* inputs, size_t /*count*/, ferry_output_sink sink,
                 void* context, ferry_engine_error* error) {
  const int calls = ++model->calls;
  Outputs outputs = compute(*model, inputs[0]);
  if (model->mode == "count calls") std::fill(outputs.scaled.begin(), outputs.scaled.end(), static_cast<float>(calls));
  describe(outputs);
  break_rule(model->mode, outputs);
  if (model->mode == "fail") return refuse(error, FERRY_IO, "memory: got none, expected some");
  if (model->mode == "refuse the input")
    return refuse(error, FERRY_BAD_INPUT, "input x: dim 0: got 1, expected at most 0; split the batch");
  if (model->mode == "no outputs") return FERRY_OK;
  if (model->mode == "one output") return sink(context, outputs.views.data(), 1);
  if (model->mode == "twice") static_cast<void>(sink(context, outputs.views.data(), outputs.views.size()));
  const std::int32_t code = sink(context, outputs.views.data(), outputs.views.size());
  return model->mode == "ignore the sink" ? static_cast<std::int32_t>(FERRY_OK) : code;
}

std::int32_t run_direct(ferry_engine_model* model, const ferry_tensor_view* inputs, size_t /*count*/, size_t calls,
                        int64_t* nanoseconds, ferry_engine_error* error) {
  if (model->mode == "no direct loop") return refuse(error, FERRY_INTERNAL, "loop: got none, expected one");
  for (size_t i = 0; i < calls; ++i) {
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(compute(*model, inputs[0]));
    nanoseconds[i] = (std::chrono::steady_clock::now() - start).count();
  }
  return FERRY_OK;
}

// Says 7 ns a call, whatever it took.
std::int32_t profile(const ferry_open_request* /*request*/, const ferry_tensor_view* /*inputs*/, size_t /*count*/, size_t calls,
                     ferry_layer_sink sink, void* context, ferry_engine_error* /*error*/) {
  const ferry_layer_time scale = {"0", "scale", static_cast<std::int64_t>(calls) * 7};
  return sink(context, &scale, 1);
}

void close(ferry_engine_model* model) { delete model; }

const char* numerics() {
  const char* wanted = std::getenv("FERRY_TOY_NUMERICS");
  return wanted == nullptr ? "toy numerics" : wanted;
}

}  // namespace

const ferry_engine* ferry_engine_entry(void) {
  static const ferry_engine engine{.abi_version = FERRY_ENGINE_ABI_VERSION,
                                   .flags = FERRY_ENGINE_PROFILES,
                                   .name = "toy",
                                   .runtime = "Toy 1.0",
                                   .numerics = numerics,
                                   .open = open,
                                   .run = run,
                                   .run_direct = run_direct,
                                   .close = close,
                                   .prepare = nullptr,
                                   .run_into = nullptr,
                                   .concurrency = nullptr,
                                   .profile = profile};
  return &engine;
}
