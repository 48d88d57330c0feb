# Whether the C++ library writes and reads floating point by <charconv>: libstdc++ 11 and libc++ 20 do. FERRY_FLOAT_TEXT is the source of
# cpp/src/float_text.hpp.
include_guard(GLOBAL)
include(CheckCXXSourceCompiles)
check_cxx_source_compiles("
#include <charconv>
int main() {
  char text[32];
  double value = 1.5;
  return std::from_chars(text, std::to_chars(text, text + 32, value).ptr, value).ptr == text ? 1 : 0;
}" FERRY_HAS_FLOAT_CHARCONV)
if(FERRY_HAS_FLOAT_CHARCONV)
  set(FERRY_FLOAT_TEXT src/float_text.cpp)
elseif(EMSCRIPTEN)
  set(FERRY_FLOAT_TEXT src/float_text_stdio.cpp)
else()
  message(FATAL_ERROR "std::to_chars and std::from_chars: got none for floating point, expected those of C++17; "
                      "build with GCC 11, Clang 20 or newer ones")
endif()
