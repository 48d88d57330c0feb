// A .npz file as numpy.savez writes it: every input of the contract by its name. The Python twin is samples/npz.py.
#pragma once

#include <map>
#include <string>

#include "byte_stream.hpp"
#include "ferry/ferry.hpp"

namespace ferry::cli {

// The .npy file of each input, which must be all that there are. Throws Error(bad_input | io).
[[nodiscard]] std::map<std::string, ByteStream> open_npz(const Contract& contract, ByteStream stream);

}  // namespace ferry::cli
