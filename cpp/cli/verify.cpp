// ferry-run verify: replay the goldens on one engine, or on every engine of the bundle that can run here.
#include <algorithm>
#include <cstdlib>
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

// An artifact whose outputs are not those of the contract has failed before there is anything to compare.
EngineVerdict verify_engine(const Bundle& bundle, const VerifyOptions& options, const std::string& engine) {
  try {
    return verify(bundle, Session(bundle, session_options(options.engine, engine)), options.calls);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::mismatch) throw;
    return {.engine = engine,
            .device = options.engine.device,
            .status = EngineVerdict::Status::failed,
            .reason = error.what(),
            .numerics = {},
            .verdicts = {}};
  }
}

std::vector<EngineVerdict> verify_every_engine(const Bundle& bundle, const VerifyOptions& options) {
  std::vector<EngineVerdict> verdicts;
  for (const auto& artifact : bundle.manifest().artifacts) {
    try {
      verdicts.push_back(verify_engine(bundle, options, artifact.engine));
    } catch (const isolation::Contained&) {
      throw;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unavailable) throw;
      verdicts.push_back(
          {.engine = artifact.engine, .device = options.engine.device, .reason = error.what(), .numerics = {}, .verdicts = {}});
    }
  }
  return verdicts;
}

}  // namespace

int verify_bundle(const VerifyOptions& options) {
  if (options.calls < 1 || options.calls > max_verify_calls)
    throw Error(ErrorCode::usage,
                "--calls: got " + std::to_string(options.calls) + ", expected 1 to " + std::to_string(max_verify_calls));
  const auto bundle = Bundle::open(options.bundle);
  const auto verdicts = options.engine.engine.empty() ? verify_every_engine(bundle, options)
                                                      : std::vector{verify_engine(bundle, options, options.engine.engine)};
  options.json ? print_json(verdicts_json(bundle, verdicts)) : print(verdicts_text(bundle, verdicts));
  if (std::ranges::none_of(verdicts, did_run, &EngineVerdict::status))
    throw Error(ErrorCode::unavailable,
                text::printable(bundle.folder().native()) + ": no engine of this bundle can run here, expected at least one");
  return all_passed(verdicts) ? EXIT_SUCCESS : static_cast<int>(ErrorCode::mismatch);
}

}  // namespace ferry::cli
