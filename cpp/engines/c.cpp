// The engine `c`: generated C99, compiled (c_object.hpp). It is machine code of the bundle.
//
// A call runs on the caller's thread. Standard library and POSIX only.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "c_object.hpp"
#include "ferry/engine.hpp"

namespace {

using ferry::c::Library;
using namespace ferry::engines;

constexpr auto runtime_name = "the C model";

// One tensor of the contract as a member of a sample's struct.
struct Member {
  std::string name;
  std::int32_t dtype = 0;
  std::vector<std::int64_t> shape;  // the first dim is the batch
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

struct Struct {
  std::size_t size = 0;
  std::vector<Member> members;
  // Is an array of the one member an array of the struct?
  [[nodiscard]] bool is_bare() const { return members.size() == 1 && members[0].bytes == size; }
};

}  // namespace

// A model that was opened: what the host holds between open and close. Nothing in it changes during run.
struct ferry_engine_model {
  ferry::c::Run run = nullptr;
  Struct input;
  Struct output;
};

namespace {

// ---- open: the model's structs, held to the contract ------------------------------------------------------------------------

// Bytes of one sample; nothing where a sample has no fixed size.
std::optional<std::size_t> sample_bytes(const ferry_tensor_spec& spec) {
  if (spec.rank < 1 || spec.shape[0] >= 0) return std::nullopt;
  std::size_t bytes = element_size(spec.dtype);
  for (std::int32_t axis = 1; axis < spec.rank; ++axis) {
    if (spec.shape[axis] < 0 || __builtin_mul_overflow(bytes, static_cast<std::size_t>(spec.shape[axis]), &bytes))
      return std::nullopt;
  }
  return bytes;
}

// The model's struct, held to the contract: a wrong size would make the model read or write beyond an array.
Struct match(const Library& library, const std::size_t* table, const ferry_tensor_spec* specs, std::size_t count,
             const std::string& what, std::int32_t code) {
  Struct found{.size = table[0], .members = {}};
  bool fits = table[1] == count;
  for (std::size_t i = 0; fits && i < count; ++i) {
    const auto offset = table[2 + 2 * i];
    const auto bytes = table[3 + 2 * i];
    fits = sample_bytes(specs[i]) == bytes && bytes <= found.size && offset <= found.size - bytes;
    found.members.push_back({specs[i].name, specs[i].dtype, {specs[i].shape, specs[i].shape + specs[i].rank}, offset, bytes});
  }
  if (!fits)
    throw Refusal{code, library.path + ": " + what + ": got a struct of other members or sizes than the contract's " + what +
                            "s; export it again"};
  return found;
}

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    require_cpu(*request, "C");
    const auto& library = ferry::c::load_once(*request);
    auto input = match(library, library.input_table, request->inputs, request->input_count, "input", FERRY_FORMAT);
    auto output = match(library, library.output_table, request->outputs, request->output_count, "output", FERRY_MISMATCH);
    *model = new ferry_engine_model{library.run, std::move(input), std::move(output)};
  });
}

std::int32_t prepare(const ferry_open_request* request, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] { ferry::c::prepare(*request); });
}

void close_model(ferry_engine_model* model) noexcept { delete model; }

// ---- run ------------------------------------------------------------------------------------------------------------------

// Uninitialised bytes, aligned for every member.
using Buffer = std::unique_ptr<std::byte[]>;  // NOLINT(*-avoid-c-arrays)
Buffer make_buffer(std::size_t bytes) { return Buffer(new std::byte[std::max<std::size_t>(bytes, 1)]); }

// The inputs of one call as an array of structs: the caller's memory where it is one already.
class Samples {
 public:
  Samples(const Struct& input, const ferry_tensor_view* views, std::size_t count) : data_(views[0].data) {
    if (input.is_bare()) return;
    packed_ = make_buffer(count * input.size);
    for (std::size_t i = 0; i < input.members.size(); ++i) pack(input, input.members[i], views[i], count);
    data_ = packed_.get();
  }
  [[nodiscard]] const void* data() const { return data_; }

 private:
  void pack(const Struct& input, const Member& member, const ferry_tensor_view& view, std::size_t count) const {
    const auto* from = static_cast<const std::byte*>(view.data);
    for (std::size_t row = 0; row < count; ++row)
      std::memcpy(packed_.get() + row * input.size + member.offset, from + row * member.bytes, member.bytes);
  }

  Buffer packed_;
  const void* data_;
};

// The outputs of one call: written as an array of structs, read as one array for each member.
class Answers {
 public:
  Answers(const Struct& output, std::size_t count)
      : output_(&output), count_(count), structs_(make_buffer(count * output.size)) {}
  [[nodiscard]] void* data() const { return structs_.get(); }

  [[nodiscard]] std::int32_t send(ferry_output_sink sink, void* context) {
    Views views(output_->members.size());
    for (const auto& member : output_->members) {
      auto shape = member.shape;
      shape[0] = static_cast<std::int64_t>(count_);
      views.add(member.name.c_str(), member.dtype, std::move(shape), output_->is_bare() ? structs_.get() : unpack(member));
    }
    return views.send(sink, context);
  }

 private:
  const std::byte* unpack(const Member& member) {
    const auto& array = arrays_.emplace_back(make_buffer(count_ * member.bytes));
    for (std::size_t row = 0; row < count_; ++row)
      std::memcpy(array.get() + row * member.bytes, structs_.get() + row * output_->size + member.offset, member.bytes);
    return array.get();
  }

  const Struct* output_;
  std::size_t count_;
  Buffer structs_;
  std::vector<Buffer> arrays_;
};

void call(const ferry_engine_model& model, const Samples& samples, const Answers& answers, std::size_t count) {
  const int code = model.run(samples.data(), answers.data(), count);
  if (code != 0) throw Refusal{FERRY_INTERNAL, "got code " + std::to_string(code) + " from the model, expected 0"};
}

std::int32_t run_model(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t /*count*/, ferry_output_sink sink,
                       void* context, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    const auto count = static_cast<std::size_t>(inputs[0].shape[0]);
    Answers answers(model->output, count);
    call(*model, Samples(model->input, inputs, count), answers, count);
    return answers.send(sink, context);
  });
}

// The loop that a user of the C would write: on structs of his own.
std::int32_t run_direct(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t /*count*/, std::size_t calls,
                        std::int64_t* nanoseconds, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    const auto count = static_cast<std::size_t>(inputs[0].shape[0]);
    const Samples samples(model->input, inputs, count);
    const Answers answers(model->output, count);
    time_calls(calls, nanoseconds, [&] { call(*model, samples, answers, count); });
  });
}

const char* numerics() noexcept { return ""; }  // the bits are those of no BLAS and no processor

}  // namespace

extern "C" FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry() {
  static const ferry_engine engine = {.abi_version = FERRY_ENGINE_ABI_VERSION,
                                      .flags = FERRY_ENGINE_NATIVE_CODE | FERRY_ENGINE_PREPARES,
                                      .name = FERRY_C_ENGINE,
                                      .runtime = "C99",
                                      .numerics = numerics,
                                      .open = open_model,
                                      .run = run_model,
                                      .run_direct = run_direct,
                                      .close = close_model,
                                      .prepare = prepare};
  return &engine;
}
