// A model of the engine `c` as a loaded object: the bundle's for this machine, else one built here from the bundle's source.
//
// Both are machine code of the bundle. The object is written into a private folder, loaded, and the folder removed: the loader
// sees bytes whose SHA-256 has been checked, never a path in the bundle. Standard library and POSIX only.
#pragma once

#include <cstddef>
#include <string>

#include "ferry/engine.h"

namespace ferry::c {

using Run = int (*)(const void* inputs, void* outputs, std::size_t count);

// `table`s hold the size of a sample's struct and the number of its members, then offset and size of each.
struct Library {
  std::string path;  // for messages
  Run run = nullptr;
  const std::size_t* input_table = nullptr;
  const std::size_t* output_table = nullptr;
};

// Loads an object once per process: building one takes a second. It says which sources it was built from, and its self-test is
// run. Throws Refusal: FERRY_UNAVAILABLE where there is neither an object nor a compiler, FERRY_FORMAT where the files are no
// model's, FERRY_MISMATCH where the self-test finds other bits.
[[nodiscard]] const Library& load_once(const ferry_open_request& request);

// Builds the object that `load_once` will need, and runs nothing of the bundle. Throws Refusal.
void prepare(const ferry_open_request& request);

}  // namespace ferry::c
