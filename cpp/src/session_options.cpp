#include "session_options.hpp"

#include <algorithm>
#include <string>

#include "limits.hpp"
#include "text.hpp"

namespace ferry {

namespace {

constexpr int timeout_digits = 6;

bool is_device(std::string_view device) {
  constexpr std::string_view cuda = "cuda:";
  constexpr std::size_t max_digits = 4;
  if (device == "cpu") return true;
  if (!device.starts_with(cuda)) return false;
  device.remove_prefix(cuda.size());
  return !device.empty() && device.size() <= max_digits && device.find_first_not_of("0123456789") == std::string_view::npos;
}

void check_isolation(const SessionOptions& options) {
  const bool is_time = options.timeout >= 0 && options.timeout <= limits::max_timeout_seconds;  // a NaN is none
  if (!is_time)
    throw Error(ErrorCode::usage, "--timeout: got " + text::short_number(options.timeout, timeout_digits) +
                                      ", expected seconds, at most " + std::to_string(limits::max_timeout_seconds));
  if (options.isolate && options.device != "cpu")
    throw Error(ErrorCode::unavailable, "--isolate: got --device " + text::quoted(options.device) +
                                            ", expected cpu: a driver needs what isolation forbids; pass --no-isolate");
}

}  // namespace

void check_operator_name(std::string_view name) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view separator = "::";
  const auto is_identifier = [&](std::string_view part) {
    return !part.empty() && letters.find(part.front()) != std::string_view::npos &&
           std::all_of(part.begin(), part.end(),
                       [&](char c) { return letters.find(c) != std::string_view::npos || (c >= '0' && c <= '9'); });
  };
  const auto at = name.find(separator);
  if (at == std::string_view::npos || !is_identifier(name.substr(0, at)) || !is_identifier(name.substr(at + separator.size())))
    throw Error(ErrorCode::usage,
                "--allow-op: got " + text::quoted(name) + ", expected an operator's name, e.g. aten::as_strided");
}

SessionOptions checked(SessionOptions options) {
  if (!is_device(options.device)) {
    throw Error(ErrorCode::usage, "--device: got " + text::quoted(options.device) + ", expected cpu or cuda:N");
  }
  if (options.threads < 1)
    throw Error(ErrorCode::usage, "--threads: got " + std::to_string(options.threads) + ", expected at least 1");
  if (options.threads > limits::max_threads)
    throw Error(ErrorCode::usage, "--threads: got " + std::to_string(options.threads) + ", expected at most " +
                                      std::to_string(limits::max_threads));
  if (options.models < 1 || options.models > limits::max_threads)
    throw Error(ErrorCode::usage,
                "models: got " + std::to_string(options.models) + ", expected 1 to " + std::to_string(limits::max_threads));
  for (const auto& name : options.allow_ops) check_operator_name(name);
  check_isolation(options);
  return options;
}

}  // namespace ferry
