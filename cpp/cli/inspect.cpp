// ferry-run inspect: what a bundle holds. Reads the manifest and checks the files; loads no engine.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "console.hpp"
#include "ferry/ferry.hpp"
#include "kinds/kind.hpp"
#include "manifest.hpp"
#include "reference.hpp"
#include "samples.hpp"
#include "table.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace ferry::cli {

namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string shape_text(const TensorSpec& spec) {
  std::string text = "[";
  for (const auto& dim : spec.shape) {
    if (text.size() > 1) text += ',';
    text += std::holds_alternative<std::string>(dim) ? std::get<std::string>(dim) : std::to_string(std::get<std::int64_t>(dim));
  }
  return text + "]";
}

std::string range_text(const TensorSpec& spec) {
  if (!spec.range) return {};
  return text::short_number(spec.range->at(0)) + " to " + text::short_number(spec.range->at(1));
}

// What pictures and sound have beside their shape.
std::string media_text(const TensorSpec& spec) {
  return spec.rate ? std::to_string(*spec.rate) + " Hz" : spec.channels.value_or("");
}

void add_specs(Rows& rows, const std::string& title, const std::vector<TensorSpec>& specs) {
  for (const auto& spec : specs)
    rows.push_back({title, spec.name, std::string(to_string(spec.dtype)), shape_text(spec), range_text(spec),
                    text::printable(spec.unit.value_or("")), spec.allow_nonfinite ? "NaN and Inf allowed" : media_text(spec)});
}

std::string contract_text(const Contract& contract) {
  Rows rows = {{"", "name", "dtype", "shape", "range", "unit", ""}};
  add_specs(rows, "input", contract.inputs);
  add_specs(rows, "output", contract.outputs);
  auto text = align(rows);
  for (const auto& [symbol, range] : contract.symbols)
    text += symbol + ": " + std::to_string(range.min) + (range.max ? " to " + std::to_string(*range.max) : " or more") + "\n";
  if (contract.classes) {
    text += "classes of " + contract.classes->output + ":";
    for (const auto& name : contract.classes->names) text += " " + text::printable(name);
    text += '\n';
  }
  return text + "samples: " + std::string(name_of(contract.samples)) + "\n";
}

std::string artifacts_text(const Manifest& manifest) {
  Rows rows = {{"artifact", "engine", "file", "bytes", "producer"}};
  for (const auto& artifact : manifest.artifacts)
    for (const auto& file : artifact.files)
      rows.push_back(
          {artifact.format, artifact.engine, file.path, std::to_string(file.bytes), text::printable(artifact.producer)});
  auto text = align(rows);
  for (const auto& artifact : manifest.artifacts)
    for (const auto& [language, result] : artifact.accepted)
      text += "accepted: " + artifact.format + " in " + language + ": " + text::printable(result) + "\n";
  return text;
}

std::string golden_text(const Golden& golden) {
  auto text = "golden: " + golden.source + ", " + text::printable(golden.description) + "\n";
  text += "  numerics: " + text::printable(golden.numerics) + "\n  cases:";
  for (const auto& item : golden.cases) text += " " + item.name;
  return text + "\n";
}

// One line a row, then each reason once.
std::string tolerances_text(const Manifest& manifest) {
  Rows rows = {{"tolerance", "device", "output", "numerics", "bound", "reference", "reason"}};
  std::vector<std::string> reasons;
  for (const auto& row : manifest.tolerances) {
    auto found = std::ranges::find(reasons, row.reason);
    if (found == reasons.end()) found = reasons.insert(found, row.reason);
    rows.push_back({row.engine, row.device, row.output, row.numerics, kind_of(row.kind).phrase(row),
                    std::string(name_of(row.reference)), "(" + std::to_string(found - reasons.begin() + 1) + ")"});
  }
  auto text = align(rows);
  for (std::size_t i = 0; i < reasons.size(); ++i)
    text += "(" + std::to_string(i + 1) + ") " + text::printable(reasons[i]) + "\n";
  return text;
}

std::string training_text(const Training& training) {
  auto text = "training: recipe " + text::printable(training.recipe) + ", dataset " + text::printable(training.dataset) +
              ", seed " + std::to_string(training.seed) + ", " + std::to_string(training.epochs) + " epochs\n";
  for (const auto& [name, value] : training.metrics)
    text += "  " + text::printable(name) + " " + text::short_number(value) + "\n";
  for (const auto& [name, version] : training.versions)
    text += "  " + text::printable(name) + " " + text::printable(version) + "\n";
  return text;
}

std::string metadata_text(const Manifest& manifest) {
  std::string text = "metadata:\n";
  for (const auto& [key, value] : manifest.metadata) text += "  " + key + ": " + text::printable(value) + "\n";
  return manifest.metadata.empty() ? "" : text;
}

// What the format of an older bundle cannot say.
std::string lacks_text(const Manifest& manifest) {
  if (manifest.format_version == format_version) return "";
  return "lacks: artifacts.accepted, contract.samples and golden.cases.origin, as every bundle of format version " +
         std::to_string(manifest.format_version) + "; its samples are taken for independent\n";
}

std::string to_text(const Bundle& bundle) {
  const auto& manifest = bundle.manifest();
  std::string text = manifest.name + " (" + text::shown(bundle.folder()) + "), format " +
                     std::to_string(manifest.format_version) + ", every SHA-256 is right\n\n";
  text += lacks_text(manifest) + contract_text(manifest.contract) + "\n" + artifacts_text(manifest) + "\n" +
          golden_text(manifest.golden) + "\n" + tolerances_text(manifest);
  if (manifest.training) text += "\n" + training_text(*manifest.training);
  if (const std::string metadata = metadata_text(manifest); !metadata.empty()) text += "\n" + metadata;
  for (const Signature& one : bundle.signatures())
    text += "signature " + one.file + ": key " + one.key_id + (one.trusted ? ", trusted: " : ", not checked: ") +
            text::printable(one.comment) + "\n";
  if (!bundle.ignored().empty()) text += "\nignored: not listed, no part of the bundle\n";
  for (const std::string& path : bundle.ignored()) text += "  " + text::printable(path) + "\n";
  return text;
}

nlohmann::json signatures_json(const Bundle& bundle) {
  nlohmann::json all = nlohmann::json::array();
  for (const Signature& one : bundle.signatures())
    all.push_back({{"file", one.file}, {"key", one.key_id}, {"trusted", one.trusted}, {"comment", one.comment}});
  return all;
}

std::string to_json(const Bundle& bundle) {
  const nlohmann::json object = {{"bundle", text::utf8(bundle.folder())},
                                 {"manifest", nlohmann::json::parse(bundle.manifest_json())},
                                 {"ignored", bundle.ignored()},
                                 {"signatures", signatures_json(bundle)}};
  return object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

int inspect(const InspectOptions& options) {
  const auto bundle = Bundle::open(text::path_of(options.bundle.folder), options.bundle.trust);
  options.json ? print_json(to_json(bundle)) : print(to_text(bundle));
  return EXIT_SUCCESS;
}

}  // namespace ferry::cli
