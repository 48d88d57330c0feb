#include "output.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "folder_output.hpp"
#include "image_layout.hpp"
#include "input.hpp"
#include "mask_output.hpp"
#include "npy_output.hpp"
#include "npz_output.hpp"
#include "output_file.hpp"
#include "row_output.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view npy_ending = ".npy";

std::string names_of(const Contract& contract) {
  std::string names;
  for (const auto& spec : contract.outputs) names += (names.empty() ? "" : ", ") + spec.name;
  return names;
}

std::vector<std::string> selected_outputs(const OutputRequest& request, const Contract& contract) {
  if (!request.select.empty()) return {request.select};
  std::vector<std::string> names(contract.outputs.size());
  std::ranges::transform(contract.outputs, names.begin(), &TensorSpec::name);
  return names;
}

// OUT.npy becomes OUT.NAME.npy.
std::string path_of_output(const std::string& path, const std::string& name) {
  const auto stem = path.ends_with(npy_ending) ? path.substr(0, path.size() - npy_ending.size()) : path;
  return stem + "." + name + std::string(npy_ending);
}

void check_select(const OutputRequest& request, const Contract& contract) {
  if (request.select.empty() ||
      std::ranges::any_of(contract.outputs, [&](const auto& spec) { return spec.name == request.select; }))
    return;
  throw Error(ErrorCode::usage, "--select: got " + text::quoted(request.select) + ", expected one of " + names_of(contract));
}

// Several .npy files need names of their own.
void check_one_target(const OutputRequest& request, std::size_t outputs) {
  if (!is_stream(request.path)) return;
  throw Error(ErrorCode::usage, "--output: got " + request.path + " for " + std::to_string(outputs) +
                                    " outputs, expected a file's name to make one .npy for each; add --select NAME");
}

// An output without the batch dim cannot be cut into samples where the others can.
void check_batches(const OutputRequest& request, const Contract& contract) {
  const bool batched = std::ranges::any_of(contract.inputs, is_batched);
  for (const auto& spec : contract.outputs) {
    if (!request.select.empty() && spec.name != request.select) continue;
    if (is_batched(spec) != batched)
      throw Error(ErrorCode::usage, "--output: " + spec.name +
                                        ": got an output without the batch N, expected N first; take another with --select NAME");
  }
}

Beside beside_of(const OutputRequest& request, const Contract& contract) {
  return {.id = request.id, .top = request.top ? std::optional<TopClasses>(TopClasses(contract, *request.top)) : std::nullopt};
}

// The ending of a kind of file that holds no words; empty for the others.
std::string ending_of_numbers(OutputFormat format) {
  const bool holds_words = format == OutputFormat::jsonl || format == OutputFormat::csv;
  return holds_words ? std::string() : "." + std::string(name_of(format));
}

// Identities need a kind of file that holds words, and a name that no other column of the answers has.
void check_id(const OutputRequest& request, OutputFormat format, const Contract& contract) {
  if (request.id.empty()) return;
  const auto got = "--id: got " + text::quoted(request.id);
  if (const auto ending = ending_of_numbers(format); !ending.empty())
    throw Error(ErrorCode::usage, got + " for " + ending + ", which holds numbers, expected .jsonl or .csv");
  const auto name = request.id.substr(0, request.id.find('['));  // `logits[0]` is a column of .csv
  if (name == "class" || name == "top" ||
      std::ranges::any_of(contract.outputs, [&](const auto& spec) { return spec.name == name; }))
    throw Error(ErrorCode::usage, got + ", the name of an output, expected another; rename the column");
}

void check_folder(const OutputRequest& request, std::size_t outputs) {
  if (is_folder(request.path) && outputs > 1)
    throw Error(ErrorCode::usage, "--output: got " + request.path + " for " + std::to_string(outputs) +
                                      " outputs, expected one .npy a file; add --select NAME, or --format npz");
}

// Is it accepted, or refused as another use than the user's?
template <typename Make>
bool is_made(const Make& make) {
  try {
    make();
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Would `ferry predict` draw the label into the picture? annotation_of in samples/annotated_sink.py is the twin.
bool shows_picture(const std::vector<std::string>& outputs, const Contract& contract) {
  if (!contract.classes || std::ranges::find(outputs, contract.classes->output) == outputs.end()) return false;
  const auto label = std::ranges::find(contract.outputs, contract.classes->output, &TensorSpec::name);
  const auto is_mask = [&](const std::string& name) { return is_made([&] { static_cast<void>(Mask(contract, name)); }); };
  const auto takes_pictures = [](const TensorSpec& spec) { return is_made([&] { static_cast<void>(ImageLayout(spec, {})); }); };
  return label->shape == std::vector<Dim>{Dim("N")} && std::ranges::none_of(outputs, is_mask) &&
         std::ranges::count_if(contract.inputs, takes_pictures) == 1;
}

// A .png is one output, which is a mask. Python draws labels into pictures too, by the font of its library.
void check_mask(const OutputRequest& request, const Contract& contract) {
  const auto outputs = selected_outputs(request, contract);
  if (shows_picture(outputs, contract))
    throw Error(ErrorCode::unavailable, "--output: got " + request.path +
                                            " for a picture with its label, which ferry-run does not draw, expected .jsonl or "
                                            ".csv; use ferry predict, or write .jsonl");
  if (outputs.size() > 1)
    throw Error(ErrorCode::usage, "--output: got " + request.path + " for " + std::to_string(outputs.size()) +
                                      " outputs, expected one mask a .png; add --select NAME");
  static_cast<void>(Mask(contract, outputs.front()));
}

}  // namespace

bool is_folder(const std::string& path) noexcept { return path.ends_with('/'); }

std::string_view name_of(OutputFormat format) noexcept {
  switch (format) {
    case OutputFormat::jsonl:
      return "jsonl";
    case OutputFormat::csv:
      return "csv";
    case OutputFormat::npy:
      return "npy";
    case OutputFormat::npz:
      return "npz";
    case OutputFormat::png:
      return "png";
  }
  return {};
}

bool is_stream(const std::string& path) {
  std::error_code unknown;
  const auto status = fs::status(text::path_of(path), unknown);
  return path == "-" || (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status));
}

OutputFormat choose_format(const OutputRequest& request) {
  if (request.format.empty() && (is_stream(request.path) || is_folder(request.path))) return OutputFormat::jsonl;
  const auto name = request.format.empty() ? text::utf8(text::path_of(request.path).extension()) : "." + request.format;
  if (name == ".jsonl") return OutputFormat::jsonl;
  if (name == ".csv") return OutputFormat::csv;
  if (name == npy_ending) return OutputFormat::npy;
  if (name == ".npz") return OutputFormat::npz;
  if (name == ".png") return OutputFormat::png;
  throw Error(ErrorCode::usage, "--output: got " + text::quoted(request.path) +
                                    ", expected a name that ends in .jsonl, .csv, .npy, .npz or .png; rename it or add --format");
}

void check_output_request(const OutputRequest& request, const Contract& contract) {
  const auto format = choose_format(request);
  check_select(request, contract);
  check_batches(request, contract);
  check_id(request, format, contract);
  const Beside beside = beside_of(request, contract);  // refuses a contract that has nothing to rank
  if (const auto ending = ending_of_numbers(format); request.top && beside.top && !ending.empty())
    throw Error(ErrorCode::usage, "--top: got " + std::to_string(*request.top) + " for " + ending +
                                      ", which holds numbers, expected .jsonl or .csv");
  if (format == OutputFormat::png) check_mask(request, contract);
  const auto outputs = selected_outputs(request, contract).size();
  if (format != OutputFormat::npy) return;
  check_folder(request, outputs);
  if (outputs > 1) check_one_target(request, outputs);
}

std::unique_ptr<SampleWriter> open_output(const OutputRequest& request, const Contract& contract) {
  if (is_folder(request.path)) return open_folder(request, contract);
  const auto format = choose_format(request);
  auto names = selected_outputs(request, contract);
  if (format == OutputFormat::jsonl)
    return open_json_lines(OutputFile::open(request.path), contract, std::move(names), beside_of(request, contract));
  if (format == OutputFormat::csv)
    return open_csv_rows(OutputFile::open(request.path), contract, std::move(names), beside_of(request, contract));
  if (format == OutputFormat::png) return open_mask(OutputFile::open(request.path), Mask(contract, names.front()));
  const bool batched = std::ranges::any_of(contract.inputs, is_batched);
  if (format == OutputFormat::npz) return open_npz_file(OutputFile::open(request.path), names, batched);
  std::vector<NpyTarget> targets;
  targets.reserve(names.size());
  for (const auto& name : names)
    targets.push_back({name, OutputFile::open(names.size() == 1 ? request.path : path_of_output(request.path, name))});
  return open_npy_files(std::move(targets), request.total, batched);
}

}  // namespace ferry::cli
