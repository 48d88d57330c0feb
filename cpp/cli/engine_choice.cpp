#include "engine_choice.hpp"

#include <cstdint>
#include <limits>
#include <string>

#include "isolation/isolation.hpp"
#include "isolation_choice.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

SessionOptions session_options(const EngineOptions& options, const std::string& engine, bool isolate) {
  constexpr std::int64_t mib = std::int64_t{1024} * 1024;
  if (options.memory_mib < 0 || options.memory_mib > std::numeric_limits<std::int64_t>::max() / mib)
    throw Error(ErrorCode::usage, "--memory: got " + std::to_string(options.memory_mib) + ", expected MiB");
  if (options.memory_mib != 0 && !isolate)
    throw Error(ErrorCode::usage, "--memory: got it for a model that is not isolated, expected --isolate; use ulimit otherwise");
  return {.engine = engine,
          .device = options.device,
          .threads = static_cast<int>(options.threads),  // checked when the command line was read
          .allow_native = options.allow_native,
          .allow_ops = options.allow_ops,
          .isolate = isolate,
          .timeout = options.timeout,
          .memory_bytes = static_cast<std::uint64_t>(options.memory_mib * mib)};
}

}  // namespace

Session open_engine(const Bundle& bundle, const EngineOptions& options, const std::string& engine) {
  const auto choice = choose_isolation(bundle, options);
  Session session(bundle, session_options(options, engine, choice.isolate));
  if (!choice.shortcoming.empty()) say_not_isolated(choice.shortcoming);
  return session;
}

Session open_session(const Bundle& bundle, const EngineOptions& options) {
  if (!options.engine.empty()) return open_engine(bundle, options, options.engine);
  std::string reasons;
  for (const auto& artifact : bundle.manifest().artifacts) {
    try {
      return open_engine(bundle, options, artifact.engine);
    } catch (const isolation::Contained&) {
      throw;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unavailable) throw;
      reasons += "; " + artifact.engine + ": " + error.what();
    }
  }
  throw Error(ErrorCode::unavailable, text::shown(bundle.folder()) + ": no engine of this bundle can run here" + reasons);
}

}  // namespace ferry::cli
