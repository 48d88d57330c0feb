// ferry-run predict: input files through the model to an output file, some samples at a time.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "console.hpp"
#include "contract.hpp"
#include "engine_choice.hpp"
#include "input.hpp"
#include "limits.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "runner.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace ferry::cli {

namespace {

// The bytes of one sample [...] at the largest sizes that the contract gives; a size without a limit counts as 1.
double sample_bytes(const TensorSpec& spec, const Contract& contract) {
  auto bytes = static_cast<double>(size_of(spec.dtype));
  for (const auto& dim : std::span(spec.shape).subspan(1)) {
    const auto* symbol = std::get_if<std::string>(&dim);
    bytes *= symbol == nullptr ? static_cast<double>(std::get<std::int64_t>(dim))
                               : static_cast<double>(std::max<std::int64_t>(contract.symbols.at(*symbol).max.value_or(1), 1));
  }
  return bytes;
}

// What a call takes where the user says nothing: Contract.calls_of in Python is the twin.
std::int64_t default_samples(const Contract& contract) {
  double sample = 0;
  for (const auto& spec : contract.inputs)
    if (is_batched(spec)) sample += sample_bytes(spec, contract);
  const auto fitting = std::floor(static_cast<double>(limits::max_call_bytes) / std::max(sample, 1.0));
  return static_cast<std::int64_t>(std::clamp(fitting, 1.0, static_cast<double>(limits::max_call_samples)));
}

// The samples of one call. Nothing is cut without a word where that changes the answers.
std::int64_t samples_of_call(const Contract& contract, const std::optional<std::int64_t>& asked) {
  if (contract.samples == Samples::independent) return asked.value_or(default_samples(contract));
  if (!asked) return std::numeric_limits<std::int64_t>::max();
  print_note("--batch " + std::to_string(*asked) +
             ": an answer of this model depends on the samples in the same call, so where the input is cut changes the answers");
  return *asked;
}

std::int64_t batch_of(const NamedTensors& tensors, const Contract& contract) {
  for (const auto& spec : contract.inputs)
    if (is_batched(spec)) return tensors[spec.name].shape().front();
  return 1;
}

// What `step` returns; an element that breaks the contract is named by its place in the user's file.
template <typename Step>
auto placing(const InputReader& inputs, const Step& step) {
  try {
    return step();
  } catch (const ElementError& error) {
    if (error.code() != ErrorCode::bad_input) throw;
    throw inputs.placed(error);
  }
}

// Runs and writes `tensors` and what follows them until the inputs end.
void stream(const Session& session, NamedTensors tensors, InputReader& inputs, SampleWriter& outputs, const Contract& contract,
            std::int64_t batch) {
  Progress progress(inputs.total());
  while (true) {
    const auto answers = placing(inputs, [&] { return session.run(tensors); });
    outputs.write(answers, inputs.ids());
    inputs.keep(answers);
    progress.advance(batch_of(tensors, contract));
    if (inputs.at_end()) return;
    tensors = inputs.read(batch);
    if (batch_of(tensors, contract) == 0) return;
  }
}

// Throws Error(usage): an identity is the cell of a column that has a name.
void check_table(const TableOptions& table) {
  if (table.header == HeaderChoice::no && !table.id.empty())
    throw Error(ErrorCode::usage,
                "--id: got " + text::quoted(table.id) + " with --header no, expected a header; leave one of them out");
}

// Refuses to replace a file that is read. Throws Error(usage).
void check_output_is_no_input(const PredictOptions& options) {
  namespace fs = std::filesystem;
  std::error_code unknown;
  const auto output = text::path_of(options.output);
  if (!fs::is_regular_file(output, unknown)) return;
  const auto reads = [&](std::string_view name) {
    if (name.starts_with('@')) name.remove_prefix(1);
    const auto path = text::path_of(name);
    return fs::is_regular_file(path, unknown) && fs::equivalent(path, output, unknown);
  };
  const bool is_input = std::ranges::any_of(options.inputs, [&](std::string_view argument) {
    const auto equals = argument.find('=');
    return reads(argument) || (equals != std::string_view::npos && reads(argument.substr(equals + 1)));
  });
  if (is_input)
    throw Error(ErrorCode::usage,
                "--output: got " + text::quoted(options.output) + ", which --input reads, expected another file; name another");
}

// What takes lines as they come gives answers as they come. Throws Error(usage).
void check_follow(const PredictOptions& options) {
  if (!options.reading.follow && !options.reading.carry.empty())
    throw Error(ErrorCode::usage, "--carry: got " + text::quoted(options.reading.carry.front()) +
                                      " without --follow, expected both: the state goes from line to line");
  if (!options.reading.follow) return;
  if (options.batch)
    throw Error(ErrorCode::usage, "--batch: got " + std::to_string(*options.batch) +
                                      " with --follow, expected none: each line is answered at once; leave one of them out");
  if (options.reading.format == InputFormat::raw)
    throw Error(ErrorCode::usage, "--input-format: got raw with --follow, expected lines; leave one of them out");
  if (options.format == "npy" || options.format == "npz")
    throw Error(ErrorCode::usage, "--format: got " + options.format +
                                      " with --follow, expected jsonl or csv: an array is written when it is whole");
  if (!is_stream(options.output))
    throw Error(ErrorCode::usage, "--output: got " + text::quoted(options.output) +
                                      " with --follow, expected - (stdout) or a pipe: a file appears when it is whole");
}

// Throws Error(internal): a sample must not vanish.
void require_all_answered(const InputReader& inputs, const SampleWriter& outputs) {
  if (outputs.count() != inputs.count())
    throw Error(ErrorCode::internal, "got " + std::to_string(outputs.count()) + " answers for " + std::to_string(inputs.count()) +
                                         " samples, expected one each; please report this");
}

}  // namespace

int predict(const PredictOptions& options) {
  if (options.batch && *options.batch < 1)
    throw Error(ErrorCode::usage, "--batch: got " + std::to_string(*options.batch) + ", expected at least 1");
  const auto bundle = Bundle::open(text::path_of(options.bundle.folder), options.bundle.trust,
                                   options.lazy ? FileChecks::lazy : FileChecks::at_open);
  const auto& contract = bundle.contract();
  OutputRequest request{.path = options.output,
                        .format = options.format,
                        .select = options.select,
                        .total = std::nullopt,
                        .id = options.reading.table.id,
                        .top = options.top,
                        .files = {}};
  check_table(options.reading.table);
  check_follow(options);
  check_output_request(request, contract);
  check_output_is_no_input(options);
  const std::int64_t batch = samples_of_call(contract, options.reading.follow ? 1 : options.batch);
  InputReader inputs(contract, options.inputs, options.reading);
  request.total = inputs.total();
  if (is_folder(request.path)) request.files = inputs.files();
  // Bad input and a place that cannot be written are told before a runtime is loaded, which takes a hundred times as long.
  auto first = inputs.read(batch);
  static_cast<void>(placing(inputs, [&] { return ContractChecker(contract).check_inputs(views_of(first)); }));
  const auto outputs = open_output(request, contract);
  const auto session = open_session(bundle, options.engine);
  stream(session, std::move(first), inputs, *outputs, contract, batch);
  require_all_answered(inputs, *outputs);
  outputs->finish();
  print_done(inputs.describe() + ", " + std::to_string(outputs->count()) + (outputs->count() == 1 ? " answer" : " answers") +
             ", engine " + session.engine());
  return EXIT_SUCCESS;
}

}  // namespace ferry::cli
