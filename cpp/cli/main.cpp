// ferry-run: inspect, predict, verify and bench a bundle. Calls the verb of the command line, returns its exit code.
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "command_line.hpp"
#include "console.hpp"
#include "ferry/ferry.hpp"
#include "terminal.hpp"

namespace ferry::cli {
namespace {

// Takes no memory itself: there may be none.
int fail(ErrorCode code, std::string_view text) noexcept {
  print_error(text);
  return static_cast<int>(code);
}

// A fault of this program: the user cannot mend it.
int fail_internal(std::string_view what) noexcept {
  print_error("internal: ", what, "; please report this with the command you ran");
  return static_cast<int>(ErrorCode::internal);
}

// One line and the exit code for the exception that is being handled.
int fail() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return fail(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::io, "not enough memory; try a smaller --batch");
  } catch (const std::exception& error) {
    return fail_internal(error.what());
  } catch (...) {
    return fail_internal("an exception of an unknown type");
  }
}

int run(int argc, char** argv) noexcept {
  try {
    return parse(system::command_line(argc, argv))();
  } catch (...) {
    return fail();
  }
}

// An exception that no handler can reach: LibTorch runs out of memory while it is loaded, for one.
[[noreturn]] void end_on_terminate() noexcept {
  std::_Exit(std::current_exception() == nullptr ? fail_internal("std::terminate was called") : fail());
}

// Each batch takes and frees the same memory. By default glibc hands large pieces back to the kernel every time, and the page
// faults of getting them again are a quarter of the time of LibTorch at batch 1024.
void keep_freed_memory() noexcept {
#ifdef __GLIBC__
  constexpr int mmap_threshold = 32 * 1024 * 1024;  // bytes; the most that glibc allows
  constexpr int trim_threshold = 256 * 1024 * 1024;
  ::mallopt(M_MMAP_THRESHOLD, mmap_threshold);
  ::mallopt(M_TRIM_THRESHOLD, trim_threshold);
#endif
}

}  // namespace
}  // namespace ferry::cli

int main(int argc, char** argv) {
  ferry::system::ignore_failing_writes();  // and temporary files are removed
  ferry::system::prepare_standard_streams();
  std::set_terminate(ferry::cli::end_on_terminate);
  ferry::cli::keep_freed_memory();
  return ferry::cli::run(argc, argv);
}
