// Runs the bundle argv[1] with the engine `toy` and prints ferry's version and the outputs' names.
#include <ferry/engine.h>
#include <ferry/ferry.h>

#include <ferry/ferry.hpp>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const ferry::Bundle bundle = ferry::Bundle::open(argv[1]);
    const ferry::Session session(bundle, {.engine = "toy"});
    std::cout << ferry_version() << ':';
    for (const auto& [name, tensor] : session.run(bundle.read_tensors(bundle.manifest().golden.cases.front().inputs)))
      std::cout << ' ' << name;
    std::cout << '\n';
  } catch (const ferry::Error& error) {  // thrown in libferry, caught here
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
