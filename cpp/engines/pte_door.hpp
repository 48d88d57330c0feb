// The door in front of a .pte: every offset, index and size in it is checked before ExecuTorch sees the program.
//
// ExecuTorch's own verification checks the offsets of its FlatBuffer; indexes of values, operators and instructions, sizes of
// memory and what a delegate's blob holds it trusts, or ends the process over. engines/pte_door.py is the twin.
#pragma once

#include <string_view>

namespace ferry::engines {

// Throws Refusal of FERRY_FORMAT that begins with `path`.
void check_pte_program(std::string_view path, std::string_view bytes);

}  // namespace ferry::engines
