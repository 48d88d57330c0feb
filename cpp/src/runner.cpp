#include "runner.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "case_origin.hpp"
#include "float_mode.hpp"
#include "golden_tensors.hpp"
#include "isolation/isolation.hpp"
#include "layer_times.hpp"
#include "open_request.hpp"
#include "session_options.hpp"
#include "text.hpp"
#include "timed.hpp"

namespace ferry {

namespace {

constexpr int warm_up_runs = 3;  // runtimes prepare memory and kernels in their first calls
// A model whose smallest case takes less is warmed up with the larger cases too: a batch of another size costs it several
// steady calls the first time. For a slower model that is not worth the time at open.
constexpr std::chrono::milliseconds small_model{2};

const Artifact& artifact_for(const Bundle& bundle, const std::string& engine) {
  if (const Artifact* artifact = bundle.find_artifact(engine)) return *artifact;
  if (bundle.manifest().artifacts.empty())
    throw Error(ErrorCode::unavailable, "bundle: got an empty one, expected one that was opened; call Bundle::open");
  std::string known;
  for (const Artifact& artifact : bundle.manifest().artifacts) known += (known.empty() ? "" : ", ") + artifact.engine;
  throw Error(ErrorCode::unavailable, text::shown(bundle.folder()) + ": this bundle has no artifact for engine " +
                                          text::quoted(engine) + "; it has " + known + "; export that format too");
}

// Opens the engine. The one place that decides whether machine code from a bundle may run.
std::unique_ptr<EngineHost> open_engine(const SessionOptions& options, const Artifact& artifact) {
  auto engine = options.isolate ? isolation::open_cell(options.engine, {options.timeout, options.memory_bytes, options.threads})
                                : open_here(options.engine);
  if ((engine->flags() & FERRY_ENGINE_NATIVE_CODE) != 0 && !options.allow_native) {
    throw Error(
        ErrorCode::unavailable,
        "engine " + options.engine + ": " + artifact.files.front().path +
            ": got machine code, which runs with all rights of this process and which no check can make safe, expected "
            "permission to run it; pass --allow-native (allow_native of a session) if you trust this bundle as a program");
  }
  return engine;
}

ErrorCode code_of(std::int32_t code) {
  switch (code) {
    case FERRY_MISMATCH:
    case FERRY_USAGE:
    case FERRY_FORMAT:
    case FERRY_INTEGRITY:
    case FERRY_UNAVAILABLE:
    case FERRY_IO:
    case FERRY_BAD_INPUT:
      return static_cast<ErrorCode>(code);
    default:
      return ErrorCode::internal;
  }
}

std::uint64_t input_bytes(const GoldenCase& golden_case) {
  std::uint64_t bytes = 0;
  for (const auto& [name, file] : golden_case.inputs) bytes += file.bytes;
  return bytes;
}

}  // namespace

std::vector<ferry_tensor_view> views_of(const NamedTensors& tensors) {
  std::vector<ferry_tensor_view> views;
  views.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    views.push_back({name.c_str(), static_cast<std::int32_t>(tensor.dtype()), static_cast<std::int32_t>(tensor.shape().size()),
                     tensor.shape().data(), tensor.bytes().data(), tensor.bytes().size()});
  }
  return views;
}

Runner::Runner(const Bundle& bundle, const SessionOptions& options)
    : Runner(bundle, options, Timed("session.open", options.engine)) {}

Runner::Runner(const Bundle& bundle, const SessionOptions& options, const Timed& /*until it is open*/)
    : bundle_(bundle),
      options_(checked(options)),
      checker_(bundle_.contract()),
      artifact_(&artifact_for(bundle_, options_.engine)),
      engine_(open_engine(options_, *artifact_)),
      watchdog_(options_.timeout > 0 && !options_.isolate
                    ? std::make_unique<isolation::Watchdog>(options_.engine, options_.timeout)
                    : nullptr),
      writes_(engine_->writes()),
      runtime_(engine_->runtime()),
      numerics_(options_.device == "cpu" ? engine_->numerics() : std::string()) {  // it speaks of the processor
  open_model();
  warm_up();
}

void Runner::open_model() {
  const IeeeArithmetic arithmetic;  // threads that a runtime starts have it too
  OpenRequest request(bundle_, *artifact_, options_, checker_);
  const auto watch = isolation::watch(watchdog_.get());
  ferry_engine_error error{};
  const std::int32_t code = engine_->open(request, error);
  if (code != FERRY_OK) fail(code, error);
}

void Runner::warm_up() const try {
  std::vector<const GoldenCase*> cases;
  for (const GoldenCase& golden_case : bundle_.manifest().golden.cases)
    if (!is_step(golden_case)) cases.push_back(&golden_case);
  std::sort(cases.begin(), cases.end(), [](const auto* a, const auto* b) { return input_bytes(*a) < input_bytes(*b); });
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < warm_up_runs; ++i) {
    start = std::chrono::steady_clock::now();
    run_golden(*cases.front());
  }
  const bool is_small = std::chrono::steady_clock::now() - start < small_model;
  for (std::size_t i = 1; i < cases.size() && is_small; ++i) run_golden(*cases[i]);
} catch (const isolation::Contained&) {
  throw;
} catch (const Error&) {
  run_in_order();
  throw;
}

// Of several cases at fault the first in the manifest is named, as in Python: one that cannot be read before one that cannot be
// answered.
void Runner::run_in_order() const {
  const std::vector<GoldenCase>& cases = bundle_.manifest().golden.cases;
  for (const GoldenCase& golden_case : cases) static_cast<void>(read_golden(bundle_, golden_case));
  for (const GoldenCase& golden_case : cases)
    if (!is_step(golden_case)) run_golden(golden_case);
}

void Runner::run_golden(const GoldenCase& golden_case) const {
  const NamedTensors inputs = read_golden_inputs(bundle_, golden_case);
  static_cast<void>(golden_answer(bundle_, golden_case.name, [&] { return run(views_of(inputs)); }));
}

namespace {

constexpr std::size_t few_tensors = 8;

template <typename Tensor>
[[noreturn]] void refuse_names(std::string_view what, std::span<const Tensor> given, std::span<const CompiledSpec> specs) {
  std::string got;
  for (const Tensor& tensor : given)
    got += (got.empty() ? "" : ", ") + text::printable(tensor.name == nullptr ? "NULL" : tensor.name);
  std::string expected;
  for (const CompiledSpec& compiled : specs) expected += (expected.empty() ? "" : ", ") + compiled.spec->name;
  throw Error(ErrorCode::bad_input, std::string(what) + "s: got [" + got + "], expected [" + expected + "]; give each " +
                                        std::string(what) + " by its name once");
}

// Tensors in the contract's order: the given ones where they are in it, else copies.
template <typename Tensor>
class InContractOrder {
 public:
  // `what`: "input" or "output". Throws Error(bad_input) unless each name of the contract is given once.
  InContractOrder(std::string_view what, std::span<const Tensor> given, std::span<const CompiledSpec> specs) : tensors_(given) {
    if (given.size() != specs.size()) refuse_names(what, given, specs);
    std::size_t in_order = 0;
    while (in_order < specs.size() && is_named(given[in_order], specs[in_order])) ++in_order;
    if (in_order == specs.size()) return;
    auto& copies = copies_.emplace(specs.size());
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const auto found =
          std::find_if(given.begin(), given.end(), [&](const Tensor& tensor) { return is_named(tensor, specs[i]); });
      if (found == given.end()) refuse_names(what, given, specs);
      copies[i] = *found;
    }
    tensors_ = {copies.data(), copies.size()};  // as many as there are names, so that none was given twice
  }
  InContractOrder(const InContractOrder&) = delete;
  InContractOrder& operator=(const InContractOrder&) = delete;
  ~InContractOrder() = default;

  [[nodiscard]] std::span<const Tensor> tensors() const noexcept { return tensors_; }

 private:
  std::span<const Tensor> tensors_;
  std::optional<InlineVector<Tensor, few_tensors>> copies_;
};

using InputsInOrder = InContractOrder<ferry_tensor_view>;
using OutputsInOrder = InContractOrder<ferry_tensor_buffer>;

// An address before another tensor's begin is far behind its end: the differences are unsigned.
template <typename One, typename Other>
bool overlap(const One& one, const Other& other) noexcept {
  const auto distance = reinterpret_cast<std::uintptr_t>(one.data) - reinterpret_cast<std::uintptr_t>(other.data);
  return (distance < other.bytes && one.bytes > 0) || (0 - distance < one.bytes && other.bytes > 0);
}

// The first output that overlaps an input or an output before it; the end where none does.
std::size_t find_overlap(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs) noexcept {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    for (const ferry_tensor_view& input : inputs)
      if (overlap(outputs[i], input)) return i;
    for (std::size_t j = 0; j < i; ++j)
      if (overlap(outputs[i], outputs[j])) return i;
  }
  return outputs.size();
}

// An engine may write an output before it has read every input. Throws Error(bad_input).
void refuse_overlap(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs) {
  const std::size_t found = find_overlap(inputs, outputs);
  if (found == outputs.size()) return;
  throw Error(ErrorCode::bad_input, "output " + std::string(outputs[found].name) +
                                        ": data: got memory that overlaps another tensor's, expected memory of its own");
}

}  // namespace

void Runner::run_to(OutputSink& sink, std::span<const ferry_tensor_view> inputs) const {
  const IeeeArithmetic arithmetic;
  ferry_engine_error error;
  error.text[0] = '\0';
  const auto watch = isolation::watch(watchdog_.get());
  const std::int32_t code = engine_->run(inputs, &OutputSink::receive, &sink, error);
  sink.rethrow();
  if (code != FERRY_OK) fail(code, error);
}

NamedTensors Runner::run(std::span<const ferry_tensor_view> inputs) const {
  const Timed timed("session.run", engine());
  const InputsInOrder in_order("input", inputs, checker_.inputs());
  const auto ordered = in_order.tensors();
  SymbolValues symbols = checker_.check_inputs(ordered);
  if (checker_.batch(symbols) == 0) return empty_outputs(symbols);
  OutputSink sink(checker_, symbols);
  run_to(sink, ordered);
  return sink.take();
}

std::int64_t Runner::check(std::span<const ferry_tensor_view> inputs) const {
  return checker_.batch(checker_.check_inputs(InputsInOrder("input", inputs, checker_.inputs()).tensors()));
}

void Runner::run_into(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs) const {
  const Timed timed("session.run", engine());
  SymbolValues symbols = checker_.unknown_symbols();
  if (!checker_.fits(inputs, outputs, symbols)) return run_into_ordered(inputs, outputs);
  checker_.check_input_values(inputs);
  refuse_overlap(inputs, outputs);
  if (writes_) return write_into(inputs, outputs);
  sink_into(inputs, outputs, symbols);
}

// A call in another order than the contract's, of no samples, or at fault: which of it, and what, is found out here.
void Runner::run_into_ordered(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs) const {
  const InputsInOrder in_order("input", inputs, checker_.inputs());
  const auto ordered = in_order.tensors();
  const OutputsInOrder outputs_in_order("output", outputs, checker_.outputs());
  const auto buffers = outputs_in_order.tensors();
  SymbolValues symbols = checker_.check_inputs(ordered);
  for (std::size_t i = 0; i < buffers.size(); ++i) checker_.check_buffer(i, buffers[i], symbols);
  refuse_overlap(ordered, buffers);
  if (checker_.batch(symbols) == 0) return;
  if (writes_) return write_into(ordered, buffers);
  sink_into(ordered, buffers, symbols);
}

void Runner::sink_into(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs,
                       SymbolValues& symbols) const {
  OutputSink sink(checker_, symbols, outputs);
  run_to(sink, inputs);
  sink.require_received();
}

void Runner::write_into(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs) const {
  const IeeeArithmetic arithmetic;
  ferry_engine_error error;
  error.text[0] = '\0';
  const auto watch = isolation::watch(watchdog_.get());
  const std::int32_t code = engine_->run_into(inputs, outputs, error);
  if (code != FERRY_OK) fail(code, error);
  checker_.check_written(outputs);
}

std::vector<std::int64_t> Runner::run_direct(std::span<const ferry_tensor_view> inputs, std::size_t calls) const {
  if (!engine_->has_direct()) return {};
  const InputsInOrder in_order("input", inputs, checker_.inputs());
  const auto ordered = in_order.tensors();
  static_cast<void>(checker_.check_inputs(ordered));
  std::vector<std::int64_t> nanoseconds(calls);
  const IeeeArithmetic arithmetic;
  ferry_engine_error error{};
  const std::int32_t code = engine_->run_direct(ordered, nanoseconds, error);
  if (code != FERRY_OK) fail(code, error);
  return nanoseconds;
}

std::vector<LayerTime> Runner::profile(std::span<const ferry_tensor_view> inputs, std::size_t calls) const {
  if (calls < 1 || calls > max_profile_calls)
    throw Error(ErrorCode::usage, "calls: got " + std::to_string(calls) + ", expected 1 to " + std::to_string(max_profile_calls));
  if (!engine_->profiles())
    throw Error(ErrorCode::unavailable, "engine " + engine() + (options_.isolate ? ", isolated" : "") +
                                            ": got a request to time its layers, which it cannot, expected an engine whose "
                                            "runtime does; use onnxruntime or torchscript, not isolated");
  const InputsInOrder in_order("input", inputs, checker_.inputs());
  const auto ordered = in_order.tensors();
  const SymbolValues symbols = checker_.check_inputs(ordered);
  if (checker_.batch(symbols) == 0) return {};
  const IeeeArithmetic arithmetic;
  OpenRequest request(bundle_, *artifact_, options_, checker_);
  const auto files = request.load();
  const auto watch = isolation::watch(watchdog_.get());
  LayerTimes times{.calls = calls, .layers = {}};
  ferry_engine_error error{};
  const std::int32_t code = engine_->profile(request.get(), ordered, calls, &LayerTimes::receive, &times, error);
  if (code != FERRY_OK) fail(code, error);
  return std::move(times.layers);
}

NamedTensors Runner::empty_outputs(const SymbolValues& symbols) const {
  NamedTensors outputs;
  for (std::size_t i = 0; i < checker_.outputs().size(); ++i) {
    const TensorSpec& spec = *checker_.outputs()[i].spec;
    outputs.add(spec.name, Tensor(spec.dtype, checker_.output_shape(i, symbols)));
  }
  return outputs;
}

void Runner::fail(std::int32_t code, const ferry_engine_error& error) const {
  const std::string_view text(error.text, strnlen(error.text, sizeof error.text));
  const std::string reason =
      text.empty() ? "got code " + std::to_string(code) + " without a reason, expected success" : text::printable(text);
  if (code == contained) throw isolation::Contained("engine " + options_.engine + ": " + reason);
  throw Error(code_of(code), "engine " + options_.engine + ": " + reason);
}

}  // namespace ferry
