#include "verdict_json.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "kinds/kind.hpp"
#include "processor.hpp"
#include "reference.hpp"
#include "replay.hpp"
#include "status.hpp"
#include "text.hpp"

namespace ferry {

namespace {

using Json = nlohmann::ordered_json;

constexpr double exact_integers = 0x1p53;  // float64 holds every whole number below

// Whole numbers as integers; what is not finite as a string.
Json number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == std::trunc(value) && std::abs(value) < exact_integers) return static_cast<std::int64_t>(value);
  return value;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json to_json(const std::optional<WorstElement>& worst) {
  if (!worst) return nullptr;
  return {{"index", worst->index}, {"actual", number(worst->actual)}, {"expected", number(worst->expected)}};
}

Json to_json(const Verdict& verdict) {
  const auto& tolerance = verdict.tolerance;
  return {{"case", verdict.golden_case},
          {"call", verdict.call},
          {"output", verdict.output},
          {"passed", verdict.passed},
          {"kind", kind_of(tolerance.kind).name()},
          {"reference", name_of(tolerance.reference)},
          {"bound", tolerance.bound},
          {"reason", tolerance.reason},
          {"compared", verdict.compared},
          {"mismatches", verdict.mismatches},
          {"max_abs", number(verdict.max_abs)},
          {"max_rel", number(verdict.max_rel)},
          {"max_ulp", number(verdict.max_ulp)},
          {"worst", to_json(verdict.worst)},
          {"problem", text_or_null(verdict.problem)},
          {"near_ties", verdict.near_ties},
          {"near_tie_indices", verdict.near_tie_indices},
          {"within_margin", verdict.within_margin},
          {"other_kernels_ulp", verdict.other_kernels_ulp ? number(*verdict.other_kernels_ulp) : Json(nullptr)}};
}

Json to_json(const EngineVerdict& engine) {
  auto verdicts = Json::array();
  for (const auto& verdict : engine.verdicts) verdicts.push_back(to_json(verdict));
  return {{"engine", engine.engine},
          {"device", engine.device},
          {"status", name_of(engine.status)},
          {"reason", text_or_null(engine.reason)},
          {"numerics", text_or_null(engine.numerics)},
          {"verdicts", std::move(verdicts)}};
}

// What decides bits besides the bundle; the Python twin is proof/machine.py.
Json machine_json() {
  constexpr std::array names = {"ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
                                "ONEDNN_MAX_CPU_ISA"};
  const auto system = describe_system();
  auto switches = Json::object();
  for (const char* name : names)
    if (const char* value = std::getenv(name); value != nullptr) switches[name] = value;
  return {{"language", "c++"},
          {"system", system.name + ' ' + system.release},
          {"architecture", system.machine},
          {"processor", processor_name()},
          {"versions", {{"torchferry", version()}}},
          {"switches", std::move(switches)}};
}

std::string line_of(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string shadow_json(const ShadowVerdict& verdict) {
  auto list = Json::array();
  for (const auto& output : verdict.outputs) list.push_back(to_json(output));
  return line_of({{"passed", verdict.passed}, {"problem", text_or_null(verdict.problem)}, {"verdicts", std::move(list)}});
}

std::string profile_json(const std::string& engine, std::size_t calls, std::span<const LayerTime> layers) {
  auto list = Json::array();
  for (const auto& layer : layers)
    list.push_back({{"name", layer.name}, {"kind", layer.kind}, {"nanoseconds", layer.nanoseconds}});
  return line_of({{"engine", engine}, {"calls", calls}, {"layers", std::move(list)}});
}

std::string verdicts_json(const Bundle& bundle, std::span<const EngineVerdict> engines) {
  auto list = Json::array();
  for (const auto& engine : engines) list.push_back(to_json(engine));
  const Json object = {{"bundle", text::utf8(bundle.folder())},
                       {"name", bundle.manifest().name},
                       {"source", bundle.manifest().golden.source},
                       {"passed", all_passed(engines)},
                       {"manifest_sha256", bundle.digest()},
                       {"machine", machine_json()},
                       {"engines", std::move(list)}};
  return line_of(object);
}

}  // namespace ferry
