#include "engine_choice.hpp"

#include <string>

#include "text.hpp"

namespace ferry::cli {

SessionOptions session_options(const EngineOptions& options, const std::string& engine) {
  return {.engine = engine,
          .device = options.device,
          .threads = static_cast<int>(options.threads),  // checked when the command line was read
          .allow_native = options.allow_native,
          .allow_ops = options.allow_ops};
}

Session open_session(const Bundle& bundle, const EngineOptions& options) {
  if (!options.engine.empty()) return {bundle, session_options(options, options.engine)};
  std::string reasons;
  for (const auto& artifact : bundle.manifest().artifacts) {
    try {
      return {bundle, session_options(options, artifact.engine)};
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unavailable) throw;
      reasons += "; " + artifact.engine + ": " + error.what();
    }
  }
  throw Error(ErrorCode::unavailable,
              text::printable(bundle.folder().native()) + ": no engine of this bundle can run here" + reasons);
}

}  // namespace ferry::cli
