// ferry-run verify: replay the goldens on one engine, or on every engine of the bundle that can run here.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "console.hpp"
#include "engine_choice.hpp"
#include "ferry/ferry.hpp"
#include "replay.hpp"
#include "status.hpp"
#include "text.hpp"
#include "verbs.hpp"
#include "verdict_json.hpp"
#include "verdict_report.hpp"

namespace ferry::cli {

namespace {

std::string joined(const std::string& list, const std::string& item) { return list + (list.empty() ? "" : ", ") + item; }

std::vector<std::string> names_of(const std::vector<std::string>& lists) {
  std::vector<std::string> names;
  for (const auto& list : lists) {
    std::istringstream stream(list);
    for (std::string name; std::getline(stream, name, ',');) names.push_back(name);
  }
  return names;
}

// Each name must be that of an engine that ran, or of this language where one did.
void require_these_ran(const std::vector<std::string>& names, const std::vector<EngineVerdict>& verdicts) {
  std::set<std::string> ran;
  for (const auto& verdict : verdicts)
    if (did_run(verdict.status)) ran.insert(verdict.engine);
  std::vector<std::string> missing;
  for (const auto& name : names) {
    const bool did = name == "cpp" ? !ran.empty() : ran.contains(name);
    if (!did && std::ranges::find(missing, name) == missing.end()) missing.push_back(name);
  }
  if (missing.empty()) return;
  std::string did;
  for (const auto& engine : ran) did = joined(did, engine + " (cpp)");
  throw Error(ErrorCode::unavailable,
              "--require: " + text::printable(std::accumulate(missing.begin(), missing.end(), std::string(), joined)) +
                  " did not run here, expected to; ran: " + (did.empty() ? "none" : did) + "; see why above");
}

}  // namespace

int verify_bundle(const VerifyOptions& options) {
  const auto calls = checked_calls(options.calls, "--calls");
  const auto bundle = Bundle::open(text::path_of(options.bundle.folder), options.bundle.trust);
  const auto result = replay(bundle, {.engine = options.engine.engine, .device = options.engine.device, .calls = calls},
                             [&](const std::string& engine) { return open_engine(bundle, options.engine, engine); });
  const auto& verdicts = result.verdicts;
  options.json ? print_json(verdicts_json(bundle, verdicts)) : print(verdicts_text(bundle, verdicts));
  require_a_run(bundle, result);
  if (!all_passed(verdicts)) return static_cast<int>(ErrorCode::mismatch);
  require_these_ran(names_of(options.required), verdicts);
  return EXIT_SUCCESS;
}

}  // namespace ferry::cli
