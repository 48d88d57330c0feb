#include "toy_bundle.hpp"

#include <algorithm>
#include <cstdint>

#include "archive/zip_archive.hpp"
#include "digest.hpp"
#include "npy.hpp"

using nlohmann::json;

namespace {

constexpr std::int64_t columns = 3;

json tolerance(const char* output, const char* reference, const char* kind, const char* numerics) {
  return {{"engine", "toy"},        {"device", "cpu"}, {"output", output}, {"numerics", numerics},
          {"reference", reference}, {"kind", kind},    {"bound", 0.0},     {"reason", "a product with 2 is exact"},
          {"scores", nullptr}};
}

json spec(const char* name, const char* dtype, json shape) {
  return {{"name", name},     {"dtype", dtype},  {"shape", std::move(shape)},
          {"range", nullptr}, {"unit", nullptr}, {"allow_nonfinite", false}};
}

json toy_contract() {
  return {{"inputs", json::array({spec("x", "float32", {"N", columns})})},
          {"outputs", json::array({spec("scaled", "float32", {"N", columns}), spec("label", "int64", json::array({"N"}))})},
          {"symbols", {{"N", {{"min", 0}, {"max", 1000}}}}},
          {"classes", {{"output", "label"}, {"names", {"left", "middle", "right"}}}},
          {"samples", "independent"}};
}

}  // namespace

ferry::Tensor toy_input(std::int64_t rows) {
  ferry::Tensor input(ferry::DType::float32, {rows, columns});
  const auto values = input.as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  for (std::size_t row = 0; row < values.size() / columns; ++row) std::swap(values[3 * row + 2], values[3 * row + row % 3]);
  return input;
}

ToyBundle::ToyBundle(std::string_view model) {
  manifest = {
      {"format_version", 3}, {"name", "toy"}, {"contract", toy_contract()}, {"training", nullptr}, {"metadata", json::object()}};
  manifest["artifacts"] = json::array({{{"format", "toy"},
                                        {"engine", "toy"},
                                        {"files", json::array({add_file("model.toy", model)})},
                                        {"producer", "the tests"},
                                        {"requires", json::object()},
                                        {"accepted", {{"c++", "passed"}, {"python", "not run: it has no engine toy"}}}}});
  manifest["golden"] = {{"source", "synthetic"}, {"description", "counted numbers"}, {"numerics", "another machine"}};
  manifest["golden"]["cases"] = json::array({add_case("batch-4", 4), add_case("batch-1", 1)});
  manifest["tolerances"] =
      json::array({tolerance("scaled", "float64", "absolute", "any"), tolerance("label", "float32", "bits", "any")});
  write_manifest();
}

json ToyBundle::add_file(const std::string& path, std::string_view content) const {
  write_file(folder() / path, content);
  return {{"path", path}, {"bytes", content.size()}, {"sha256", ferry::sha256_hex(std::as_bytes(std::span(content)))}};
}

json ToyBundle::add_tensor(const std::string& path, const ferry::Tensor& tensor) const {
  const std::vector<std::byte> bytes = ferry::npy::serialize(tensor);
  return add_file(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

json ToyBundle::add_case(const std::string& name, std::int64_t rows) const {
  const ferry::Tensor input = toy_input(rows);
  ferry::Tensor scaled(ferry::DType::float32, {rows, columns});
  ferry::Tensor scaled64(ferry::DType::float64, {rows, columns});
  ferry::Tensor label(ferry::DType::int64, {rows});
  for (std::size_t i = 0; i < input.size(); ++i) {
    scaled.as<float>()[i] = 2 * input.as<float>()[i];
    scaled64.as<double>()[i] = 2 * static_cast<double>(input.as<float>()[i]);
  }
  for (std::size_t row = 0; row < label.size(); ++row) label.as<std::int64_t>()[row] = static_cast<std::int64_t>(row % 3);
  const std::string prefix = "golden/" + name;
  return {{"name", name},
          {"origin", "given"},
          {"inputs", {{"x", add_tensor(prefix + ".input.x.npy", input)}}},
          {"float32",
           {{"scaled", add_tensor(prefix + ".float32.scaled.npy", scaled)},
            {"label", add_tensor(prefix + ".float32.label.npy", label)}}},
          {"float64",
           {{"scaled", add_tensor(prefix + ".float64.scaled.npy", scaled64)},
            {"label", add_tensor(prefix + ".float64.label.npy", label)}}}};
}

void ToyBundle::write_manifest() const { write_file(folder() / "manifest.json", manifest.dump(1) + "\n"); }

std::string ToyBundle::packed() const {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder()))
    if (entry.is_regular_file())
      files.emplace_back(entry.path().lexically_relative(folder()).generic_string(), read_file(entry.path()));
  std::ranges::sort(files);
  return ferry::cli::zip_archive(files);
}
