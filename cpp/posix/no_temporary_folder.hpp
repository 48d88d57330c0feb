// What is said where TMPDIR is no folder: that is an error, never another folder instead. For libferry and for plugins.
#pragma once

#include <cstdlib>
#include <string>

namespace ferry {

[[nodiscard]] inline std::string no_temporary_folder() {
  const char* wanted = std::getenv("TMPDIR");
  return std::string("TMPDIR: got ") + (wanted == nullptr ? "no folder for temporary files" : wanted) +
         ", expected a folder that can be written; set TMPDIR to one";
}

}  // namespace ferry
