// The engine `executorch`: runs a .pte program with ExecuTorch's runtime, the XNNPACK delegate and the portable kernels, on
// `cpu`.
//
// The only file that includes ExecuTorch. The program is fully verified (offsets, not only the header) and its own description of
// inputs and outputs is held to the contract before it is run: the runtime checks neither dtypes' ranks nor fixed dims by itself.
// A method runs one call at a time; calls from several threads take turns.
#include <executorch/extension/data_loader/buffer_data_loader.h>
#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>
#include <executorch/extension/threadpool/threadpool_guard.h>
#include <executorch/runtime/backend/interface.h>
#include <executorch/runtime/core/exec_aten/util/scalar_type_util.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ferry/engine.h"
#include "pte_door.hpp"
#include "refusal.hpp"

#if __has_include(<executorch/extension/threadpool/threadpool.h>)
#include <executorch/extension/threadpool/threadpool.h>
#else
// The wheel exports these functions from libexecutorch_threadpool and ships no header for them.
namespace executorch::extension::threadpool {
class ThreadPool {  // NOLINT(misc-use-internal-linkage): the library's
 public:
  [[nodiscard]] std::size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(std::uint32_t count);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool
#endif

namespace {

namespace et = executorch::runtime;
using executorch::aten::ScalarType;
using executorch::aten::Tensor;
using executorch::aten::TensorImpl;
using executorch::extension::threadpool::NoThreadPoolGuard;
using ferry::engines::Refusal;
using ferry::engines::refuse;

constexpr auto method_name = "forward";
constexpr std::align_val_t program_alignment{64};

// ---- the runtime's log ------------------------------------------------------------------------------------------------

// The first error that ExecuTorch logged in this thread since `clear`: the one that names the cause.
class Log {
 public:
  static void clear() { text_[0] = '\0'; }
  static std::string text() { return text_.data(); }

  static void emit(et_timestamp_t /*time*/, et_pal_log_level_t level, const char* /*file*/, const char* /*function*/,
                   std::size_t /*line*/, const char* message, std::size_t length) {
    if ((level != kError && level != kFatal) || text_[0] != '\0') return;
    const auto size = std::min(length, text_.size() - 1);
    std::memcpy(text_.data(), message, size);
    text_[size] = '\0';
  }

 private:
  static thread_local std::array<char, 512> text_;
};
thread_local std::array<char, 512> Log::text_{};

// A failed check of the runtime: without this it would end the process.
[[noreturn]] void abort_call() { throw Refusal{FERRY_FORMAT, "ExecuTorch stopped at a broken program: " + Log::text()}; }

void prepare_runtime() {
  static std::once_flag once;
  std::call_once(once, [] {
    et::runtime_init();
    et::register_pal(et::PalImpl::create(nullptr, abort_call, nullptr, nullptr, Log::emit, nullptr, nullptr, __FILE__));
  });
}

// Throws where ExecuTorch gives an error: its log's first line, else the error's name.
void require(et::Error error, std::int32_t code, const std::string& task) {
  if (error == et::Error::Ok) return;
  const auto reason = Log::text();
  throw Refusal{error == et::Error::MemoryAllocationFailed ? FERRY_IO : code,
                task + ": " + (reason.empty() ? et::to_string(error) : reason)};
}

// Runs `body` and turns every exception into a code and one line.
template <typename Body>
std::int32_t guarded(ferry_engine_error* error, Body&& body) noexcept {
  try {
    Log::clear();
    return body();
  } catch (const Refusal& refusal) {
    return refuse(error, refusal.code, refusal.text);
  } catch (const std::bad_alloc&) {
    return refuse(error, FERRY_IO, "got too little memory for ExecuTorch, expected more");
  } catch (...) {
    return refuse(error, FERRY_INTERNAL, "ExecuTorch failed with an exception of an unknown type");
  }
}

// ---- threads ----------------------------------------------------------------------------------------------------------

// One thread means the caller's own. More come from ExecuTorch's pool, of which a process has one and which delegates hold on to,
// so that its size stays while a model uses it.
class Threads {
 public:
  explicit Threads(int count) : count_(count) {
    if (count_ == 1) return;
    const std::scoped_lock lock(mutex_);
    auto* pool = executorch::extension::threadpool::get_threadpool();
    if (pool == nullptr)
      throw Refusal{FERRY_UNAVAILABLE,
                    "--threads: got " + std::to_string(count_) + ", and this ExecuTorch has no thread pool; use 1"};
    const auto size = static_cast<int>(pool->get_thread_count());
    if (size != count_ && users_ > 0)
      throw Refusal{FERRY_UNAVAILABLE, "--threads: got " + std::to_string(count_) + ", expected 1 or " + std::to_string(size) +
                                           ": ExecuTorch has one thread pool per process, and an open session uses it"};
    if (size != count_ && !pool->_unsafe_reset_threadpool(static_cast<std::uint32_t>(count_)))
      throw Refusal{FERRY_IO, "--threads: got " + std::to_string(count_) + ", and ExecuTorch could not start them; use fewer"};
    ++users_;
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() {
    if (count_ == 1) return;
    const std::scoped_lock lock(mutex_);
    --users_;
  }

  // Holds for the calling thread while the guard lives.
  [[nodiscard]] std::optional<NoThreadPoolGuard> use() const {
    std::optional<NoThreadPoolGuard> alone;
    if (count_ == 1) alone.emplace();
    return alone;
  }

 private:
  int count_;
  inline static std::mutex mutex_;
  inline static int users_ = 0;
};

// ---- memory -----------------------------------------------------------------------------------------------------------

struct Aligned {
  void operator()(std::byte* memory) const { ::operator delete(memory, program_alignment); }
};

// A copy that is aligned as ExecuTorch's segments are; the program points into it for as long as it lives.
class ProgramBytes {
 public:
  explicit ProgramBytes(const ferry_artifact_file& file)
      : bytes_(static_cast<std::byte*>(::operator new(file.bytes, program_alignment))), loader_(bytes_.get(), file.bytes) {
    if (file.bytes > 0) std::memcpy(bytes_.get(), file.data, file.bytes);
  }
  [[nodiscard]] et::DataLoader* loader() { return &loader_; }

 private:
  std::unique_ptr<std::byte, Aligned> bytes_;
  executorch::extension::BufferDataLoader loader_;
};

// Memory that the system zeroes when it is first touched: a small batch pays for little of what the largest would need.
class LazyMemory {
 public:
  explicit LazyMemory(std::size_t bytes)
      : bytes_(bytes),
        start_(static_cast<std::uint8_t*>(std::calloc(std::max<std::size_t>(bytes, 1), 1))) {  // NOLINT(*-no-malloc)
    if (start_ == nullptr) throw std::bad_alloc();
  }
  [[nodiscard]] et::Span<std::uint8_t> span() const { return {start_.get(), bytes_}; }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const { std::free(memory); }  // NOLINT(*-no-malloc)
  };
  std::size_t bytes_;
  std::unique_ptr<std::uint8_t, Free> start_;
};

// The memory that the program has planned for itself, for its largest batch.
class PlannedMemory {
 public:
  explicit PlannedMemory(const et::MethodMeta& meta)
      : buffers_(allocate(meta)), spans_(spans_of(buffers_)), allocator_({spans_.data(), spans_.size()}) {}
  [[nodiscard]] et::HierarchicalAllocator* allocator() { return &allocator_; }

 private:
  static std::vector<LazyMemory> allocate(const et::MethodMeta& meta) {
    std::vector<LazyMemory> buffers;
    buffers.reserve(meta.num_memory_planned_buffers());
    for (std::size_t i = 0; i < meta.num_memory_planned_buffers(); ++i) {
      const auto size = meta.memory_planned_buffer_size(i);
      require(size.error(), FERRY_FORMAT, "got a program with a broken memory plan");
      if (*size < 0) throw Refusal{FERRY_FORMAT, "got a program with a broken memory plan, expected sizes of at least 0"};
      buffers.emplace_back(static_cast<std::size_t>(*size));
    }
    return buffers;
  }
  static std::vector<et::Span<std::uint8_t>> spans_of(const std::vector<LazyMemory>& buffers) {
    std::vector<et::Span<std::uint8_t>> spans;
    spans.reserve(buffers.size());
    for (const LazyMemory& buffer : buffers) spans.push_back(buffer.span());
    return spans;
  }

  std::vector<LazyMemory> buffers_;
  std::vector<et::Span<std::uint8_t>> spans_;
  et::HierarchicalAllocator allocator_;
};

// ---- the program's own description of its inputs and outputs -----------------------------------------------------------

constexpr std::array scalar_types = {ScalarType::Bool, ScalarType::Byte,  ScalarType::Char,  ScalarType::Short, ScalarType::Int,
                                     ScalarType::Long, ScalarType::Float, ScalarType::Double};  // by FERRY_BOOL ...

std::int32_t dtype_of(ScalarType type) {
  const auto* found = std::find(scalar_types.begin(), scalar_types.end(), type);
  return found == scalar_types.end() ? -1 : static_cast<std::int32_t>(found - scalar_types.begin());
}

template <typename Dims>
std::string to_text(const Dims& dims) {
  std::string text = "[";
  for (const auto dim : dims) text += (text.size() > 1 ? "," : "") + (dim < 0 ? std::string("?") : std::to_string(dim));
  return text + "]";
}

bool is_c_order(et::Span<const std::uint8_t> dim_order) {
  for (std::size_t axis = 0; axis < dim_order.size(); ++axis)
    if (dim_order[axis] != axis) return false;
  return true;
}

void check_description(const std::string& where, const et::TensorInfo& info, const ferry_tensor_spec& spec) {
  const auto sizes = info.sizes();
  const et::Span<const std::int64_t> dims(spec.shape, static_cast<std::size_t>(spec.rank));
  bool same = dtype_of(info.scalar_type()) == spec.dtype && sizes.size() == dims.size() && is_c_order(info.dim_order());
  for (std::size_t axis = 0; same && axis < dims.size(); ++axis) same = dims[axis] < 0 || dims[axis] == sizes[axis];
  if (same) return;
  throw Refusal{FERRY_FORMAT, where + ' ' + spec.name + ": got " + et::toString(info.scalar_type()) + to_text(sizes) +
                                  (is_c_order(info.dim_order()) ? "" : " in another order than C's") +
                                  " in the program, expected " + to_text(dims) + " of the contract's dtype; export it again"};
}

// The largest shape of each input.
using Limits = std::vector<std::vector<std::int32_t>>;

Limits check_inputs(const et::MethodMeta& meta, const ferry_open_request& request) {
  if (meta.num_inputs() != request.input_count)
    throw Refusal{FERRY_FORMAT, "got a program of " + std::to_string(meta.num_inputs()) + " inputs, expected " +
                                    std::to_string(request.input_count) + " as in the contract; export it again"};
  Limits limits;
  for (std::size_t i = 0; i < request.input_count; ++i) {
    const auto info = meta.input_tensor_meta(i);
    require(info.error(), FERRY_FORMAT, "got a program whose inputs are not all tensors");
    check_description("input", *info, request.inputs[i]);
    limits.emplace_back(info->sizes().begin(), info->sizes().end());
  }
  return limits;
}

void check_outputs(const et::MethodMeta& meta, const ferry_open_request& request) {
  if (meta.num_outputs() != request.output_count)
    throw Refusal{FERRY_FORMAT, "got a program of " + std::to_string(meta.num_outputs()) + " outputs, expected " +
                                    std::to_string(request.output_count) + " as in the contract; export it again"};
  for (std::size_t i = 0; i < request.output_count; ++i) {
    const auto info = meta.output_tensor_meta(i);
    require(info.error(), FERRY_FORMAT, "got a program whose outputs are not all tensors");
    check_description("output", *info, request.outputs[i]);
  }
}

void check_backends(const et::MethodMeta& meta) {
  for (std::size_t i = 0; i < meta.num_backends(); ++i) {
    const auto name = meta.get_backend_name(i);
    require(name.error(), FERRY_FORMAT, "got a program with a delegate of no name");
    if (et::get_backend_class(*name) == nullptr)
      throw Refusal{FERRY_UNAVAILABLE, std::string("got a program for the backend ") + *name +
                                           ", which this ExecuTorch does not have; export it for XNNPACK"};
  }
}

// ---- tensors ----------------------------------------------------------------------------------------------------------

// The caller's memory as a tensor, with the storage of its description. `limit` is the largest shape that the program takes.
class BorrowedTensor {
 public:
  BorrowedTensor(const ferry_tensor_view& view, const std::vector<std::int32_t>& limit)
      : layout_(view, limit),
        // The runtime has no tensor of const memory; it copies inputs into the program's own.
        impl_(scalar_types.at(static_cast<std::size_t>(view.dtype)), view.rank, layout_.sizes.data(),
              const_cast<void*>(view.data),  // NOLINT(cppcoreguidelines-pro-type-const-cast)
              layout_.dim_order.data(), layout_.strides.data()) {}
  BorrowedTensor(const BorrowedTensor&) = delete;
  BorrowedTensor& operator=(const BorrowedTensor&) = delete;
  ~BorrowedTensor() = default;
  [[nodiscard]] Tensor get() { return Tensor(&impl_); }

 private:
  // Arrays that the tensor points into.
  struct Layout {
    Layout(const ferry_tensor_view& view, const std::vector<std::int32_t>& limit);
    static constexpr std::size_t max_rank = 8;
    std::array<std::int32_t, max_rank> sizes{};
    std::array<std::uint8_t, max_rank> dim_order{};
    std::array<std::int32_t, max_rank> strides{};
  };
  Layout layout_;
  TensorImpl impl_;
};

BorrowedTensor::Layout::Layout(const ferry_tensor_view& view, const std::vector<std::int32_t>& limit) {
  const auto rank = static_cast<std::size_t>(view.rank);
  std::int32_t stride = 1;
  for (std::size_t axis = rank; axis-- > 0;) {
    if (view.shape[axis] > limit[axis])
      throw Refusal{FERRY_BAD_INPUT, std::string("input ") + view.name + ": dim " + std::to_string(axis) + ": got " +
                                         std::to_string(view.shape[axis]) + ", expected at most " + std::to_string(limit[axis]) +
                                         ", for which the program has planned its memory; split the batch"};
    sizes[axis] = static_cast<std::int32_t>(view.shape[axis]);
    dim_order[axis] = static_cast<std::uint8_t>(axis);
    strides[axis] = stride;
    stride *= std::max(sizes[axis], 1);
  }
}

// The outputs of one call as views of the program's memory.
class Outputs {
 public:
  explicit Outputs(const et::Method& method) {
    shapes_.reserve(method.outputs_size());
    views_.reserve(method.outputs_size());
    for (std::size_t i = 0; i < method.outputs_size(); ++i) {
      const auto& value = method.get_output(i);
      if (!value.isTensor())
        throw Refusal{FERRY_INTERNAL, "the program gives an output that is not a tensor, expected tensors only"};
      const auto tensor = value.toTensor();
      const auto& shape = shapes_.emplace_back(tensor.sizes().begin(), tensor.sizes().end());
      views_.push_back({.name = nullptr,
                        .dtype = dtype_of(tensor.scalar_type()),
                        .rank = static_cast<std::int32_t>(tensor.dim()),
                        .shape = shape.data(),
                        .data = tensor.const_data_ptr(),
                        .bytes = tensor.nbytes()});
    }
  }
  [[nodiscard]] const std::vector<ferry_tensor_view>& views() const { return views_; }

 private:
  std::vector<std::vector<std::int64_t>> shapes_;
  std::vector<ferry_tensor_view> views_;
};

et::Program load_program(et::DataLoader* loader, const std::string& file) {
  auto program = et::Program::load(loader, et::Program::Verification::InternalConsistency);
  require(program.error(), FERRY_FORMAT, file + ": got a file that ExecuTorch " FERRY_EXECUTORCH_VERSION " cannot load");
  return std::move(*program);
}

et::MethodMeta description_of(const et::Program& program) {
  auto meta = program.method_meta(method_name);
  require(meta.error(), FERRY_FORMAT, "got a program without a method `forward`");
  return *meta;
}

Limits checked_limits(const et::MethodMeta& meta, const ferry_open_request& request) {
  check_backends(meta);
  auto limits = check_inputs(meta, request);
  check_outputs(meta, request);
  return limits;
}

et::Method load_method(const et::Program& program, et::MemoryManager& manager, const Threads& threads, const std::string& file) {
  const auto alone = threads.use();
  auto method = program.load_method(method_name, &manager);
  require(method.error(), method.error() == et::Error::OperatorMissing ? FERRY_UNAVAILABLE : FERRY_FORMAT,
          file + ": got a program that ExecuTorch " FERRY_EXECUTORCH_VERSION " cannot prepare");
  return std::move(*method);
}

}  // namespace

// ---- the model --------------------------------------------------------------------------------------------------------

// A loaded method and everything it stands on, in the order in which it is built.
struct ferry_engine_model {
 public:
  explicit ferry_engine_model(const ferry_open_request& request)
      : threads_(request.threads),
        bytes_(request.files[0]),
        program_(load_program(bytes_.loader(), request.files[0].path)),
        limits_(checked_limits(description_of(program_), request)),
        planned_(description_of(program_)),
        manager_(&method_memory_, planned_.allocator(), &temporary_memory_),
        method_(load_method(program_, manager_, threads_, request.files[0].path)) {}

  std::int32_t run(const ferry_tensor_view* inputs, std::size_t count, ferry_output_sink sink, void* context) {
    const std::scoped_lock turn(mutex_);
    const auto alone = threads_.use();
    execute(inputs, count);
    const Outputs outputs(method_);
    return sink(context, outputs.views().data(), outputs.views().size());
  }

  // The loop that a user of ExecuTorch would write.
  void run_direct(const ferry_tensor_view* inputs, std::size_t count, std::size_t calls, std::int64_t* nanoseconds) {
    const std::scoped_lock turn(mutex_);
    const auto alone = threads_.use();
    std::vector<et::EValue> outputs(method_.outputs_size());
    for (std::size_t call = 0; call < calls; ++call) {
      const auto start = std::chrono::steady_clock::now();
      execute(inputs, count);
      require(method_.get_outputs(outputs.data(), outputs.size()), FERRY_INTERNAL, "the program failed");
      nanoseconds[call] = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
    }
  }

 private:
  void execute(const ferry_tensor_view* inputs, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      BorrowedTensor tensor(inputs[i], limits_[i]);
      require(method_.set_input(et::EValue(tensor.get()), i), FERRY_FORMAT, "the program does not take its inputs");
    }
    require(method_.execute(), FERRY_FORMAT, "the program failed");
  }

  Threads threads_;
  ProgramBytes bytes_;
  et::Program program_;
  Limits limits_;
  executorch::extension::MallocMemoryAllocator method_memory_;
  executorch::extension::MallocMemoryAllocator temporary_memory_;
  PlannedMemory planned_;
  et::MemoryManager manager_;
  et::Method method_;
  std::mutex mutex_;
};

namespace {

const char* numerics() noexcept { return ""; }

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) noexcept {
  return guarded(error, [&] {
    if (std::string_view(request->device) != "cpu")
      throw Refusal{FERRY_UNAVAILABLE,
                    std::string("--device: got ") + request->device + ", expected cpu: ExecuTorch runs there only"};
    const auto& file = request->files[0];
    ferry::engines::check_pte_program(file.path, {static_cast<const char*>(file.data), file.bytes});
    prepare_runtime();
    *model = new ferry_engine_model(*request);
    return FERRY_OK;
  });
}

std::int32_t run_model(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, ferry_output_sink sink,
                       void* context, ferry_engine_error* error) noexcept {
  return guarded(error, [&] { return model->run(inputs, count, sink, context); });
}

std::int32_t run_direct(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t count, std::size_t calls,
                        std::int64_t* nanoseconds, ferry_engine_error* error) noexcept {
  return guarded(error, [&] {
    model->run_direct(inputs, count, calls, nanoseconds);
    return FERRY_OK;
  });
}

void close_model(ferry_engine_model* model) noexcept { delete model; }

}  // namespace

extern "C" FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry() {
  static const ferry_engine engine = {.abi_version = FERRY_ENGINE_ABI_VERSION,
                                      .flags = 0,
                                      .name = "executorch",
                                      .runtime = "ExecuTorch " FERRY_EXECUTORCH_VERSION,
                                      .numerics = numerics,
                                      .open = open_model,
                                      .run = run_model,
                                      .run_direct = run_direct,
                                      .close = close_model};
  return &engine;
}
