// Opens the bundle argv[1], runs its first golden inputs with the engine argv[2] and prints what came out.
#include <exception>
#include <ferry/ferry.hpp>
#include <iostream>

int main(int argc, char** argv) try {
  if (argc < 2) throw ferry::Error(ferry::ErrorCode::usage, "usage: minimal BUNDLE [ENGINE]");
  const ferry::Bundle bundle = ferry::Bundle::open(argv[1]);
  const ferry::Session session(bundle, {.engine = argc > 2 ? argv[2] : "torchscript"});
  const ferry::NamedTensors inputs = bundle.read_tensors(bundle.manifest().golden.cases.front().inputs);
  for (const auto& [name, tensor] : session.run(inputs)) {
    std::cout << name << ": " << ferry::to_string(tensor.dtype()) << ferry::to_string(tensor.shape()) << '\n';
  }
  return 0;
} catch (const ferry::Error& error) {
  std::cerr << "error: " << error.what() << '\n';
  return static_cast<int>(error.code());
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << '\n';
  return static_cast<int>(ferry::ErrorCode::internal);
}
