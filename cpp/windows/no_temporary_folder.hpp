// What is said where there is no folder for temporary files. cpp/posix/no_temporary_folder.hpp is its twin.
#pragma once

#include <string>

namespace ferry {

[[nodiscard]] inline std::string no_temporary_folder() {
  return "TMP: got no folder for temporary files, expected a folder that can be written; set TMP to one";
}

}  // namespace ferry
