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
#include "isolation/isolation.hpp"
#include "status.hpp"
#include "text.hpp"
#include "verbs.hpp"
#include "verdict_report.hpp"

namespace ferry::cli {

namespace {

EngineVerdict without_verdicts(const VerifyOptions& options, const std::string& engine, EngineVerdict::Status status,
                               const std::string& reason) {
  return {.engine = engine, .device = options.engine.device, .status = status, .reason = reason, .numerics = {}, .verdicts = {}};
}

// What verifying came to. A model that isolation had to contain has failed, and its line ends the command.
struct Results {
  std::vector<EngineVerdict> verdicts;
  std::string contained;
};

// An artifact whose outputs are not those of the contract has failed before there is anything to compare.
void verify_engine(const Bundle& bundle, const VerifyOptions& options, const std::string& engine, Results& results) {
  const auto calls = static_cast<std::size_t>(options.calls);
  const auto failed = [&](const Error& error) {
    results.verdicts.push_back(without_verdicts(options, engine, EngineVerdict::Status::failed, error.what()));
  };
  try {
    results.verdicts.push_back(verify(bundle, open_engine(bundle, options.engine, engine), calls));
  } catch (const isolation::Contained& error) {
    failed(error);
    results.contained = error.what();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::mismatch) throw;
    failed(error);
  }
}

Results verify_every_engine(const Bundle& bundle, const VerifyOptions& options) {
  Results results;
  for (const auto& artifact : bundle.manifest().artifacts) {
    try {
      verify_engine(bundle, options, artifact.engine, results);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unavailable) throw;
      results.verdicts.push_back(without_verdicts(options, artifact.engine, EngineVerdict::Status::unavailable, error.what()));
    }
  }
  return results;
}

Results verify_chosen(const Bundle& bundle, const VerifyOptions& options) {
  if (options.engine.engine.empty()) return verify_every_engine(bundle, options);
  Results results;
  verify_engine(bundle, options, options.engine.engine, results);
  return results;
}

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
  if (options.calls < 1 || options.calls > static_cast<std::int64_t>(max_verify_calls))
    throw Error(ErrorCode::usage,
                "--calls: got " + std::to_string(options.calls) + ", expected 1 to " + std::to_string(max_verify_calls));
  const auto bundle = Bundle::open(options.bundle.folder, options.bundle.trust);
  const auto [verdicts, contained] = verify_chosen(bundle, options);
  options.json ? print_json(verdicts_json(bundle, verdicts)) : print(verdicts_text(bundle, verdicts));
  if (!contained.empty()) throw Error(ErrorCode::unavailable, contained);
  if (std::ranges::none_of(verdicts, did_run, &EngineVerdict::status))
    throw Error(ErrorCode::unavailable,
                text::printable(bundle.folder().native()) + ": no engine of this bundle can run here, expected at least one");
  if (!all_passed(verdicts)) return static_cast<int>(ErrorCode::mismatch);
  require_these_ran(names_of(options.required), verdicts);
  return EXIT_SUCCESS;
}

}  // namespace ferry::cli
