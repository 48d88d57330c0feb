// ferry/ferry.hpp: the C++ API of torchferry. Standard library only.
//
//   auto bundle  = ferry::Bundle::open("exported/digits-mlp");   // every file's SHA-256 is checked here
//   auto session = ferry::Session(bundle, {.engine = "torchscript"});
//   auto outputs = session.run({{"image", ferry::Tensor::from<std::uint8_t>({1, 8, 8}, pixels)}});
//   auto label   = outputs["label"].as<std::int64_t>()[0];
//
// Every failure is a ferry::Error with the exit code of exported/FORMAT.md section 11; lack of memory is ErrorCode::io.
// A host program's floating-point mode (flush to zero, rounding) has no effect, and is left as it was found.
#pragma once

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 201709L
#error "ferry.hpp needs C++20: pass -std=c++20 (/std:c++20), or include ferry/ferry.h, which is C and works in every C++"
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <ferry/export.h>

namespace ferry {

[[nodiscard]] FERRY_API std::string_view version() noexcept;

// ---- errors ---------------------------------------------------------------------------------------------------------

enum class ErrorCode : int {
  mismatch = 1,     // a comparison failed
  usage = 2,        // command line
  format = 3,       // manifest or file format
  integrity = 4,    // size, SHA-256, missing or unlisted file
  unavailable = 5,  // engine or device not here
  io = 6,           // files, memory, disk
  bad_input = 7,    // the user's tensors or data files
  internal = 9,
};

class FERRY_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

// ---- tensors --------------------------------------------------------------------------------------------------------

enum class DType : std::int32_t { boolean = 0, uint8 = 1, int8 = 2, int16 = 3, int32 = 4, int64 = 5, float32 = 6, float64 = 7 };

[[nodiscard]] FERRY_API std::string_view to_string(DType dtype) noexcept;  // "float32", "bool"
[[nodiscard]] FERRY_API std::size_t size_of(DType dtype) noexcept;  // bytes of one element; 0 for a number that is no DType

template <typename T>
[[nodiscard]] consteval DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::uint8;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return DType::int8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return DType::int16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return DType::int32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::int64;
  else if constexpr (std::is_same_v<T, float>)
    return DType::float32;
  else {
    static_assert(std::is_same_v<T, double>, "not an element type of ferry::DType");
    return DType::float64;
  }
}

using Shape = std::vector<std::int64_t>;

[[nodiscard]] FERRY_API std::string to_string(const Shape& shape);  // "[64,10]"
// Product of the dims. Throws Error(bad_input) on a negative dim or overflow.
[[nodiscard]] FERRY_API std::size_t element_count(std::span<const std::int64_t> shape);

// An owned, contiguous, C-order tensor in host memory.
class FERRY_API Tensor {
 public:
  Tensor() = default;
  // Zeros. Throws Error(bad_input) where the shape is negative or overflows.
  Tensor(DType dtype, Shape shape);

  // A copy of `values`, whose size must be the product of `shape`.
  template <typename T>
  [[nodiscard]] static Tensor from(Shape shape, std::span<const T> values) {
    return copy(dtype_of<T>(), std::move(shape), std::as_bytes(values));
  }
  template <typename T>
  [[nodiscard]] static Tensor from(Shape shape, const std::vector<T>& values) {
    return from<T>(std::move(shape), std::span<const T>(values));
  }
  template <typename T>
  [[nodiscard]] static Tensor from(Shape shape, std::initializer_list<T> values) {
    return from<T>(std::move(shape), std::span<const T>(values.begin(), values.size()));
  }
  [[nodiscard]] static Tensor copy(DType dtype, Shape shape, std::span<const std::byte> bytes);

  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t size() const noexcept { return data_.size() / size_of(dtype_); }  // elements
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return data_; }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return data_; }

  // The elements. Throws Error(bad_input) where T is not the tensor's dtype.
  template <typename T>
  [[nodiscard]] std::span<const T> as() const {
    require_dtype(dtype_of<T>());
    return {reinterpret_cast<const T*>(data_.data()), size()};
  }
  template <typename T>
  [[nodiscard]] std::span<T> as() {
    require_dtype(dtype_of<T>());
    return {reinterpret_cast<T*>(data_.data()), size()};
  }

 private:
  void require_dtype(DType wanted) const;

  DType dtype_ = DType::float32;
  Shape shape_ = {0};
  std::vector<std::byte> data_;
};

// A tensor in memory of the caller, contiguous and in C order, that a call reads. It lives as long as what it refers to.
struct TensorView {
  const char* name = nullptr;
  DType dtype = DType::float32;
  std::span<const std::int64_t> shape;
  std::span<const std::byte> bytes;

  template <typename T>
  [[nodiscard]] static TensorView of(const char* name, std::span<const std::int64_t> shape, std::span<const T> values) {
    return {name, dtype_of<T>(), shape, std::as_bytes(values)};
  }
};

// Memory of the caller that a call writes an output into.
struct TensorBuffer {
  const char* name = nullptr;
  DType dtype = DType::float32;
  std::span<const std::int64_t> shape;
  std::span<std::byte> bytes;

  template <typename T>
  [[nodiscard]] static TensorBuffer of(const char* name, std::span<const std::int64_t> shape, std::span<T> values) {
    return {name, dtype_of<T>(), shape, std::as_writable_bytes(values)};
  }
};

// Tensors by name, in a fixed order (the contract's, for outputs).
class FERRY_API NamedTensors {
 public:
  using Item = std::pair<std::string, Tensor>;
  NamedTensors() = default;
  NamedTensors(std::initializer_list<Item> items) : items_(items) {}

  void add(std::string name, Tensor tensor) { items_.emplace_back(std::move(name), std::move(tensor)); }
  void reserve(std::size_t count) { items_.reserve(count); }
  [[nodiscard]] const Tensor* find(std::string_view name) const noexcept;
  // Throws Error(bad_input) that lists the names there are.
  [[nodiscard]] const Tensor& operator[](std::string_view name) const;
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] auto begin() const noexcept { return items_.begin(); }
  [[nodiscard]] auto end() const noexcept { return items_.end(); }

 private:
  std::vector<Item> items_;
};

// ---- contract (FORMAT.md section 3) -----------------------------------------------------------------------------------

using Dim = std::variant<std::int64_t, std::string>;  // a number, or a symbol such as "N"

struct TensorSpec {
  std::string name;
  DType dtype = DType::float32;
  std::vector<Dim> shape;
  std::optional<std::array<double, 2>> range;
  std::optional<std::string> unit;
  bool allow_nonfinite = false;
  std::optional<std::string> channels = std::nullopt;  // of a picture, in their order: RGB, BGR, RGBA or BGRA
  std::optional<std::int64_t> rate = std::nullopt;     // of sound, in Hz
};

struct SymbolRange {
  std::int64_t min = 0;
  std::optional<std::int64_t> max;
};

struct Classes {
  std::string output;
  std::vector<std::string> names;
};

// `independent`: an answer is the same whatever samples lie in the same batch, but for rounding. `batch`: it may change with
// them, so that cutting a batch changes the answers.
enum class Samples { independent, batch };

struct Contract {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::map<std::string, SymbolRange, std::less<>> symbols;
  std::optional<Classes> classes;
  Samples samples = Samples::independent;
  std::map<std::string, std::string> state;  // input that a stream carries -> the output that it gets next
};

// ---- manifest (FORMAT.md sections 2, 4-7) -----------------------------------------------------------------------------

struct FileEntry {
  std::string path;
  std::uint64_t bytes = 0;
  std::string sha256;
};

struct Artifact {
  std::string format;
  std::string engine;
  std::vector<FileEntry> files;
  std::string producer;
  std::map<std::string, std::string, std::less<>> requirements;  // the manifest's `requires`
  // "python" and "c++" to "passed", or "not run: why": where it ran before it was published.
  std::map<std::string, std::string, std::less<>> accepted;
};

struct GoldenCase {
  std::string name;
  std::string origin;  // "given", or "stress": made by the exporter
  std::map<std::string, FileEntry, std::less<>> inputs;
  std::map<std::string, FileEntry, std::less<>> float32;
  std::map<std::string, FileEntry, std::less<>> float64;
};

struct Golden {
  std::string source;  // "real" or "synthetic"
  std::string description;
  std::string numerics;
  std::vector<GoldenCase> cases;
};

enum class ToleranceKind { bits, absolute, label };
enum class Reference { float32, float64 };

struct Tolerance {
  std::string engine;
  std::string device;  // "cpu" or "cuda"
  std::string output;
  std::string numerics;  // "golden" or "any"
  Reference reference = Reference::float64;
  ToleranceKind kind = ToleranceKind::absolute;
  double bound = 0;
  std::string reason;
  std::optional<std::string> scores = std::nullopt;  // kind label: the float output whose argmax the output is
};

struct Training {
  std::string recipe;
  std::string dataset;
  std::int64_t seed = 0;
  std::int64_t epochs = 0;
  std::map<std::string, double, std::less<>> metrics;
  std::map<std::string, std::string, std::less<>> versions;
};

struct Manifest {
  std::string name;
  Contract contract;
  std::vector<Artifact> artifacts;
  Golden golden;
  std::vector<Tolerance> tolerances;
  std::optional<Training> training;
  std::map<std::string, std::string, std::less<>> metadata;  // free texts
  std::int64_t format_version = 0;
};

// ---- bundle -----------------------------------------------------------------------------------------------------------

// Whose signature a bundle must carry (FORMAT.md section 13). Nothing is asked by default; then FERRY_TRUST is, where it is set.
struct TrustOptions {
  std::vector<std::filesystem::path> keys;  // minisign public key files, or folders of *.pub files and a file `revoked`
  bool require_signature = false;           // also where no key is trusted: then nothing opens
  bool operator==(const TrustOptions&) const = default;
};

// Holds every bundle that this process opens to `options`, whatever else it asks for. Throws Error(usage) for a second, other
// one.
FERRY_API void set_trust_policy(const TrustOptions& options);

// A signature that lies beside the manifest.
struct Signature {
  std::string file;      // "manifest.json.minisig"
  std::string key_id;    // 16 hex digits, as minisign prints it
  std::string comment;   // the trusted comment; believe it only where `trusted` holds
  bool trusted = false;  // a trusted key made it, and it was checked
};

class Container;  // where the files lie; not for users

// An opened bundle: the manifest has been parsed and the size and SHA-256 of every file checked. Cheap to copy.
class FERRY_API Bundle {
 public:
  // An empty bundle, on which no engine can run. One that was moved from keeps what it had.
  Bundle();
  Bundle(const Bundle&) = default;
  Bundle& operator=(const Bundle&) = default;
  ~Bundle() = default;

  // Opens a folder, or the one file that `ferry pack` wrote. The signature that `trust` asks for is checked before anything else
  // is parsed. Throws Error(io | format | integrity | usage).
  [[nodiscard]] static Bundle open(const std::filesystem::path& path, const TrustOptions& trust = {});
  // Opens a copy of such a file's bytes; `name` stands for them in messages. Throws Error(io | format | integrity | usage).
  [[nodiscard]] static Bundle from_memory(std::span<const std::byte> bytes, const std::string& name = "memory",
                                          const TrustOptions& trust = {});
  // Who signed it. Reads the signatures now. Throws Error(io | integrity).
  [[nodiscard]] std::vector<Signature> signatures() const;

  // The path of the folder or of the one file; the given name where the bundle lies in memory.
  [[nodiscard]] const std::filesystem::path& folder() const noexcept;
  [[nodiscard]] const Manifest& manifest() const noexcept;
  [[nodiscard]] const std::string& manifest_json() const noexcept;  // the bytes of manifest.json
  // SHA-256 of manifest.json, 64 lower-case digits. Every other file's digest is in there, so it stands for the whole bundle.
  [[nodiscard]] std::string digest() const;
  [[nodiscard]] const Contract& contract() const noexcept { return manifest().contract; }
  [[nodiscard]] const Artifact* find_artifact(std::string_view engine) const noexcept;

  // Whether a listed file is there: false for native files of other machines, perhaps (FORMAT.md section 1), true for all others.
  [[nodiscard]] bool has(const FileEntry& file) const noexcept;
  // Sidecars such as README.md: there, not listed and not opened (FORMAT.md section 1). Sorted.
  [[nodiscard]] const std::vector<std::string>& ignored() const noexcept;
  // Reads a listed file once more and returns exactly the bytes whose hash was checked. Throws Error(io | integrity).
  [[nodiscard]] std::vector<std::byte> read(const FileEntry& file) const;
  // Maps a listed file and checks the SHA-256 of what is mapped. All of a digest share it in this process, and with others that
  // map the same file (on Windows it is a copy). Nobody may change the file, or cut it, while it is mapped: what is read then is
  // not what was checked. A file that another user may write is refused. Throws Error(io | integrity).
  [[nodiscard]] std::shared_ptr<const std::span<const std::byte>> map(const FileEntry& file) const;
  // Reads golden tensors. Throws Error(io | integrity | format).
  [[nodiscard]] NamedTensors read_tensors(const std::map<std::string, FileEntry, std::less<>>& files) const;

 private:
  struct State;
  static Bundle checked(std::shared_ptr<const Container> container, std::string manifest_json,
                        const std::vector<TrustOptions>& asked);
  std::shared_ptr<const State> state_;
};

// ---- session ----------------------------------------------------------------------------------------------------------

}  // namespace ferry

struct ferry_engine;  // ferry/engine.h

namespace ferry {

// Takes an engine that is linked into this program, instead of a plugin of that name; `engine` stays alive. Throws
// Error(unavailable) for a table that no plugin may have, Error(usage) for a second one of that name.
FERRY_API void register_engine(const ferry_engine& engine);

// Looks for plugins in an absolute folder too: after those of FERRY_ENGINE_DIR, before those beside libferry. Throws
// Error(usage).
FERRY_API void add_engine_folder(const std::filesystem::path& folder);

struct SessionOptions {
  std::string engine;          // e.g. "torchscript"
  std::string device = "cpu";  // "cpu" or "cuda:N"
  int threads = 1;             // inside one call
  bool allow_native = false;   // run an engine that executes machine code from the bundle: it has all rights of this process
  // Operators, as "aten::as_strided", that TorchScript may use although they may do more than compute; any other such operator is
  // Error(format). Without the initializer GCC warns wherever only the first members are named.
  std::vector<std::string> allow_ops = {};  // NOLINT(readability-redundant-member-init)
  // Runs the model in a child process that reads the runtime's libraries only, writes nothing, and has no programs, sockets or
  // other processes. A model that crashes or tries more is Error(unavailable), and this process goes on. One call at a time runs;
  // further ones wait. Only on `cpu`, where libferry was built with libseccomp.
  bool isolate = false;
  // Seconds for opening the model and for each call; 0: no limit. With `isolate` a model that takes longer is ended and is
  // Error(unavailable). Without it nothing can stop the model but the end of this process: with one line on stderr and exit code
  // 5, after the handlers of std::at_quick_exit.
  double timeout = 0;
  std::uint64_t memory_bytes = 0;  // with `isolate`: of the model's data; 0: three quarters of the machine's memory
  // So many calls run at once with `aoti` and `executorch`, a model of which takes one call at a time; others need no more.
  int models = 1;
  // Maps the artifact's files instead of reading them (Bundle::map, which says what must not be done to them): `executorch` then
  // leaves its weights there, one copy for all sessions of all processes.
  bool map_files = false;
};

// The time of one layer as the runtime itself measures it.
struct LayerTime {
  std::string name;        // in the artifact: "/net/0/Gemm"; where it has none, the place in a call, from 0: "3"
  std::string kind;        // the operator: "Gemm", "aten::linear"
  double nanoseconds = 0;  // of one call, on average
};

inline constexpr std::size_t max_profile_calls = 10000;

// One bundle on one engine and device, warmed up with its golden cases. `run` may be called from many threads at once. One that
// was moved from has no engine: its names are empty and `run` throws Error(usage).
class FERRY_API Session {
 public:
  // Throws Error(usage | unavailable | format | integrity | io).
  Session(const Bundle& bundle, const SessionOptions& options);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Inputs by name, in any order. Outputs in contract order, checked against the contract, owned by the caller.
  // Throws Error(bad_input) before the engine sees anything that breaks the contract, and Error(mismatch) for outputs that do:
  // other names, dtypes or shapes, or a number that is not finite where `allow_nonfinite` is false.
  [[nodiscard]] NamedTensors run(const NamedTensors& inputs) const;

  // The same into memory of the caller: one buffer for each output, with the shape that it has for these inputs. With the engines
  // `c` and `c-int8` a call whose samples take at most 16 KiB asks for no memory and calls no system. Throws also
  // Error(bad_input) for a buffer that is too small, misaligned or overlaps another tensor; what buffers hold after an error is
  // not defined.
  void run_into(std::span<const TensorView> inputs, std::span<const TensorBuffer> outputs) const;

  // Nanoseconds of `calls` calls written directly against the runtime; empty where the engine has no such loop.
  [[nodiscard]] std::vector<std::int64_t> run_direct(const NamedTensors& inputs, std::size_t calls) const;

  // Where the time of these inputs goes, layer by layer in the order of a call: measured on a model of its own, so that calls of
  // this session are not slowed down. `calls` is 1 to max_profile_calls. Throws what `run` throws, and Error(unavailable) where
  // the runtime does not time its layers: `onnxruntime` and `torchscript` do.
  [[nodiscard]] std::vector<LayerTime> profile(const NamedTensors& inputs, std::size_t calls = 10) const;
  // How many calls run at the same time, further ones wait; 0: as many as there are.
  [[nodiscard]] std::size_t concurrency() const noexcept;

  [[nodiscard]] const std::string& engine() const noexcept;
  [[nodiscard]] const std::string& device() const noexcept;
  [[nodiscard]] const std::string& runtime() const noexcept;   // e.g. "LibTorch 2.13.0"
  [[nodiscard]] const std::string& numerics() const noexcept;  // FORMAT.md section 5

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// ---- comparison (FORMAT.md sections 6 and 9) ----------------------------------------------------------------------------

struct WorstElement {
  Shape index;
  double actual = 0;
  double expected = 0;
};

struct Verdict {
  std::string golden_case;
  std::size_t call = 1;  // of the session with that case, from 1
  std::string output;
  bool passed = false;
  Tolerance tolerance;
  std::size_t compared = 0;
  std::size_t mismatches = 0;
  double max_abs = 0;
  double max_rel = 0;
  double max_ulp = 0;  // a whole number, or infinity
  std::optional<WorstElement> worst;
  std::string problem;  // why nothing could be compared, or how the engine mixes samples; else empty
  // Kind label: goldens whose two best scores are within the bound, the first of them, and the tolerated disagreements.
  std::size_t near_ties = 0;
  std::vector<Shape> near_tie_indices;
  std::size_t within_margin = 0;
  std::optional<double> other_kernels_ulp;  // float steps from the float32 golden, where the session's numerics differ
};

// The golden float64 scores of a label, and their axis of classes, which the label does not have.
struct Scores {
  const Tensor* values = nullptr;
  std::size_t axis = 0;
};

struct EngineVerdict {
  enum class Status { passed, failed, unavailable };
  std::string engine;
  std::string device;
  Status status = Status::unavailable;
  std::string reason;  // why it is unavailable, else empty
  std::string numerics;
  std::vector<Verdict> verdicts;
};

// Compares one output. `actual` may be null: the engine did not give it. `scores` is what kind label needs.
[[nodiscard]] FERRY_API Verdict compare(const Tensor* actual, const Tensor& expected, const Tolerance& tolerance, bool allow_nan,
                                        const Scores& scores = {});

inline constexpr std::size_t max_verify_calls = 100;  // their outputs are all kept until they are compared

// Runs every golden case in `session` first, all of them `calls` times, then compares. Where the contract calls its samples
// independent, each case is also run in other groups: an output that changes then has failed. Throws what Session::run throws,
// and Error(format) where a tolerance is so large that it proves nothing.
[[nodiscard]] FERRY_API EngineVerdict verify(const Bundle& bundle, const Session& session, std::size_t calls = 1);

}  // namespace ferry
