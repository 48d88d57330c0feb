#include "replay.hpp"

#include <algorithm>
#include <cstdint>

#include "isolation/isolation.hpp"
#include "status.hpp"
#include "text.hpp"

namespace ferry {

namespace {

EngineVerdict without_verdicts(const ReplayOptions& options, const std::string& engine, EngineVerdict::Status status,
                               const std::string& reason) {
  return {.engine = engine, .device = options.device, .status = status, .reason = reason, .numerics = {}, .verdicts = {}};
}

// An artifact whose outputs are not those of the contract has failed before there is anything to compare.
void replay_engine(const Bundle& bundle, const ReplayOptions& options, const std::string& engine, const EngineOpener& open,
                   Replay& result) {
  const auto failed = [&](const Error& error) {
    result.verdicts.push_back(without_verdicts(options, engine, EngineVerdict::Status::failed, error.what()));
  };
  try {
    result.verdicts.push_back(verify(bundle, open(engine), options.calls));
  } catch (const isolation::Contained& error) {
    failed(error);
    result.contained = error.what();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::mismatch) throw;
    failed(error);
  }
}

// An engine that ends so, for want of memory say, has failed by itself: the others are still to run.
bool has_broken_down(const Error& error) { return error.code() == ErrorCode::io || error.code() == ErrorCode::internal; }

Replay replay_every_engine(const Bundle& bundle, const ReplayOptions& options, const EngineOpener& open) {
  Replay result;
  for (const auto& artifact : bundle.manifest().artifacts) {
    try {
      replay_engine(bundle, options, artifact.engine, open, result);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unavailable && !has_broken_down(error)) throw;
      const auto status = has_broken_down(error) ? EngineVerdict::Status::failed : EngineVerdict::Status::unavailable;
      result.verdicts.push_back(without_verdicts(options, artifact.engine, status, error.what()));
    }
  }
  return result;
}

}  // namespace

std::size_t checked_calls(std::int64_t calls, std::string_view option) {
  if (calls < 1 || calls > static_cast<std::int64_t>(max_verify_calls))
    throw Error(ErrorCode::usage,
                std::string(option) + ": got " + std::to_string(calls) + ", expected 1 to " + std::to_string(max_verify_calls));
  return static_cast<std::size_t>(calls);
}

Replay replay(const Bundle& bundle, const ReplayOptions& options, const EngineOpener& open) {
  if (options.engine.empty()) return replay_every_engine(bundle, options, open);
  Replay result;
  replay_engine(bundle, options, options.engine, open, result);
  return result;
}

namespace {

bool has_run(const EngineVerdict& engine) noexcept { return did_run(engine.status); }

}  // namespace

bool all_passed(std::span<const EngineVerdict> engines) noexcept {
  const auto has_failed = [](const EngineVerdict& engine) { return is_failure(engine.status); };
  return std::any_of(engines.begin(), engines.end(), has_run) && std::none_of(engines.begin(), engines.end(), has_failed);
}

void require_a_run(const Bundle& bundle, const Replay& replay) {
  if (!replay.contained.empty()) throw Error(ErrorCode::unavailable, replay.contained);
  if (std::none_of(replay.verdicts.begin(), replay.verdicts.end(), has_run))
    throw Error(ErrorCode::unavailable,
                text::shown(bundle.folder()) + ": no engine of this bundle can run here, expected at least one");
}

}  // namespace ferry
