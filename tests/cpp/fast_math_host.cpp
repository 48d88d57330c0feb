// A host program whose processor flushes subnormal numbers to zero, as one that is built with fast-math does: opens a bundle,
// verifies it, runs it on its first golden and prints the bits of the first output. Exit code 1 where the verdict is a failure,
// 2 where libferry left another processor state than it found.
//
//   ferry_fast_math_host BUNDLE ENGINE
#include <cfenv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ferry/ferry.hpp>

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace {

#ifdef __SSE2__
constexpr unsigned flush_to_zero = 0x8000;
constexpr unsigned denormals_are_zero = 0x0040;

void set_host_mode() { _mm_setcsr(_mm_getcsr() | flush_to_zero | denormals_are_zero); }
bool has_host_mode() {
  constexpr auto both = flush_to_zero | denormals_are_zero;
  return (_mm_getcsr() & both) == both && std::fegetround() == FE_UPWARD;
}
#else
void set_host_mode() {}
bool has_host_mode() { return std::fegetround() == FE_UPWARD; }
#endif

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return EXIT_FAILURE;
  std::fesetround(FE_UPWARD);
  set_host_mode();
  const auto bundle = ferry::Bundle::open(argv[1]);
  const ferry::Session session(bundle, {.engine = argv[2], .allow_native = true});
  if (!has_host_mode()) return 2;
  const auto outputs = session.run(bundle.read_tensors(bundle.manifest().golden.cases.front().inputs));
  const auto verdict = ferry::verify(bundle, session);
  if (!has_host_mode()) return 2;
  for (const auto byte : (*outputs.begin()).second.bytes()) std::printf("%02x", std::to_integer<unsigned>(byte));
  return verdict.status == ferry::EngineVerdict::Status::passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
