// The rules that tie one part of a manifest to another (FORMAT.md sections 1, 3, 4, 5 and 6).
#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

#include "carried_state.hpp"
#include "case_origin.hpp"
#include "kinds/kind.hpp"
#include "manifest.hpp"
#include "text.hpp"

namespace ferry {

namespace {

using Names = std::set<std::string, std::less<>>;

class Rules {
 public:
  Rules(const Manifest& manifest, const std::string& where) : manifest_(&manifest), where_(&where) {}

  void check() const {
    check_contract();
    check_artifacts();
    check_files();
    check_golden();
    check_tolerances();
  }

 private:
  [[noreturn]] void fail(const std::string& key, const std::string& got, const std::string& expected) const {
    throw Error(ErrorCode::format,
                *where_ + ": " + key + ": got " + got + ", expected " + expected + "; export the bundle again");
  }

  // `key_of(i)` names the i-th value in a message.
  template <typename Values, typename Project, typename Key>
  void require_unique(const Values& values, Project project, Key key_of) const {
    Names seen;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::string& value = project(values[i]);
      if (!seen.insert(value).second) fail(key_of(i), text::printable(value) + " a second time", "each value once");
    }
  }

  static std::string at(const std::string& array, std::size_t index, const std::string& key) {
    return array + "[" + std::to_string(index) + "]" + (key.empty() ? "" : "." + key);
  }

  static Names names_of(const std::vector<TensorSpec>& specs) {
    Names names;
    for (const TensorSpec& spec : specs) names.insert(spec.name);
    return names;
  }
  static Names symbols_of(const TensorSpec& spec) {
    Names symbols;
    for (const Dim& dim : spec.shape) {
      if (const auto* symbol = std::get_if<std::string>(&dim)) symbols.insert(*symbol);
    }
    return symbols;
  }

  void check_contract() const {
    const Contract& contract = manifest_->contract;
    const auto name = [](const TensorSpec& spec) -> const std::string& { return spec.name; };
    require_unique(contract.inputs, name, [](std::size_t i) { return at("contract.inputs", i, "name"); });
    require_unique(contract.outputs, name, [](std::size_t i) { return at("contract.outputs", i, "name"); });
    check_symbols(contract);
    if (contract.classes) check_classes(contract, *contract.classes);
    if (contract.samples == Samples::batch && !contract.symbols.contains("N"))
      fail("contract.samples", "batch", "independent where no input has the batch N");
    check_state(contract);
  }

  void check_state(const Contract& contract) const {
    for (const auto& [input, output] : contract.state) {
      const StateProblem problem = state_problem(contract, input, output);
      if (!problem.got.empty()) fail("contract.state." + input, problem.got, problem.expected);
    }
    if (!contract.state.empty() && contract.state.size() == contract.inputs.size())
      fail("contract.state", "every input", "one that a stream is given in each call");
  }

  void check_symbols(const Contract& contract) const {
    Names bound;
    for (const TensorSpec& spec : contract.inputs) bound.merge(symbols_of(spec));
    for (std::size_t i = 0; i < contract.outputs.size(); ++i) {
      for (const std::string& symbol : symbols_of(contract.outputs[i])) {
        if (!bound.contains(symbol))
          fail(at("contract.outputs", i, "shape"), "the symbol " + symbol, "only symbols that occur in an input");
      }
    }
    for (const auto& [symbol, range] : contract.symbols) {
      if (!bound.contains(symbol))
        fail("contract.symbols." + symbol, "a symbol that no shape uses", "exactly the symbols of the shapes");
    }
    for (const std::string& symbol : bound) {
      if (!contract.symbols.contains(symbol))
        fail("contract.symbols", "no range for " + symbol, "exactly the symbols of the shapes");
    }
  }

  void check_classes(const Contract& contract, const Classes& classes) const {
    require_unique(classes.names, std::identity{}, [](std::size_t i) { return at("contract.classes.names", i, ""); });
    const bool found = std::any_of(contract.outputs.begin(), contract.outputs.end(), [&](const TensorSpec& spec) {
      return spec.name == classes.output && spec.dtype == DType::int64;
    });
    if (!found) fail("contract.classes.output", classes.output, "the name of an int64 output");
  }

  void check_artifacts() const {
    const std::vector<Artifact>& artifacts = manifest_->artifacts;
    require_unique(
        artifacts, [](const Artifact& a) -> const std::string& { return a.format; },
        [](std::size_t i) { return at("artifacts", i, "format"); });
    require_unique(
        artifacts, [](const Artifact& a) -> const std::string& { return a.engine; },
        [](std::size_t i) { return at("artifacts", i, "engine"); });
    for (std::size_t i = 1; i < artifacts.size(); ++i) {
      if (artifacts[i].format < artifacts[i - 1].format) {
        fail(at("artifacts", i, "format"), artifacts[i].format + " after " + artifacts[i - 1].format,
             "artifacts sorted by format");
      }
    }
  }

  void check_files() const {
    Names paths{std::string(manifest_name)};
    for (const FileEntry* file : listed_files(*manifest_)) {
      if (file->path == manifest_name) fail("path", file->path, "other files than the manifest itself");
      if (!paths.insert(file->path).second) fail("path", file->path + " a second time", "each value once");
    }
    for (const Artifact& artifact : manifest_->artifacts) require_needed(artifact.files.front());
    for (const GoldenCase& golden_case : manifest_->golden.cases) {
      for (const auto* files : {&golden_case.inputs, &golden_case.float32, &golden_case.float64})
        for (const auto& [name, file] : *files) require_needed(file);
    }
  }

  // What may be missing is never what an engine opens first, and never a golden.
  void require_needed(const FileEntry& file) const {
    if (is_native(file)) fail("path", file.path, "files of native/ only after an artifact's first file");
  }

  void check_golden() const {
    const std::vector<GoldenCase>& cases = manifest_->golden.cases;
    require_unique(
        cases, [](const GoldenCase& c) -> const std::string& { return c.name; },
        [](std::size_t i) { return at("golden.cases", i, "name"); });
    check_steps(cases);
    const Contract given = without_state(manifest_->contract);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const auto& inputs = is_step(cases[i]) ? given.inputs : manifest_->contract.inputs;
      require_names(at("golden.cases", i, "inputs"), cases[i].inputs, inputs);
      require_names(at("golden.cases", i, "float32"), cases[i].float32, manifest_->contract.outputs);
      require_names(at("golden.cases", i, "float64"), cases[i].float64, manifest_->contract.outputs);
    }
  }

  // Steps are those of one stream: of a contract with state, behind all other cases, and more than one.
  void check_steps(const std::vector<GoldenCase>& cases) const {
    const auto first = static_cast<std::size_t>(std::find_if(cases.begin(), cases.end(), is_step) - cases.begin());
    if (first == cases.size()) return;
    const std::string key = at("golden.cases", first, "origin");
    if (manifest_->contract.state.empty()) fail(key, "stream", "given or stress: the contract has no state");
    for (std::size_t i = first; i < cases.size(); ++i) {
      if (!is_step(cases[i]))
        fail(at("golden.cases", i, "origin"), std::string(name_of(cases[i].origin)) + " after stream", "the steps last");
    }
    if (first == 0 || first + 1 == cases.size()) fail(key, "stream", "two steps or more behind another case");
  }

  void require_names(const std::string& key, const std::map<std::string, FileEntry, std::less<>>& files,
                     const std::vector<TensorSpec>& specs) const {
    const Names names = names_of(specs);
    for (const std::string& name : names) {
      if (!files.contains(name)) fail(key + "." + name, "no such key", "the contract's names");
    }
    for (const auto& [name, file] : files) {
      if (!names.contains(name)) fail(key + "." + name, "a name that is not in the contract", "the contract's names");
    }
  }

  void check_tolerances() const {
    const Names outputs = names_of(manifest_->contract.outputs);
    std::set<std::tuple<std::string, std::string, std::string, std::string>> rows;
    for (std::size_t i = 0; i < manifest_->tolerances.size(); ++i) {
      const Tolerance& row = manifest_->tolerances[i];
      if (!outputs.contains(row.output)) fail(at("tolerances", i, "output"), row.output, "an output of the contract");
      check_row(row, i);
      if (!rows.emplace(row.engine, row.device, row.output, row.numerics).second) {
        fail(at("tolerances", i, ""), "a second row for its engine, device, output and numerics", "one");
      }
    }
    for (const Artifact& artifact : manifest_->artifacts) {
      for (const std::string& output : outputs) {
        if (rows.contains({artifact.engine, "cpu", output, "any"})) continue;
        fail("tolerances", "no row for engine " + artifact.engine + ", output " + output + " on cpu with numerics any", "one");
      }
    }
  }

  // A row that was changed by hand contradicts what stands beside it.
  void check_row(const Tolerance& row, std::size_t index) const {
    if (const auto problem = kind_of(row.kind).bundle_problem(row, *manifest_))
      fail(at("tolerances", index, problem->key), problem->got, problem->expected);
  }

  const Manifest* manifest_;
  const std::string* where_;
};

}  // namespace

std::vector<const FileEntry*> listed_files(const Manifest& manifest) {
  std::vector<const FileEntry*> files;
  for (const Artifact& artifact : manifest.artifacts) {
    for (const FileEntry& file : artifact.files) files.push_back(&file);
  }
  for (const GoldenCase& golden_case : manifest.golden.cases) {
    for (const auto* group : {&golden_case.inputs, &golden_case.float32, &golden_case.float64}) {
      for (const auto& [name, file] : *group) files.push_back(&file);
    }
  }
  return files;
}

std::optional<std::size_t> class_axis(const TensorSpec& scores, const TensorSpec& label) {
  std::optional<std::size_t> found;
  for (std::size_t axis = 0; axis < scores.shape.size(); ++axis) {
    std::vector<Dim> shape = scores.shape;
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    if (shape != label.shape) continue;
    if (found) return std::nullopt;
    found = axis;
  }
  return found;
}

void check_manifest(const Manifest& manifest, const std::string& where) { Rules(manifest, where).check(); }

}  // namespace ferry
