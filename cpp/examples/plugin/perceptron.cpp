// A whole engine in one file: `perceptron` runs a classifier of one hidden layer (uint8 values -> logits, probabilities, label).
//
// Build it anywhere, with no part of torchferry but the headers ferry/engine.h and ferry/engine.hpp, and let ferry find it:
//
//   c++ -std=c++20 -O2 -shared -fPIC -I <prefix>/include perceptron.cpp -o libferry_engine_perceptron.so
//   FERRY_ENGINE_DIR=$PWD ferry-run verify BUNDLE --engine perceptron
//
// Its artifact is text: `perceptron 1`, the scale of the inputs, the sizes of the three layers, then the weights
// [hidden][inputs], biases [hidden], weights [classes][hidden] and biases [classes]. The host has checked its SHA-256, and the
// inputs of every call against the contract; what the artifact says is still checked here, because a digest says where a file
// comes from and not that it makes sense.
#include <ferry/engine.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The engine's own type: what stays between open and close. `run` is called from many threads at once and changes nothing in it.
struct ferry_engine_model {
  float scale = 1;
  std::size_t inputs = 0;
  std::size_t hidden = 0;
  std::size_t classes = 0;
  std::vector<float> hidden_weights, hidden_biases, class_weights, class_biases;
};

namespace {

constexpr std::size_t max_layer = 1 << 16;

using ferry::engines::guarded;  // every function of the table goes through it: no exception may leave one
using ferry::engines::Refusal;

constexpr auto runtime_name = "perceptron 1";

// ---- open -------------------------------------------------------------------------------------------------------------

std::vector<float> read_floats(std::istringstream& text, std::size_t count) {
  std::vector<float> values(count);
  for (float& value : values)
    if (!(text >> value))
      throw Refusal(FERRY_FORMAT, "weights: got too few numbers, expected those of the layers; export it again");
  return values;
}

std::size_t read_size(std::istringstream& text) {
  std::size_t size = 0;
  if (!(text >> size) || size == 0 || size > max_layer)
    throw Refusal(FERRY_FORMAT, "layer: got no size from 1 to " + std::to_string(max_layer) + ", expected one; export it again");
  return size;
}

ferry_engine_model read_model(std::string_view bytes) {
  std::istringstream text{std::string(bytes)};
  std::string magic;
  int version = 0;
  ferry_engine_model model;
  if (!(text >> magic >> version >> model.scale) || magic != "perceptron" || version != 1)
    throw Refusal(FERRY_FORMAT, "header: got another file, expected `perceptron 1`; export it again");
  model.inputs = read_size(text);
  model.hidden = read_size(text);
  model.classes = read_size(text);
  model.hidden_weights = read_floats(text, model.hidden * model.inputs);
  model.hidden_biases = read_floats(text, model.hidden);
  model.class_weights = read_floats(text, model.classes * model.hidden);
  model.class_biases = read_floats(text, model.classes);
  if (text >> magic)
    throw Refusal(FERRY_FORMAT, "weights: got more numbers than the layers have, expected none; export it again");
  return model;
}

// The contract must be the one that this engine serves: one input of `inputs` values a sample, and the three outputs.
void check_contract(const ferry_open_request& request, const ferry_engine_model& model) {
  std::int64_t values = 1;
  const auto& input = request.inputs[0];
  for (std::int32_t axis = 1; axis < input.rank; ++axis) values *= input.shape[axis];
  const bool fits = request.input_count == 1 && input.dtype == FERRY_UINT8 && input.rank > 0 &&
                    values == static_cast<std::int64_t>(model.inputs) && request.output_count == 3 &&
                    request.outputs[0].rank == 2 && request.outputs[0].shape[1] == static_cast<std::int64_t>(model.classes);
  if (!fits)
    throw Refusal(FERRY_FORMAT,
                  "contract: got another one, expected uint8 values to logits, probabilities and label; export it again");
}

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    ferry::engines::require_cpu(*request, "the perceptron");
    const auto& file = request->files[0];  // its bytes are gone when open returns
    auto read = read_model({static_cast<const char*>(file.data), file.bytes});
    check_contract(*request, read);
    *model = new ferry_engine_model(std::move(read));
  });
}

void close_model(ferry_engine_model* model) noexcept { delete model; }

// ---- run --------------------------------------------------------------------------------------------------------------

// out[j] = biases[j] + sum over i of weights[j][i] * in[i]
void affine(const std::vector<float>& weights, const std::vector<float>& biases, const float* in, std::size_t size, float* out) {
  for (std::size_t j = 0; j < biases.size(); ++j) {
    double sum = biases[j];
    for (std::size_t i = 0; i < size; ++i) sum += static_cast<double>(weights[j * size + i]) * in[i];
    out[j] = static_cast<float>(sum);
  }
}

// Writes exp(x - max) / sum, which cannot overflow.
void softmax(const float* logits, std::size_t size, float* out) {
  const float largest = *std::max_element(logits, logits + size);
  float sum = 0;
  for (std::size_t j = 0; j < size; ++j) sum += out[j] = std::exp(logits[j] - largest);
  for (std::size_t j = 0; j < size; ++j) out[j] /= sum;
}

// The outputs of one call: the host copies them inside the sink, so that they need to live no longer than this.
struct Outputs {
  Outputs(const ferry_engine_model& model, const ferry_tensor_view& input)
      : rows(static_cast<std::size_t>(input.shape[0])),
        logits(rows * model.classes),
        probabilities(rows * model.classes),
        labels(rows) {
    const auto* values = static_cast<const std::uint8_t*>(input.data);
    std::vector<float> scaled(model.inputs);
    std::vector<float> hidden(model.hidden);
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t i = 0; i < model.inputs; ++i) scaled[i] = static_cast<float>(values[row * model.inputs + i]) / model.scale;
      affine(model.hidden_weights, model.hidden_biases, scaled.data(), model.inputs, hidden.data());
      for (float& value : hidden) value = 1 / (1 + std::exp(-value));
      float* const row_logits = &logits[row * model.classes];
      affine(model.class_weights, model.class_biases, hidden.data(), model.hidden, row_logits);
      softmax(row_logits, model.classes, &probabilities[row * model.classes]);
      labels[row] = std::max_element(row_logits, row_logits + model.classes) - row_logits;
    }
  }
  std::size_t rows;
  std::vector<float> logits, probabilities;
  std::vector<std::int64_t> labels;
};

std::int32_t run_model(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t /*count*/, ferry_output_sink sink,
                       void* context, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    const Outputs outputs(*model, inputs[0]);
    const std::vector<std::int64_t> matrix = {inputs[0].shape[0], static_cast<std::int64_t>(model->classes)};
    ferry::engines::Views views(3);  // without names, outputs are taken in contract order
    views.add(nullptr, FERRY_FLOAT32, matrix, outputs.logits.data());
    views.add(nullptr, FERRY_FLOAT32, matrix, outputs.probabilities.data());
    views.add(nullptr, FERRY_INT64, {inputs[0].shape[0]}, outputs.labels.data());
    return views.send(sink, context);
  });
}

const char* numerics() noexcept { return ""; }  // no bits are promised

}  // namespace

// The one symbol that the host looks for.
extern "C" FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry() {
  static const ferry_engine engine = {.abi_version = FERRY_ENGINE_ABI_VERSION,
                                      .flags = 0,
                                      .name = "perceptron",
                                      .runtime = runtime_name,
                                      .numerics = numerics,
                                      .open = open_model,
                                      .run = run_model,
                                      .run_direct = nullptr,  // nothing to compare `run` with
                                      .close = close_model,
                                      .prepare = nullptr,      // it needs no program before it opens a model
                                      .run_into = nullptr,     // the host copies its outputs
                                      .concurrency = nullptr,  // calls do not wait for each other
                                      .profile = nullptr};     // it does not time its layers
  return &engine;
}
