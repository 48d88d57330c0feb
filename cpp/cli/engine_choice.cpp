#include "engine_choice.hpp"

#include <cstdint>
#include <limits>
#include <string>

#include "isolation/isolation.hpp"

namespace ferry::cli {

SessionOptions session_options(const EngineOptions& options, const std::string& engine) {
  constexpr std::uint64_t mib = 1024 * 1024;
  if (options.memory_mib > std::numeric_limits<std::uint64_t>::max() / mib)
    throw Error(ErrorCode::usage, "--memory: got " + std::to_string(options.memory_mib) + ", expected MiB");
  return {.engine = engine,
          .device = options.device,
          .threads = options.threads,
          .allow_native = options.allow_native,
          .allow_ops = options.allow_ops,
          .isolate = options.isolation == Isolation::on,
          .timeout = options.timeout,
          .memory_bytes = options.memory_mib * mib};
}

Session open_session(const Bundle& bundle, const EngineOptions& options) {
  if (!options.engine.empty()) return {bundle, session_options(options, options.engine)};
  std::string reasons;
  for (const auto& artifact : bundle.manifest().artifacts) {
    try {
      return {bundle, session_options(options, artifact.engine)};
    } catch (const isolation::Contained&) {
      throw;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unavailable) throw;
      reasons += "; " + artifact.engine + ": " + error.what();
    }
  }
  throw Error(ErrorCode::unavailable, bundle.folder().string() + ": no engine of this bundle can run here" + reasons);
}

}  // namespace ferry::cli
