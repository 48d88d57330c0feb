// Writes a toy bundle into the folder argv[1] and, as one file, to argv[1].ferry, for tests that are programs of their own.
#include <filesystem>
#include <string>

#include "toy_bundle.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const ToyBundle toy;
  std::filesystem::remove_all(argv[1]);
  std::filesystem::copy(toy.folder(), argv[1], std::filesystem::copy_options::recursive);
  write_file(std::string(argv[1]) + ".ferry", toy.packed());
}
