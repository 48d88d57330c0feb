#include "verdict_report.hpp"

#include <vector>

#include "kinds/kind.hpp"
#include "reference.hpp"
#include "status.hpp"
#include "table.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

constexpr int evidence_digits = 9;  // a float32 is told from its neighbours

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

}  // namespace

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

}  // namespace ferry::cli
