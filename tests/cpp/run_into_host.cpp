// Runs samples into memory of its own: `ferry_run_into_host BUNDLE ENGINE THREADS < INPUT > OUTPUTS`.
//
// Between the first call of each thread and its last one, the calls ask for no memory where the engine writes: "allocations: N"
// on stderr. With one thread two calls of getppid() stand around the same calls, for strace to show that nothing lies between.
// Then the nanoseconds of a call, and those of the same call written against the model: "ns: N", "direct: N".
#include <ferry/engine.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ferry/ferry.hpp>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int calls = 2000;
std::atomic<std::size_t> allocations{0};
thread_local bool is_counting = false;

}  // namespace

// glibc's own, under the names that it keeps for those who stand in front of them.
// NOLINTBEGIN(bugprone-reserved-identifier, readability-inconsistent-declaration-parameter-name)
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* malloc(std::size_t bytes) {
  if (is_counting) ++allocations;
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  if (is_counting) ++allocations;
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) {
  if (is_counting) ++allocations;
  return __libc_realloc(memory, bytes);
}
}
// NOLINTEND(bugprone-reserved-identifier, readability-inconsistent-declaration-parameter-name)

namespace {

// The tensors of one thread: its input, and memory for each output.
class Call {
 public:
  Call(const ferry::Bundle& bundle, const std::string& input) : bundle_(bundle) {
    const ferry::TensorSpec& spec = bundle_.contract().inputs.at(0);
    std::size_t sample = ferry::size_of(spec.dtype);
    for (const ferry::Dim& dim : spec.shape)
      if (const auto* number = std::get_if<std::int64_t>(&dim)) sample *= static_cast<std::size_t>(*number);
    batch_ = static_cast<std::int64_t>(input.size() / sample);
    input_ = ferry::Tensor::copy(spec.dtype, shape_of(spec), std::as_bytes(std::span(input)));
    views_.push_back({spec.name.c_str(), spec.dtype, input_.shape(), input_.bytes()});
    outputs_.reserve(bundle_.contract().outputs.size());
    for (const ferry::TensorSpec& output : bundle_.contract().outputs) {
      ferry::Tensor& tensor = outputs_.emplace_back(output.dtype, shape_of(output));
      buffers_.push_back({output.name.c_str(), output.dtype, tensor.shape(), tensor.bytes()});
    }
  }

  void run(const ferry::Session& session) const { session.run_into(views_, buffers_); }
  [[nodiscard]] const std::vector<ferry::Tensor>& outputs() const { return outputs_; }
  [[nodiscard]] ferry::NamedTensors named() const { return {{views_[0].name, input_}}; }

 private:
  [[nodiscard]] ferry::Shape shape_of(const ferry::TensorSpec& spec) const {
    ferry::Shape shape;
    for (const ferry::Dim& dim : spec.shape)
      shape.push_back(std::holds_alternative<std::string>(dim) ? batch_ : std::get<std::int64_t>(dim));
    return shape;
  }

  ferry::Bundle bundle_;
  std::int64_t batch_ = 0;
  ferry::Tensor input_;
  std::vector<ferry::TensorView> views_;
  std::vector<ferry::Tensor> outputs_;
  std::vector<ferry::TensorBuffer> buffers_;
};

void run_often(const ferry::Session& session, const Call& call) {
  call.run(session);
  is_counting = true;
  for (int i = 0; i < calls; ++i) call.run(session);
  is_counting = false;
}

std::int64_t median(std::vector<std::int64_t> times) {
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
  return times[times.size() / 2];
}

// Blocks of both in turns, so that a slow moment of the machine meets both.
void time(const ferry::Session& session, const Call& call) {
  constexpr std::size_t block = 100;
  constexpr int blocks = 50;
  std::vector<std::int64_t> ours;
  std::vector<std::int64_t> direct;
  for (int i = 0; i < blocks; ++i) {
    for (std::size_t j = 0; j < block; ++j) {
      const auto start = std::chrono::steady_clock::now();
      call.run(session);
      ours.push_back(std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());
    }
    const auto times = session.run_direct(call.named(), block);
    direct.insert(direct.end(), times.begin(), times.end());
  }
  std::cerr << "ns: " << median(ours) << "\ndirect: " << (direct.empty() ? 0 : median(direct)) << '\n';
}

int run(const char* path, const char* engine, int count, const std::string& input) {
  const ferry::Bundle bundle = ferry::Bundle::open(path);
  const ferry::Session session(bundle, {.engine = engine, .device = "cpu", .threads = 1, .allow_native = true});
  std::vector<Call> each;
  each.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) each.emplace_back(bundle, input);
  if (count == 1) {
    each[0].run(session);
    static_cast<void>(getppid());
    for (int i = 0; i < calls; ++i) each[0].run(session);
    static_cast<void>(getppid());
  }
  std::vector<std::thread> threads;
  threads.reserve(each.size());
  for (const Call& call : each) threads.emplace_back([&] { run_often(session, call); });
  for (std::thread& thread : threads) thread.join();
  std::cerr << "allocations: " << allocations << '\n';
  time(session, each[0]);
  for (const ferry::Tensor& output : each.back().outputs())
    std::cout.write(reinterpret_cast<const char*>(output.bytes().data()), static_cast<std::streamsize>(output.bytes().size()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  try {
    return run(argv[1], argv[2], std::stoi(argv[3]), input);
  } catch (const ferry::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
