// What the user is told where an engine cannot go on, with the code that the plugin's function returns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "ferry/engine.h"

namespace ferry::engines {

struct Refusal : std::exception {
  Refusal(std::int32_t its_code, std::string its_text) : code(its_code), text(std::move(its_text)) {}
  [[nodiscard]] const char* what() const noexcept override { return text.c_str(); }

  std::int32_t code;
  std::string text;
};

inline std::int32_t refuse(ferry_engine_error* error, std::int32_t code, std::string_view text) noexcept {
  const auto size = std::min(text.size(), sizeof error->text - 1);
  std::memcpy(error->text, text.data(), size);
  error->text[size] = '\0';
  return code;
}

}  // namespace ferry::engines
