// What the words behind `ferry-run` ask for.
#pragma once

#include <functional>

namespace ferry::cli {

// Runs a verb, or prints the text of --help or --version; returns the exit code.
using Command = std::function<int()>;

// Throws Error of code usage.
[[nodiscard]] Command parse(int argc, char** argv);

}  // namespace ferry::cli
