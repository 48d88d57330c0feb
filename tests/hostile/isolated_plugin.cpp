// An engine plugin whose model misbehaves: its artifact names how. Built by test_isolation.py; FERRY_TEST_NATIVE makes it one of
// machine code.
#include <fcntl.h>
#include <ferry/engine.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

struct ferry_engine_model {
  std::string mode;
};

namespace {

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* /*error*/) {
  *model = new ferry_engine_model{std::string(static_cast<const char*>(request->files[0].data), request->files[0].bytes)};
  return FERRY_OK;
}

std::int32_t refuse(ferry_engine_error* error, const char* text) {
  std::snprintf(error->text, sizeof error->text, "%s", text);
  return FERRY_UNAVAILABLE;
}

// FERRY_OK where the attack worked.
std::int32_t attack(const std::string& mode, ferry_engine_error* error) {
  const auto target = mode.substr(mode.find(' ') + 1);
  if (mode.starts_with("deaf loop")) std::signal(SIGXCPU, SIG_IGN);
  if (mode.starts_with("loop") || mode.starts_with("deaf loop")) {
    for (volatile bool on = true; on;) {
    }
  }
  if (mode.starts_with("crash")) std::raise(SIGSEGV);
  if (mode.starts_with("exit")) std::_Exit(0);
  if (mode.starts_with("write") && ::open(target.c_str(), O_WRONLY | O_CREAT, 0600) < 0) return refuse(error, "contained write");
  if (mode.starts_with("read") && ::open(target.c_str(), O_RDONLY) < 0) return refuse(error, "contained read");
  if (mode.starts_with("socket") && ::socket(AF_INET, SOCK_STREAM, 0) < 0) return refuse(error, "contained socket");
  if (mode.starts_with("exec")) ::execl("/bin/true", "true", nullptr);
  if (mode.starts_with("kill")) ::kill(::getppid(), SIGTERM);
  if (mode.starts_with("fork")) {
    if (const auto child = ::fork(); child == 0) {
      ::sleep(30);
      std::_Exit(0);
    }
  }
  if (mode.starts_with("bomb")) {
    while (true) static_cast<void>(!::fork());
  }
  if (mode.starts_with("ptrace")) ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr);
  if (mode.starts_with("shared memory")) {
    constexpr std::size_t bytes = std::size_t{1} << 30U;
    void* taken = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (taken == MAP_FAILED) return refuse(error, "contained shared memory");
    std::memset(taken, 1, bytes);
  }
  if (mode.starts_with("memory")) {
    constexpr std::size_t bytes = std::size_t{1} << 30U;
    void* taken = std::malloc(bytes);
    if (taken == nullptr) return refuse(error, "contained memory");
    std::memset(taken, 1, bytes);
  }
  return FERRY_OK;
}

// The contract `doubling`: x float32 [N,3] to y, its double, and label, 1 where the row's sum is above 3.
std::int32_t run(ferry_engine_model* model, const ferry_tensor_view* inputs, size_t /*count*/, ferry_output_sink sink,
                 void* context, ferry_engine_error* error) {
  if (const auto code = attack(model->mode, error); code != FERRY_OK) return code;
  const auto rows = inputs[0].shape[0];
  const auto columns = inputs[0].shape[1];
  const auto* x = static_cast<const float*>(inputs[0].data);
  std::vector<float> doubled;
  std::vector<std::int64_t> labels;
  for (std::int64_t row = 0; row < rows; ++row) {
    float sum = 0;
    for (std::int64_t i = 0; i < columns; ++i) {
      sum += x[row * columns + i];
      doubled.push_back(2 * x[row * columns + i]);
    }
    labels.push_back(sum > 3 ? 1 : 0);
  }
  const std::int64_t shape[] = {rows, columns};
  const ferry_tensor_view outputs[] = {{nullptr, FERRY_FLOAT32, 2, shape, doubled.data(), doubled.size() * sizeof(float)},
                                       {nullptr, FERRY_INT64, 1, shape, labels.data(), labels.size() * sizeof(std::int64_t)}};
  return sink(context, outputs, 2);
}

void close_model(ferry_engine_model* model) { delete model; }
const char* numerics() { return ""; }

}  // namespace

extern "C" FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry() {
  static const ferry_engine engine{FERRY_ENGINE_ABI_VERSION,
                                   FERRY_TEST_NATIVE ? FERRY_ENGINE_NATIVE_CODE : 0U,
                                   "torchscript",
                                   "Hostile 1",
                                   numerics,
                                   open_model,
                                   run,
                                   nullptr,
                                   close_model,
                                   nullptr};
  return &engine;
}
