#include "input.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "byte_stream.hpp"
#include "csv_input.hpp"
#include "foreign.hpp"
#include "image_files.hpp"
#include "image_input.hpp"
#include "json_input.hpp"
#include "limits.hpp"
#include "npy.hpp"
#include "npy_input.hpp"
#include "npz_input.hpp"
#include "raw_input.hpp"
#include "stored_zip.hpp"
#include "text.hpp"
#include "wav_file.hpp"
#include "wav_input.hpp"

namespace ferry::cli {

namespace {

std::string names_of(const Contract& contract) {
  std::string names;
  for (const auto& spec : contract.inputs) names += (names.empty() ? "" : ", ") + spec.name;
  return names;
}

// FILE or NAME=FILE; a file whose name has a "=" needs no NAME where the contract has one input.
std::pair<std::string, std::string> split_argument(const Contract& contract, const std::string& argument) {
  const auto equals = argument.find('=');
  const auto name = argument.substr(0, equals);
  const bool known = std::ranges::any_of(contract.inputs, [&](const TensorSpec& spec) { return spec.name == name; });
  if (equals != std::string::npos && known) return {name, argument.substr(equals + 1)};
  if (contract.inputs.size() == 1) return {contract.inputs.front().name, argument};
  throw Error(ErrorCode::usage, "--input: got " + text::quoted(argument) + ", expected NAME=FILE with NAME one of " +
                                    names_of(contract) + ", or one .npz or table of all alone");
}

std::map<std::string, std::vector<std::string>> group_by_input(const Contract& contract,
                                                               const std::vector<std::string>& arguments) {
  std::map<std::string, std::vector<std::string>> paths;
  for (const auto& argument : arguments) {
    auto [name, path] = split_argument(contract, argument);
    std::ranges::move(expand(path), std::back_inserter(paths[name]));
  }
  if (std::ranges::count_if(arguments, [](const auto& argument) { return argument == "-" || argument.ends_with("=-"); }) > 1)
    throw Error(ErrorCode::usage, "--input: got - (stdin) more than once, expected it once");
  for (const auto& spec : contract.inputs)
    if (!paths.contains(spec.name))
      throw Error(ErrorCode::usage, "--input: got no file for " + spec.name + ", expected one for each of " + names_of(contract));
  return paths;
}

// The only argument, where it has no NAME: it may hold every input.
std::optional<ByteStream> open_lone(const Contract& contract, const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) return std::nullopt;
  const auto& argument = arguments.front();
  const auto equals = argument.find('=');
  const bool named = contract.inputs.size() > 1 || contract.inputs.front().name == argument.substr(0, equals);
  if (holds_files(argument) || (equals != std::string::npos && named)) return std::nullopt;
  return ByteStream::open(argument);
}

// A table or JSON lines.
std::unique_ptr<SampleReader> open_rows(std::span<const TensorSpec> specs, ByteStream stream, const InputOptions& options) {
  const bool is_json = options.format == InputFormat::automatic && starts_json(stream.peek(1));
  if (is_json || options.format == InputFormat::jsonl) return open_json_lines_input(specs, std::move(stream));
  if (!options.follow) refuse_arrow(stream);
  return open_csv(specs, std::move(stream), options.table, options.follow ? 1 : limits::max_csv_sniffed_lines);
}

// Kinds that no table and no archive is.
bool holds_one_input(ByteStream& stream) {
  const auto head = stream.peek(magic_size);
  return npy::is_npy(head) || is_image(head) || is_wav(head);
}

void require_one(const TensorSpec& spec, const std::vector<std::string>& paths) {
  if (paths.size() > 1)
    throw Error(ErrorCode::usage, "--input: got " + std::to_string(paths.size()) + " files for " + spec.name +
                                      ", expected one; only images and WAV files are put together to a batch");
}

[[noreturn]] void throw_other_count() {
  throw Error(ErrorCode::bad_input,
              "--input: got inputs of different numbers of samples, expected as many in each; cut the longer ones");
}

}  // namespace

bool is_batched(const TensorSpec& spec) noexcept { return !spec.shape.empty() && spec.shape.front() == Dim("N"); }

ByteStream open_one(const std::string& path) {
  auto stream = ByteStream::open(path);
  refuse_foreign(stream);
  if (archive::is_zip(stream.peek(magic_size)))
    throw Error(ErrorCode::usage, "--input: got " + path +
                                      ", an .npz, with a NAME or a second file, expected it alone: it names every input itself; "
                                      "write --input " +
                                      path);
  return stream;
}

std::unique_ptr<SampleReader> open_samples(const TensorSpec& spec, const std::vector<std::string>& paths, ByteStream first,
                                           const InputOptions& options) {
  if (is_image(first.peek(magic_size))) return open_images(spec, paths, std::move(first));
  if (is_wav(first.peek(magic_size))) return open_wavs(spec, paths, std::move(first));
  require_one(spec, paths);
  if (npy::is_npy(first.peek(magic_size))) return open_npy(spec, std::move(first));
  return open_rows(std::span(&spec, 1), std::move(first), options);
}

InputReader::InputReader(const Contract& contract, const std::vector<std::string>& arguments, const InputOptions& options)
    : state_(contract, options.follow && options.carry.empty() ? pairs_of(contract.state) : options.carry) {
  for (const auto& spec : contract.inputs) order_.push_back(spec.name);
  open(state_.lines(), arguments, options);
  require_ids(options.table);
  require_equal_totals();
}

void InputReader::open(const Contract& contract, const std::vector<std::string>& arguments, const InputOptions& options) {
  if (options.format == InputFormat::raw) return open_raw_files(contract, arguments);
  if (options.follow) return open_lines(contract, arguments, options);
  auto lone = open_lone(contract, arguments);
  if (lone) refuse_foreign(*lone);
  if (lone && archive::is_zip(lone->peek(magic_size))) {
    const auto name = lone->name();
    auto files = open_npz(contract, std::move(*lone));
    for (const auto& spec : contract.inputs)
      inputs_.push_back({{spec.name}, is_batched(spec), name, {name}, open_npy(spec, std::move(files.at(spec.name)))});
    return;
  }
  if (lone && contract.inputs.size() > 1 && !holds_one_input(*lone)) {
    const auto name = lone->name();
    return add_whole(contract, name, open_rows(contract.inputs, std::move(*lone), options));
  }
  const auto paths = group_by_input(contract, arguments);
  for (const auto& spec : contract.inputs) {
    const auto& own = paths.at(spec.name);
    auto first = lone ? std::move(*lone) : open_one(own.front());
    const auto name = first.name() + (own.size() > 1 ? " and " + std::to_string(own.size() - 1) + " more" : "");
    auto files = own;
    std::ranges::replace(files, "-", "stdin");
    inputs_.push_back(
        {{spec.name}, is_batched(spec), name, std::move(files), open_samples(spec, own, std::move(first), options)});
  }
}

void InputReader::open_raw_files(const Contract& contract, const std::vector<std::string>& arguments) {
  const auto paths = group_by_input(contract, arguments);
  for (const auto& spec : contract.inputs) {
    const auto& own = paths.at(spec.name);
    require_one(spec, own);
    auto stream = ByteStream::open(own.front());
    const auto name = stream.name();
    inputs_.push_back({{spec.name}, is_batched(spec), name, {name}, open_raw(spec, std::move(stream))});
  }
}

// Lines as they come: nothing is looked at that a device has not sent yet.
void InputReader::open_lines(const Contract& contract, const std::vector<std::string>& arguments, const InputOptions& options) {
  auto lone = open_lone(contract, arguments);
  if (!lone)
    throw Error(ErrorCode::usage,
                "--follow: got inputs by name or several files, expected one stream of lines with all inputs, e.g. --input -");
  const auto name = lone->name();
  add_whole(contract, name, open_rows(contract.inputs, std::move(*lone), options));
}

// One file that holds every input.
void InputReader::add_whole(const Contract& contract, const std::string& origin, std::unique_ptr<SampleReader> samples) {
  std::vector<std::string> names(contract.inputs.size());
  std::ranges::transform(contract.inputs, names.begin(), &TensorSpec::name);
  inputs_.push_back({std::move(names), true, origin, {origin}, std::move(samples)});
}

void InputReader::require_ids(const TableOptions& options) const {
  const auto tables = std::ranges::count_if(inputs_, [](const Input& input) { return input.samples->is_table(); });
  if (!options.id.empty() && tables != 1)
    throw Error(ErrorCode::usage,
                "--id: got " + text::quoted(options.id) + ", expected one table that has this column; leave --id out");
}

// Before anything is computed; what says no number is found out when it ends.
void InputReader::require_equal_totals() const {
  const Input* first = nullptr;
  for (const auto& input : inputs_) {
    const auto total = input.batched ? input.samples->total() : std::nullopt;
    if (!total) continue;
    if (first != nullptr && *total != first->samples->total()) throw_other_count();
    first = &input;
  }
}

NamedTensors InputReader::read(std::int64_t count) {
  std::map<std::string, Tensor> found;
  const auto samples = read_all(count, found);
  at_end_ = !samples || *samples < count;
  before_ = count_;
  count_ += samples.value_or(1);
  if (count_ == 0) {
    const auto first = std::ranges::find_if(inputs_, &Input::batched);
    throw Error(ErrorCode::bad_input, first->origin + ": got no samples, expected at least one; is this the right file?");
  }
  state_.complete(found, samples.value_or(1));
  NamedTensors tensors;
  tensors.reserve(order_.size());
  for (const auto& name : order_) tensors.add(name, std::move(found.at(name)));
  return tensors;
}

// Gives the next samples of every input, and returns how many these are; nothing where no input has a batch.
std::optional<std::int64_t> InputReader::read_all(std::int64_t count, std::map<std::string, Tensor>& tensors) {
  std::optional<std::int64_t> samples;
  for (const auto& input : inputs_) {
    auto read = input.samples->read(count);
    if (input.batched) {
      const auto own = read.front().shape().front();
      if (samples.value_or(own) != own) throw_other_count();
      samples = own;
    }
    for (std::size_t i = 0; i < read.size(); ++i) tensors.insert_or_assign(input.names[i], std::move(read[i]));
  }
  return samples;
}

const std::vector<std::string>& InputReader::ids() const {
  for (const auto& input : inputs_)
    if (input.samples->is_table()) return input.samples->ids();
  return inputs_.front().samples->ids();
}

const std::vector<std::string>& InputReader::files() const {
  const auto& files = inputs_.front().files;
  if (std::ranges::any_of(inputs_, [&files](const Input& input) { return input.files != files; }))
    throw Error(ErrorCode::usage,
                "--output: got a folder for samples of several files each, expected one file a sample; name a file");
  return files;
}

ElementError InputReader::placed(const ElementError& error) const {
  const auto holds = [&error](const Input& input) { return std::ranges::find(input.names, error.name()) != input.names.end(); };
  const auto owner = std::ranges::find_if(inputs_, holds);
  if (owner == inputs_.end()) return error;  // a carried state
  auto index = error.index();
  if (owner->samples->has_file_a_sample())
    return error.at(owner->files[static_cast<std::size_t>(before_ + index.front())], {index.begin() + 1, index.end()});
  if (owner->batched) index.front() += before_;
  return error.at(owner->origin, std::move(index));
}

std::string InputReader::describe() const {
  std::vector<std::string> origins;  // each once
  for (const auto& input : inputs_) {
    const auto how = input.samples->how();
    auto origin = input.origin + (how.empty() ? "" : " (" + how + ")");
    if (std::ranges::find(origins, origin) == origins.end()) origins.push_back(std::move(origin));
  }
  std::string text = std::to_string(count_) + (count_ == 1 ? " sample from " : " samples from ");
  for (const auto& origin : origins) text += (&origin == &origins.front() ? "" : ", ") + origin;
  return text;
}

std::optional<std::int64_t> InputReader::total() const {
  for (const auto& input : inputs_)
    if (input.batched) return input.samples->total();
  return 1;
}

}  // namespace ferry::cli
