// What lack of memory becomes where it leaves libferry.
#pragma once

namespace ferry {

// Throws Error(io), for which no memory is taken: for the handler of std::bad_alloc in a public function.
[[noreturn]] void throw_lack_of_memory();

}  // namespace ferry
