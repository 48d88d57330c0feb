// The doors of the engines as a program, for suites that make hostile files: `ferry-door onnx|pte FILE`.
// Exit code 0 for a file that passes; 3 and one line on stderr for one that is refused.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "ferry/engine.hpp"
#include "onnx_door.hpp"
#include "pte_door.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return EXIT_FAILURE;
  const std::string kind = argv[1];
  std::ifstream stream(argv[2], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  try {
    if (kind == "onnx") ferry::engines::check_onnx_model("model.onnx", bytes);
    if (kind == "pte") ferry::engines::check_pte_program("model.pte", bytes);
  } catch (const ferry::engines::Refusal& refusal) {
    std::cerr << "error: " << refusal.text << '\n';
    return refusal.code;
  }
  return EXIT_SUCCESS;
}
