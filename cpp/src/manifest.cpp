#include "manifest.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "case_origin.hpp"
#include "dtype.hpp"
#include "json.hpp"
#include "kinds/kind.hpp"
#include "limits.hpp"
#include "reference.hpp"
#include "samples.hpp"

namespace ferry {

namespace {

using json::Node;
using json::Pattern;

// ---- patterns: what a regular expression would say, without its engine ------------------------------------------------

constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view digits = "0123456789";

bool in(char c, std::initializer_list<std::string_view> sets) noexcept {
  return std::any_of(sets.begin(), sets.end(), [c](std::string_view set) { return set.find(c) != std::string_view::npos; });
}

// One char of `first`, then up to `max` - 1 of `rest`.
bool is_name(std::string_view text, std::size_t max, std::initializer_list<std::string_view> first,
             std::initializer_list<std::string_view> rest) noexcept {
  if (text.empty() || text.size() > max || !in(text.front(), first)) return false;
  return std::all_of(text.begin() + 1, text.end(), [&](char c) { return in(c, rest); });
}

bool is_path(std::string_view path) noexcept {
  if (path.size() > limits::max_path_characters) return false;
  while (true) {
    const std::size_t slash = path.find('/');
    if (!is_name(path.substr(0, slash), limits::max_path_characters, {lower, upper, digits, "_"}, {lower, upper, digits, "._-"}))
      return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool is_sha256(std::string_view text) noexcept {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) { return in(c, {digits, "abcdef"}); });
}

constexpr Pattern bundle_name{"a name matching [a-z0-9][a-z0-9._-]{0,63}",
                              [](std::string_view t) { return is_name(t, 64, {lower, digits}, {lower, digits, "._-"}); }};
constexpr Pattern tensor_name{"a name matching [A-Za-z_][A-Za-z0-9_]{0,63}", [](std::string_view t) {
                                return is_name(t, 64, {lower, upper, "_"}, {lower, upper, digits, "_"});
                              }};
constexpr Pattern symbol{"an integer from 0 to 2^53 or a symbol matching [A-Z][A-Za-z0-9_]{0,31}",
                         [](std::string_view t) { return is_name(t, 32, {upper}, {lower, upper, digits, "_"}); }};
constexpr Pattern word{"a name matching [a-z][a-z0-9_-]{0,31}", [](std::string_view t) { return is_word(t); }};
constexpr Pattern case_name{"a name matching [a-z0-9][a-z0-9-]{0,31}",
                            [](std::string_view t) { return is_name(t, 32, {lower, digits}, {lower, digits, "-"}); }};
constexpr Pattern relative_path{"a relative path of components matching [A-Za-z0-9_][A-Za-z0-9._-]*, at most 255 bytes",
                                [](std::string_view t) { return is_path(t); }};
constexpr Pattern sha256_digits{"64 lower-case hex digits", [](std::string_view t) { return is_sha256(t); }};
constexpr Pattern metadata_key{"a key matching [A-Za-z][A-Za-z0-9._-]{0,63}",
                               [](std::string_view t) { return is_name(t, 64, {lower, upper}, {lower, upper, digits, "._-"}); }};
constexpr Pattern metadata_value{"a text of 1 to 4096 bytes",
                                 [](std::string_view t) { return !t.empty() && t.size() <= limits::max_metadata_bytes; }};
constexpr Pattern acceptance{"passed, or a text that begins with \"not run: \"",
                             [](std::string_view t) { return t == "passed" || (t.starts_with("not run: ") && t.size() > 9); }};
constexpr const char* unknown_acceptance = "not run: format version 2 does not say where it ran";
constexpr Pattern text_not_empty{"a string that is not empty", [](std::string_view t) { return !t.empty(); }};

// ---- sections 3 to 7 ----------------------------------------------------------------------------------------------------

using Strings = std::map<std::string, std::string, std::less<>>;
using Files = std::map<std::string, FileEntry, std::less<>>;

template <typename T, typename Parse>
std::vector<T> parse_items(const Node& array, std::size_t min_size, Parse parse) {
  std::vector<T> values;
  for (const Node& item : array.items(min_size)) values.push_back(parse(item));
  return values;
}

Strings parse_strings(const Node& object) {
  Strings values;
  for (const auto& [key, node] : object.members()) values.emplace(key, node.string());
  return values;
}

FileEntry parse_file(const Node& node) {
  node.require_keys({"path", "bytes", "sha256"});
  return {node["path"].string(relative_path), static_cast<std::uint64_t>(node["bytes"].integer()),
          node["sha256"].string(sha256_digits)};
}

Files parse_files(const Node& object) {
  Files files;
  for (const auto& [name, node] : object.members(&tensor_name)) files.emplace(name, parse_file(node));
  return files;
}

// One of a closed set of names: the enumerators from `first`, each after the other.
template <typename Enum, typename Next, typename Name>
Enum parse_enumerator(const Node& node, Enum first, Next next, Name name_of) {
  std::vector<std::string_view> names;
  std::vector<Enum> values;
  for (std::optional<Enum> value = first; value; value = next(*value)) {
    values.push_back(*value);
    names.push_back(name_of(*value));
  }
  const auto found = std::find(names.begin(), names.end(), node.one_of(names));
  return values[static_cast<std::size_t>(found - names.begin())];
}

DType parse_dtype(const Node& node) {
  return parse_enumerator(node, DType::boolean, next_dtype, [](DType dtype) { return to_string(dtype); });
}

std::vector<Dim> parse_shape(const Node& node) {
  const std::vector<Node> dims = node.items();
  if (dims.size() > limits::max_rank) node.fail("rank " + std::to_string(dims.size()), "rank at most 8");
  std::vector<Dim> shape;
  for (const Node& dim : dims) {
    if (dim.is_string()) {
      shape.emplace_back(dim.string(symbol));
      if (dim.string() == "N" && shape.size() > 1) dim.fail("the batch symbol N as first dim and nowhere else");
    } else {
      shape.emplace_back(dim.integer());
    }
  }
  return shape;
}

std::optional<std::array<double, 2>> parse_range(const Node& node) {
  if (node.is_null()) return std::nullopt;
  const std::vector<Node> ends = node.items();
  if (ends.size() != 2) node.fail(std::to_string(ends.size()) + " items", "null or [min, max]");
  const std::array<double, 2> range{ends[0].number(), ends[1].number()};
  if (range[0] > range[1]) node.fail("a minimum above the maximum", "min <= max");
  return range;
}

// The order of a picture's channels, of which its shape has as many behind the batch or at its end.
std::optional<std::string> parse_channels(const Node& node, const std::vector<Dim>& shape) {
  if (node.is_null()) return std::nullopt;
  const auto& channels = node.one_of({"RGB", "BGR", "RGBA", "BGRA"});
  const auto count = std::to_string(channels.size());
  const Dim wanted = static_cast<std::int64_t>(channels.size());
  const bool fits = shape.size() == 4 && (shape[1] == wanted || shape[3] == wanted);
  if (!fits) node.fail(channels, "a shape [N," + count + ",H,W] or [N,H,W," + count + "]");
  return channels;
}

// How many values a second has sound of so many samples.
std::optional<std::int64_t> parse_rate(const Node& node, const TensorSpec& spec) {
  if (node.is_null()) return std::nullopt;
  const auto rate = node.integer(1, limits::max_sample_rate);
  const bool is_sound = spec.dtype == DType::int16 || spec.dtype == DType::float32;
  if (!is_sound || spec.shape.size() != 2 || spec.shape.front() != Dim("N")) node.fail("sound: int16[N,T] or float32[N,T]");
  return rate;
}

TensorSpec parse_spec(const Node& node) {
  node.require_keys({"name", "dtype", "shape", "range", "unit", "allow_nonfinite"}, {"channels", "rate"});
  TensorSpec spec;
  spec.name = node["name"].string(tensor_name);
  spec.dtype = parse_dtype(node["dtype"]);
  spec.shape = parse_shape(node["shape"]);
  spec.range = parse_range(node["range"]);
  if (const Node unit = node["unit"]; !unit.is_null()) spec.unit = unit.string();
  spec.allow_nonfinite = node["allow_nonfinite"].boolean();
  if (spec.allow_nonfinite && !is_float(spec.dtype))
    node["allow_nonfinite"].fail("false for dtype " + std::string(to_string(spec.dtype)));
  if (node.has("channels")) spec.channels = parse_channels(node["channels"], spec.shape);
  if (node.has("rate")) spec.rate = parse_rate(node["rate"], spec);
  return spec;
}

SymbolRange parse_symbol_range(const Node& node) {
  node.require_keys({"min", "max"});
  SymbolRange range{node["min"].integer(), std::nullopt};
  if (const Node max = node["max"]; !max.is_null()) range.max = max.integer(range.min);
  return range;
}

std::optional<Classes> parse_classes(const Node& node) {
  if (node.is_null()) return std::nullopt;
  node.require_keys({"output", "names"});
  return Classes{node["output"].string(tensor_name),
                 parse_items<std::string>(node["names"], 1, [](const Node& name) { return name.string(text_not_empty); })};
}

// Version 2 says nothing of samples: they were taken for independent.
Contract parse_contract(const Node& node, std::int64_t version) {
  Contract contract;
  if (version == oldest_version) {
    node.require_keys({"inputs", "outputs", "symbols", "classes"});
  } else {
    node.require_keys({"inputs", "outputs", "symbols", "classes", "samples"}, {"state"});
    contract.samples =
        parse_enumerator(node["samples"], Samples::independent, next_samples, [](Samples samples) { return name_of(samples); });
  }
  contract.inputs = parse_items<TensorSpec>(node["inputs"], 1, parse_spec);
  contract.outputs = parse_items<TensorSpec>(node["outputs"], 1, parse_spec);
  for (const auto& [name, range] : node["symbols"].members(&symbol)) contract.symbols.emplace(name, parse_symbol_range(range));
  contract.classes = parse_classes(node["classes"]);
  if (node.has("state")) {
    for (const auto& [input, output] : node["state"].members(&tensor_name))
      contract.state.emplace(input, output.string(tensor_name));
  }
  return contract;
}

Strings parse_accepted(const Node& node) {
  node.require_keys({"c++", "python"});
  return {{"c++", node["c++"].string(acceptance)}, {"python", node["python"].string(acceptance)}};
}

// Version 2 does not say where an artifact ran.
Artifact parse_artifact(const Node& node, std::int64_t version) {
  Strings accepted{{"c++", unknown_acceptance}, {"python", unknown_acceptance}};
  if (version == oldest_version) {
    node.require_keys({"format", "engine", "files", "producer", "requires"});
  } else {
    node.require_keys({"format", "engine", "files", "producer", "requires", "accepted"});
    accepted = parse_accepted(node["accepted"]);
  }
  return {node["format"].string(word), node["engine"].string(word),     parse_items<FileEntry>(node["files"], 1, parse_file),
          node["producer"].string(),   parse_strings(node["requires"]), std::move(accepted)};
}

// Version 2 has no cases that the exporter made.
GoldenCase parse_case(const Node& node, std::int64_t version) {
  CaseOrigin origin = CaseOrigin::given;
  if (version == oldest_version) {
    node.require_keys({"name", "inputs", "float32", "float64"});
  } else {
    node.require_keys({"name", "origin", "inputs", "float32", "float64"});
    origin = parse_enumerator(node["origin"], CaseOrigin::given, next_origin, [](CaseOrigin one) { return name_of(one); });
  }
  return {node["name"].string(case_name), origin, parse_files(node["inputs"]), parse_files(node["float32"]),
          parse_files(node["float64"])};
}

Golden parse_golden(const Node& node, std::int64_t version) {
  node.require_keys({"source", "description", "numerics", "cases"});
  return {node["source"].one_of({"real", "synthetic"}), node["description"].string(), node["numerics"].string(),
          parse_items<GoldenCase>(node["cases"], 1, [version](const Node& item) { return parse_case(item, version); })};
}

ToleranceKind parse_kind(const Node& node) {
  return parse_enumerator(node, ToleranceKind::bits, next_kind, [](ToleranceKind kind) { return kind_of(kind).name(); });
}

Tolerance parse_tolerance(const Node& node) {
  node.require_keys({"engine", "device", "output", "numerics", "reference", "kind", "bound", "scores", "reason"});
  Tolerance row;
  row.engine = node["engine"].string(word);
  row.device = node["device"].one_of({"cpu", "cuda"});
  row.output = node["output"].string(tensor_name);
  row.numerics = node["numerics"].one_of({"golden", "any"});
  row.reference = parse_enumerator(node["reference"], Reference::float32, next_reference, [](Reference r) { return name_of(r); });
  row.kind = parse_kind(node["kind"]);
  row.bound = node["bound"].number();
  row.reason = node["reason"].string(text_not_empty);
  if (!(row.bound >= 0)) node["bound"].fail("0 or more");
  if (const Node scores = node["scores"]; !scores.is_null()) row.scores = scores.string(tensor_name);
  if (const auto problem = kind_of(row.kind).row_problem(row)) node[problem->key].fail(problem->expected);
  return row;
}

std::optional<Training> parse_training(const Node& node) {
  if (node.is_null()) return std::nullopt;
  node.require_keys({"recipe", "dataset", "seed", "epochs", "metrics", "versions"});
  Training training{node["recipe"].string(), node["dataset"].string(), node["seed"].integer(), node["epochs"].integer(), {}, {}};
  for (const auto& [name, value] : node["metrics"].members()) training.metrics.emplace(name, value.number());
  training.versions = parse_strings(node["versions"]);
  return training;
}

Strings parse_metadata(const Node& object) {
  Strings values;
  for (const auto& [key, node] : object.members(&metadata_key)) values.emplace(key, node.string(metadata_value));
  if (values.size() > limits::max_metadata_entries) {
    object.fail(std::to_string(values.size()) + " entries", "at most " + std::to_string(limits::max_metadata_entries));
  }
  return values;
}

// Read before anything else, so that a newer bundle is called newer and not malformed.
void check_version(const nlohmann::json& document, const std::string& where) {
  const auto found = document.find("format_version");
  if (found == document.end() || !found->is_number()) return;
  if (found->get<double>() > static_cast<double>(format_version)) {
    throw Error(ErrorCode::format, where + ": format_version: got " + found->dump() + ", expected " +
                                       std::to_string(oldest_version) + " or " + std::to_string(format_version) +
                                       "; this bundle is newer than this program: update torchferry");
  }
}

}  // namespace

bool is_word(std::string_view text) noexcept { return is_name(text, 32, {lower}, {lower, digits, "_-"}); }

Manifest parse_manifest(std::string_view text, const std::string& where) {
  const json::Document parsed = json::parse(text, where);
  const nlohmann::json& document = parsed.value();
  const Node root(document, where);
  if (!document.is_object()) root.fail("one JSON object");
  check_version(document, where);
  const std::int64_t version =
      document.contains("format_version") ? root["format_version"].integer(oldest_version, format_version) : format_version;
  root.require_keys({"format_version", "name", "contract", "artifacts", "golden", "tolerances", "training", "metadata"});
  Manifest manifest{
      root["name"].string(bundle_name),
      parse_contract(root["contract"], version),
      parse_items<Artifact>(root["artifacts"], 1, [version](const Node& item) { return parse_artifact(item, version); }),
      parse_golden(root["golden"], version),
      parse_items<Tolerance>(root["tolerances"], 0, parse_tolerance),
      parse_training(root["training"]),
      parse_metadata(root["metadata"]),
      version};
  check_manifest(manifest, where);
  return manifest;
}

}  // namespace ferry
