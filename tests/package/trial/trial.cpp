// trial BUNDLE: a user's program in C++; see tests/package/test_wheel_languages.py.
#include <cstdio>
#include <ferry/ferry.hpp>

int main(int count, char** words) try {
  if (count != 2) return static_cast<int>(ferry::ErrorCode::usage);
  const auto bundle = ferry::Bundle::open(words[1]);
  const ferry::Session session(bundle, {.engine = "c", .allow_native = true});
  const auto outputs = session.run({{"measurements", ferry::Tensor::from<float>({1, 2}, {5.1F, 1.8F})}});
  std::printf("%.9g\n", outputs["net_input"].as<float>()[0]);
  const bool same = ferry::verify(bundle, session).status == ferry::EngineVerdict::Status::passed;
  std::puts(same ? "same" : "other");
  return same ? 0 : static_cast<int>(ferry::ErrorCode::mismatch);
} catch (const ferry::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return static_cast<int>(error.code());
}
