#include "isolation_choice.hpp"

#include <algorithm>
#include <utility>

#include "console.hpp"
#include "isolation/isolation.hpp"
#include "text.hpp"

namespace ferry::cli {

bool is_trusted(const Bundle& bundle) try {
  return std::ranges::any_of(bundle.signatures(), &Signature::trusted);
} catch (const Error&) {
  return false;  // signatures that cannot be read are nobody's
}

IsolationChoice choose_isolation(const Bundle& bundle, const EngineOptions& options) {
  if (options.isolation != Isolation::automatic) return {options.isolation == Isolation::on, ""};
  if (is_trusted(bundle)) return {false, ""};
  if (options.device != "cpu") return {false, "got --device " + text::quoted(options.device) + ", expected cpu"};
  const auto reason = isolation::why_not();
  return {reason.empty(), reason};
}

void say_not_isolated(const std::string& shortcoming) {
  static bool is_said = false;
  if (!std::exchange(is_said, true)) print_note("the model runs in this process, not in isolation: " + shortcoming);
}

}  // namespace ferry::cli
