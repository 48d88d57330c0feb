// Opens a packed bundle from memory: `ferry-open-memory inspect FILE`. Answers as ferry-run does, for the hostile suites.
#include <exception>
#include <ferry/ferry.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "text.hpp"

namespace {

std::string content_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string name(argv[2]);
  const std::string archive = content_of(argv[2]);
  try {
    const ferry::Bundle bundle = ferry::Bundle::from_memory(std::as_bytes(std::span(archive)), name);
    std::cout << bundle.manifest().name << '\n';
    return 0;
  } catch (const ferry::Error& error) {
    std::cerr << "error: " << ferry::text::printable(error.what()) << '\n';
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::cerr << "error: unexpected: " << error.what() << '\n';
    return 9;
  }
}
