#include "verdict_report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "kinds/kind.hpp"
#include "reference.hpp"
#include "status.hpp"
#include "table.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr int evidence_digits = 9;         // a float32 is told from its neighbours
constexpr double exact_integers = 0x1p53;  // float64 holds every whole number below

// `batch-64`, and `batch-64 #2` of the second call.
std::string case_of(const Verdict& verdict) {
  return verdict.golden_case + (verdict.call > 1 ? " #" + std::to_string(verdict.call) : "");
}

std::string kernels(const Verdict& verdict) {
  if (!verdict.other_kernels_ulp) return {};
  return ", other kernels (" + text::short_number(*verdict.other_kernels_ulp, 17) + " ulp)";
}

std::vector<std::string> row_of(const EngineVerdict& engine, const Verdict& verdict) {
  const auto& tolerance = verdict.tolerance;
  return {engine.engine,
          engine.device,
          case_of(verdict),
          verdict.output,
          std::string(name_of(tolerance.reference)),
          text::short_number(verdict.max_abs),
          text::short_number(verdict.max_ulp, 17),
          kind_of(tolerance.kind).cell(tolerance),
          std::to_string(verdict.compared - verdict.mismatches - verdict.within_margin) + "/" + std::to_string(verdict.compared),
          (verdict.passed ? "PASS" : "FAIL") + kernels(verdict)};
}

std::string table_text(std::span<const EngineVerdict> engines) {
  std::vector<std::vector<std::string>> rows = {
      {"engine", "device", "case", "output", "reference", "max abs", "max ulp", "bound", "agree", "verdict"}};
  for (const auto& engine : engines)
    for (const auto& verdict : engine.verdicts) rows.push_back(row_of(engine, verdict));
  return rows.size() == 1 ? std::string() : align(rows);
}

std::string evidence(const EngineVerdict& engine, const Verdict& verdict) {
  const auto where = "FAIL " + engine.engine + " " + case_of(verdict) + " " + verdict.output + ": ";
  if (!verdict.problem.empty() || !verdict.worst) return where + text::printable(verdict.problem) + "\n";
  const auto& worst = *verdict.worst;
  return where + "at " + to_string(worst.index) + " got " + text::short_number(worst.actual, evidence_digits) + ", expected " +
         text::short_number(worst.expected, evidence_digits) + "; tolerance: " + text::printable(verdict.tolerance.reason) + "\n";
}

std::string margin(const EngineVerdict& engine, const Verdict& verdict) {
  std::string indices;
  for (const auto& index : verdict.near_tie_indices) indices += (indices.empty() ? "" : ", ") + to_string(index);
  return "NEAR TIE " + engine.engine + " " + case_of(verdict) + " " + verdict.output + ": " + std::to_string(verdict.near_ties) +
         " of " + std::to_string(verdict.compared) + " have two " + verdict.tolerance.scores.value_or("") + " within " +
         text::short_number(verdict.tolerance.bound) + ", first at " + indices + "; " + std::to_string(verdict.within_margin) +
         " of them disagree, which is tolerated\n";
}

std::string closing(const EngineVerdict& engine) {
  return std::string(closing_words(engine.status)) + " " + engine.engine +
         (engine.reason.empty() ? "" : ": " + text::printable(engine.reason, engine.reason.max_size())) + "\n";
}

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

}  // namespace

bool all_passed(std::span<const EngineVerdict> engines) noexcept {
  return std::ranges::any_of(engines, did_run, &EngineVerdict::status) &&
         std::ranges::none_of(engines, is_failure, &EngineVerdict::status);
}

std::string verdicts_text(const Bundle& bundle, std::span<const EngineVerdict> engines) {
  const auto& golden = bundle.manifest().golden;
  auto text = bundle.manifest().name + ": " + golden.source + " goldens: " + text::printable(golden.description) + "\n" +
              table_text(engines);
  for (const auto& engine : engines)
    for (const auto& verdict : engine.verdicts)
      if (!verdict.passed) text += evidence(engine, verdict);
  for (const auto& engine : engines)
    for (const auto& verdict : engine.verdicts)
      if (verdict.near_ties > 0) text += margin(engine, verdict);
  for (const auto& engine : engines) text += closing(engine);
  return text;
}

std::string verdicts_json(const Bundle& bundle, std::span<const EngineVerdict> engines) {
  auto list = Json::array();
  for (const auto& engine : engines) list.push_back(to_json(engine));
  const Json object = {{"bundle", bundle.folder().string()},
                       {"name", bundle.manifest().name},
                       {"source", bundle.manifest().golden.source},
                       {"passed", all_passed(engines)},
                       {"engines", std::move(list)}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ferry::cli
