#include "onnxruntime_profile.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "ferry/engine.hpp"

namespace ferry::onnx {

namespace {

using engines::Refusal;
using nlohmann::json;

constexpr std::int64_t nanoseconds_of_microsecond = 1000;
constexpr std::string_view of_kernel = "_kernel_time";  // behind a node's name: the kernel alone

json read_trace(const std::string& folder) {
  std::filesystem::path path;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) path = entry.path();
  std::ifstream stream(path, std::ios::binary);
  auto trace = json::parse(stream, nullptr, /*allow_exceptions=*/false);
  if (!trace.is_array()) throw Refusal{FERRY_INTERNAL, "got no profile of this ONNX Runtime, expected a list of events"};
  return trace;
}

}  // namespace

engines::LayerTimes read_profile(const std::string& folder, std::size_t skipped_calls) {
  engines::LayerTimes times;
  std::size_t calls = 0;
  for (const auto& event : read_trace(folder)) {
    const auto name = event.value("name", std::string());
    if (event.value("cat", "") == "Session" && name == "model_run") ++calls;  // is written when the call ends
    if (event.value("cat", "") != "Node" || !name.ends_with(of_kernel) || calls < skipped_calls) continue;
    const auto args = event.find("args");
    const auto kind = args == event.end() || !args->is_object() ? std::string() : args->value("op_name", std::string());
    times.add(name.substr(0, name.size() - of_kernel.size()), kind,
              event.value("dur", std::int64_t{0}) * nanoseconds_of_microsecond);
  }
  if (times.empty()) throw Refusal{FERRY_INTERNAL, "got a profile of this ONNX Runtime without a node, expected some"};
  return times;
}

}  // namespace ferry::onnx
