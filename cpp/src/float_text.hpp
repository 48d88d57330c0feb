// Floating-point numbers as text, with a point in every locale. `shortest` and `scientific` give the fewest digits that read back
// as the same number. float_text.cpp is made of <charconv>; where the C++ library has none for floating point,
// float_text_stdio.cpp stands for it (cmake/FloatText.cmake).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ferry::float_text {

// `d.ddde+xx`, at least two digits of exponent. The number is finite.
[[nodiscard]] std::string scientific(float value);
[[nodiscard]] std::string scientific(double value);

// As printf's %g with that many digits.
[[nodiscard]] std::string general(double value, int digits);

// With an exponent where that is shorter.
[[nodiscard]] std::string shortest(double value);

// Of digits[.digits][e[+-]digits]; nothing where float64 cannot hold it.
[[nodiscard]] std::optional<double> parse(std::string_view number);

}  // namespace ferry::float_text
