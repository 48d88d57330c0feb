#include "input.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "byte_stream.hpp"
#include "csv_input.hpp"
#include "image_input.hpp"
#include "npy.hpp"
#include "npy_input.hpp"
#include "npz_input.hpp"
#include "stored_zip.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

constexpr std::size_t magic_size = 10;  // enough for every kind

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
                                    names_of(contract) + ", or one .npz alone");
}

std::map<std::string, std::vector<std::string>> group_by_input(const Contract& contract,
                                                               const std::vector<std::string>& arguments) {
  std::map<std::string, std::vector<std::string>> paths;
  for (const auto& argument : arguments) {
    auto [name, path] = split_argument(contract, argument);
    paths[name].push_back(std::move(path));
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
  if (equals != std::string::npos && named) return std::nullopt;
  return ByteStream::open(argument);
}

std::unique_ptr<SampleReader> open_stream(const TensorSpec& spec, ByteStream stream) {
  if (npy::is_npy(stream.peek(magic_size))) return open_npy(spec, std::move(stream));
  return open_csv(spec, std::move(stream));
}

[[noreturn]] void throw_other_count() {
  throw Error(ErrorCode::bad_input,
              "--input: got inputs of different numbers of samples, expected as many in each; cut the longer ones");
}

}  // namespace

bool is_batched(const TensorSpec& spec) noexcept { return !spec.shape.empty() && spec.shape.front() == Dim("N"); }

ByteStream open_one(const std::string& path) {
  auto stream = ByteStream::open(path);
  if (archive::is_zip(stream.peek(magic_size)))
    throw Error(ErrorCode::usage, "--input: got " + path +
                                      ", an .npz, with a NAME or a second file, expected it alone: it names every input itself; "
                                      "write --input " +
                                      path);
  return stream;
}

std::unique_ptr<SampleReader> open_samples(const TensorSpec& spec, const std::vector<std::string>& paths, ByteStream first) {
  if (is_image(first.peek(magic_size))) return open_images(spec, paths, std::move(first));
  if (paths.size() > 1)
    throw Error(ErrorCode::usage, "--input: got " + std::to_string(paths.size()) + " files for " + spec.name +
                                      ", expected one; only images are put together to a batch");
  return open_stream(spec, std::move(first));
}

InputReader::InputReader(const Contract& contract, const std::vector<std::string>& arguments) {
  auto lone = open_lone(contract, arguments);
  if (lone && archive::is_zip(lone->peek(magic_size))) {
    auto files = open_npz(contract, std::move(*lone));
    for (const auto& spec : contract.inputs)
      inputs_.push_back({spec.name, is_batched(spec), open_npy(spec, std::move(files.at(spec.name)))});
  } else {
    const auto paths = group_by_input(contract, arguments);
    for (const auto& spec : contract.inputs) {
      const auto& own = paths.at(spec.name);
      auto first = lone ? std::move(*lone) : open_one(own.front());
      inputs_.push_back({spec.name, is_batched(spec), open_samples(spec, own, std::move(first))});
    }
  }
  require_equal_totals();
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
  NamedTensors tensors;
  tensors.reserve(inputs_.size());
  at_end_ = true;
  const Input* first = nullptr;
  std::int64_t samples = 0;
  for (const auto& input : inputs_) {
    auto tensor = input.samples->read(count);
    if (input.batched && first == nullptr) {
      first = &input;
      samples = tensor.shape().front();
      at_end_ = samples < count;
    } else if (input.batched && tensor.shape().front() != samples) {
      throw_other_count();
    }
    tensors.add(input.name, std::move(tensor));
  }
  return tensors;
}

std::optional<std::int64_t> InputReader::total() const {
  for (const auto& input : inputs_)
    if (input.batched) return input.samples->total();
  return 1;
}

}  // namespace ferry::cli
