// This machine as native code sees it. python/torchferry/engines/machine.py is its twin. Standard library and POSIX only.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ferry::engines {

// Levels of vector instructions by ascending strength: the x86-64 levels v1, v3 and v4 of the System V ABI. Machines that are not
// x86-64 have DEFAULT alone.
inline constexpr std::array<std::string_view, 3> isa_levels = {"DEFAULT", "AVX2", "AVX512"};

// Behind v4 in a kind of machine: products of bytes, which make an int8 model faster and change no bit.
inline constexpr std::string_view vnni = "_vnni";

// The index of the strongest level that this processor has.
[[nodiscard]] std::size_t own_isa_level();

[[nodiscard]] std::string machine_name();  // "x86_64"
[[nodiscard]] std::string system_name();   // "linux"

// The kinds of machine whose objects this one can run, strongest first: "x86_64_v3-linux-gnu", "x86_64-linux-gnu".
[[nodiscard]] std::vector<std::string> triples();

}  // namespace ferry::engines
