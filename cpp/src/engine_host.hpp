// Where an engine runs: in this process, or in a child process that may do nothing but compute. Runner does not know which.
#pragma once

#include <ferry/engine.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace ferry {

class OpenRequest;

// One engine with at most one opened model. The functions return what those of ferry_engine return, or `contained`.
class EngineHost {
 public:
  EngineHost() = default;
  EngineHost(const EngineHost&) = delete;
  EngineHost& operator=(const EngineHost&) = delete;
  virtual ~EngineHost() = default;

  [[nodiscard]] virtual std::uint32_t flags() const noexcept = 0;
  [[nodiscard]] virtual std::string runtime() const = 0;
  [[nodiscard]] virtual std::string numerics() const = 0;

  // Loads the files of the request only where no model of the same is open yet. Throws what `load` throws.
  [[nodiscard]] virtual std::int32_t open(OpenRequest& request, ferry_engine_error& error) = 0;
  [[nodiscard]] virtual std::int32_t run(std::span<const ferry_tensor_view> inputs, ferry_output_sink sink, void* context,
                                         ferry_engine_error& error) = 0;
  // Whether `run_into` may be called.
  [[nodiscard]] virtual bool writes() const noexcept { return false; }
  [[nodiscard]] virtual std::int32_t run_into(std::span<const ferry_tensor_view> /*inputs*/,
                                              std::span<const ferry_tensor_buffer> /*outputs*/, ferry_engine_error& /*error*/) {
    return FERRY_INTERNAL;
  }
  // How many calls run at the same time; 0: as many as there are.
  [[nodiscard]] virtual std::int32_t concurrency() const noexcept { return 1; }
  // Whether `profile` may be called.
  [[nodiscard]] virtual bool profiles() const noexcept { return false; }
  [[nodiscard]] virtual std::int32_t profile(const ferry_open_request& /*request*/, std::span<const ferry_tensor_view> /*inputs*/,
                                             std::size_t /*calls*/, ferry_layer_sink /*sink*/, void* /*context*/,
                                             ferry_engine_error& /*error*/) {
    return FERRY_INTERNAL;
  }
  [[nodiscard]] virtual bool has_direct() const noexcept = 0;
  [[nodiscard]] virtual std::int32_t run_direct(std::span<const ferry_tensor_view> inputs, std::span<std::int64_t> nanoseconds,
                                                ferry_engine_error& error) = 0;
};

// The code of a model that crashed, hung or did what isolation forbids: no engine returns it. It becomes Contained.
inline constexpr std::int32_t contained = -1;

// The engine in this process. Throws Error(unavailable).
[[nodiscard]] std::unique_ptr<EngineHost> open_here(const std::string& engine);

}  // namespace ferry
