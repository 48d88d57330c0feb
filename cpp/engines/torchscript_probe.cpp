#include "torchscript_probe.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>

#include "digest.hpp"

namespace ferry::libtorch {
namespace {

using Take = std::function<void(const at::Tensor&)>;

// Numbers in [-1, 1), which both languages make from whole numbers.
at::Tensor numbers(std::uint32_t seed, std::initializer_list<std::int64_t> shape) {
  auto found = at::empty(at::IntArrayRef(shape), at::kFloat);
  auto* data = found.data_ptr<float>();
  for (std::int64_t i = 0; i < found.numel(); ++i) {
    auto mixed = (static_cast<std::uint32_t>(i) + (seed << 20U)) * 2654435761U;
    mixed ^= mixed >> 15U;
    mixed *= 2246822519U;
    mixed ^= mixed >> 13U;
    data[i] = static_cast<float>(mixed >> 8U) / 0x1p23F - 1.0F;
  }
  return found;
}

void products(const Take& take) {
  const auto weight = numbers(1, {100, 784});
  const auto bias = numbers(2, {100});
  take(at::linear(numbers(3, {1, 784}), weight, bias));
  take(at::linear(numbers(4, {16, 784}), weight, bias));
  take(at::matmul(numbers(5, {4, 8, 33}), numbers(6, {4, 33, 16})));
  take(at::linear(numbers(7, {7, 64}).to(at::kDouble), numbers(8, {10, 64}).to(at::kDouble)));
  take(at::scaled_dot_product_attention(numbers(9, {1, 2, 16, 8}), numbers(10, {1, 2, 16, 8}), numbers(11, {1, 2, 16, 8})));
}

void convolutions(const Take& take) {
  const auto image = numbers(20, {1, 8, 12, 12});
  take(at::conv2d(image, numbers(21, {16, 8, 3, 3}), numbers(22, {16}), /*stride=*/1, /*padding=*/1));
  take(at::conv2d(image, numbers(23, {8, 1, 3, 3}), {}, 1, at::IntArrayRef{0}, 1, /*groups=*/8));
  take(at::conv_transpose2d(image, numbers(24, {8, 4, 3, 3}), {}, /*stride=*/2));
}

void reductions(const Take& take) {
  const auto table = numbers(30, {40, 1000});
  take(table.sum());
  take(table.sum(0));
  take(table.mean(1));
  take(table.softmax(1));
  take(at::layer_norm(numbers(31, {16, 100}), {100}));
  take(at::norm(numbers(32, {4, 1000}), 2, {1}));
}

void functions(const Take& take) {
  const auto x = numbers(40, {259}) * 4;
  for (const auto function : {at::exp, at::tanh, at::sigmoid, at::sin, at::erf}) take(function(x));
  take(at::gelu(x));
  take(x.abs().sqrt());
  take((x.abs() + 1).log());
  take(x.abs().pow(0.3));
  take(x.to(at::kDouble).exp());
  take(x * 0x1p-130);  // subnormal numbers
}

// What two threads divide: a product and a sum.
void shared_work(const Take& take) {
  take(at::linear(numbers(4, {16, 784}), numbers(1, {100, 784}), numbers(2, {100})));
  take(numbers(30, {40, 1000}).sum());
}

class ThreadsAsBefore {
 public:
  ThreadsAsBefore() = default;
  ThreadsAsBefore(const ThreadsAsBefore&) = delete;
  ThreadsAsBefore(ThreadsAsBefore&&) = delete;
  ThreadsAsBefore& operator=(const ThreadsAsBefore&) = delete;
  ThreadsAsBefore& operator=(ThreadsAsBefore&&) = delete;
  ~ThreadsAsBefore() { at::set_num_threads(before_); }

 private:
  int before_ = at::get_num_threads();
};

}  // namespace

std::string kernel_probe() {
  const c10::InferenceMode guard;
  const ThreadsAsBefore restore;
  Sha256 digest;
  const Take take = [&digest](const at::Tensor& found) {
    const auto whole = found.contiguous();
    digest.update(std::span(static_cast<const std::byte*>(whole.data_ptr()), whole.nbytes()));
  };
  at::set_num_threads(1);
  for (const auto part : {products, convolutions, reductions, functions}) part(take);
  at::set_num_threads(2);
  shared_work(take);
  constexpr std::size_t digits = 16;
  return digest.hex().substr(0, digits);
}

}  // namespace ferry::libtorch
