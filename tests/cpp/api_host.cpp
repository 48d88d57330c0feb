// A host program that makes each call of the C++ API and of the C ABI once: tests/hostile takes its memory away. Exit code: that
// of the first failure; 1 where a verdict is a failure; 70 where anything but a ferry::Error is thrown.
//
//   ferry_api_host c++|c BUNDLE ENGINE
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <ferry/ferry.hpp>
#include <filesystem>
#include <memory>
#include <new>

#include <ferry/ferry.h>

namespace {

constexpr int foreign_exception = 70;
constexpr std::size_t max_rank = 8;
constexpr std::size_t max_bytes = 4096;  // of the one input of the models that this is for

int call_cpp(const std::filesystem::path& folder, const ferry::SessionOptions& options) {
  try {
    const auto bundle = ferry::Bundle::open(folder);
    const ferry::Session session(bundle, options);
    const auto inputs = bundle.read_tensors(bundle.manifest().golden.cases.front().inputs);
    static_cast<void>(session.run(inputs));
    const auto verdict = ferry::verify(bundle, session);
    return verdict.status == ferry::EngineVerdict::Status::passed ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const ferry::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "foreign: %s\n", error.what());
    return foreign_exception;
  }
}

// What this program itself takes is no matter of libferry.
int call_cpp(const char* folder, const char* engine) {
  std::filesystem::path path;
  ferry::SessionOptions options = {};
  try {
    path = folder;
    options = {.engine = engine, .allow_native = true};
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "error: no memory for the arguments\n");
    return static_cast<int>(ferry::ErrorCode::io);
  }
  return call_cpp(path, options);
}

int fail_c() {
  std::fprintf(stderr, "error: %s\n", ferry_last_error());
  return ferry_last_code();
}

int call_c(const char* folder, const char* engine) {
  ferry_bundle* opened = nullptr;
  if (ferry_bundle_open(folder, &opened) != FERRY_OK) return fail_c();
  const std::unique_ptr<ferry_bundle, decltype(&ferry_bundle_close)> bundle(opened, &ferry_bundle_close);
  ferry_bundle_allow_native(bundle.get());
  ferry_session* started = nullptr;
  if (ferry_session_open(bundle.get(), engine, "cpu", 1, &started) != FERRY_OK) return fail_c();
  const std::unique_ptr<ferry_session, decltype(&ferry_session_close)> session(started, &ferry_session_close);
  const ferry_tensor_spec* spec = ferry_bundle_input(bundle.get(), 0);
  std::array<std::int64_t, max_rank> shape{};
  std::array<std::byte, max_bytes> zeros{};
  std::size_t bytes = ferry_element_size(spec->dtype);
  for (std::int32_t i = 0; i < spec->rank; ++i) {
    shape.at(i) = std::max<std::int64_t>(spec->shape[i], 1);  // of the batch: one sample
    bytes *= static_cast<std::size_t>(shape.at(i));
  }
  const ferry_tensor_view input{spec->name, spec->dtype, spec->rank, shape.data(), zeros.data(), bytes};
  ferry_outputs* given = nullptr;
  if (bytes > zeros.size() || ferry_session_run(session.get(), &input, 1, &given) != FERRY_OK) return fail_c();
  ferry_outputs_close(given);
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int arguments = 4;
  if (argc != arguments) return EXIT_FAILURE;
  return std::strcmp(argv[1], "c") == 0 ? call_c(argv[2], argv[3]) : call_cpp(argv[2], argv[3]);
}
