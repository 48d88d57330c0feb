// ferry/ferry.hpp: the C++ API of torchferry. Standard library only.
//
//   auto bundle  = ferry::Bundle::open("exported/digits-mlp");   // every file's SHA-256 is checked here
//   auto session = ferry::Session(bundle, {.engine = "torchscript"});
//   auto outputs = session.run({{"image", ferry::Tensor::from<std::uint8_t>({1, 8, 8}, pixels)}});
//   auto label   = outputs["label"].as<std::int64_t>()[0];
//
// Every failure is a ferry::Error with the exit code of exported/FORMAT.md section 11; lack of memory is ErrorCode::io.
// A host program's floating-point mode (flush to zero, rounding) has no effect, and is left as it was found.
// Every member of a struct has an initializer: without it GCC warns (-Wextra) where a caller names other members only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ferry/export.h>
#include <ferry/manifest.hpp>
#include <ferry/tensor.hpp>

namespace ferry {

[[nodiscard]] FERRY_API std::string_view version() noexcept;

// ---- bundle -----------------------------------------------------------------------------------------------------------

// Whose signature a bundle must carry (FORMAT.md section 13). Nothing is asked by default; then FERRY_TRUST is, where it is set.
struct TrustOptions {
  // minisign public key files, or folders of *.pub files and a file `revoked`.
  std::vector<std::filesystem::path> keys = {};
  bool require_signature = false;  // also where no key is trusted: then nothing opens
  bool operator==(const TrustOptions&) const = default;
};

// Holds every bundle that this process opens to `options`, whatever else it asks for. Throws Error(usage) for a second, other
// one.
FERRY_API void set_trust_policy(const TrustOptions& options);

// A signature that lies beside the manifest.
struct Signature {
  std::string file = {};     // "manifest.json.minisig"
  std::string key_id = {};   // 16 hex digits, as minisign prints it
  std::string comment = {};  // the trusted comment; believe it only where `trusted` holds
  bool trusted = false;      // a trusted key made it, and it was checked
};

class Container;  // where the files lie; not for users

// When the SHA-256 of a file is checked. What is read is always checked before it is used; `lazy` leaves out what nobody reads,
// as the artifacts of other engines.
enum class FileChecks { at_open, lazy };

// An opened bundle: the manifest has been parsed, and the size of every file checked, and its SHA-256 now or when it is first
// read. Cheap to copy.
class FERRY_API Bundle {
 public:
  // An empty bundle, on which no engine can run. One that was moved from keeps what it had.
  Bundle();
  Bundle(const Bundle&) = default;
  Bundle& operator=(const Bundle&) = default;
  ~Bundle() = default;

  // Opens a folder, or the one file that `ferry pack` wrote. The signature that `trust` asks for is checked before anything else
  // is parsed. Throws Error(io | format | integrity | usage).
  [[nodiscard]] static Bundle open(const std::filesystem::path& path, const TrustOptions& trust = {},
                                   FileChecks checks = FileChecks::at_open);
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
  // Reads a listed file and returns exactly the bytes whose hash it has checked. Throws Error(io | integrity).
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
                        const std::vector<TrustOptions>& asked, FileChecks checks);
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
  std::string engine = {};     // e.g. "torchscript"
  std::string device = "cpu";  // "cpu" or "cuda:N"
  int threads = 1;             // inside one call
  bool allow_native = false;   // run an engine that executes machine code from the bundle: it has all rights of this process
  // Operators, as "aten::as_strided", that TorchScript may use although they may do more than compute; any other such operator is
  // Error(format).
  std::vector<std::string> allow_ops = {};
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
  // Maps the artifact's files instead of reading them (Bundle::map, which says what must not be done to them): `executorch` and
  // `torchscript` then leave their weights there, one copy for all sessions of all processes.
  bool map_files = false;
};

// The time of one layer as the runtime itself measures it.
struct LayerTime {
  std::string name = {};   // in the artifact: "/net/0/Gemm"; where it has none, the place in a call, from 0: "3"
  std::string kind = {};   // the operator: "Gemm", "aten::linear"
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
  Shape index = {};
  double actual = 0;
  double expected = 0;
};

struct Verdict {
  std::string golden_case = {};
  std::size_t call = 1;  // of the session with that case, from 1
  std::string output = {};
  bool passed = false;
  Tolerance tolerance = {};
  std::size_t compared = 0;
  std::size_t mismatches = 0;
  double max_abs = 0;
  double max_rel = 0;
  double max_ulp = 0;  // a whole number, or infinity
  std::optional<WorstElement> worst = {};
  std::string problem = {};  // why nothing could be compared, or how the engine mixes samples; else empty
  // Kind label: goldens whose two best scores are within the bound, the first of them, and the tolerated disagreements.
  std::size_t near_ties = 0;
  std::vector<Shape> near_tie_indices = {};
  std::size_t within_margin = 0;
  std::optional<double> other_kernels_ulp = {};  // float steps from the float32 golden, where the session's numerics differ
};

// The golden float64 scores of a label, and their axis of classes, which the label does not have.
struct Scores {
  const Tensor* values = nullptr;
  std::size_t axis = 0;
};

struct EngineVerdict {
  enum class Status { passed, failed, unavailable };
  std::string engine = {};
  std::string device = {};
  Status status = Status::unavailable;
  std::string reason = {};  // why it is unavailable, or failed without any verdict; else empty
  std::string numerics = {};
  std::vector<Verdict> verdicts = {};
};

// Compares one output. `actual` may be null: the engine did not give it. `scores` is what kind label needs.
[[nodiscard]] FERRY_API Verdict compare(const Tensor* actual, const Tensor& expected, const Tolerance& tolerance, bool allow_nan,
                                        const Scores& scores = {});

inline constexpr std::size_t max_verify_calls = 100;  // their outputs are all kept until they are compared

// Runs every golden case in `session` first, all of them `calls` times, 1 to max_verify_calls, then compares. Where the contract
// calls its samples independent, each case is also run in other groups: an output that changes then has failed. Throws what
// Session::run throws, and Error(format) where a tolerance is so large that it proves nothing, Error(usage) for so many calls.
[[nodiscard]] FERRY_API EngineVerdict verify(const Bundle& bundle, const Session& session, std::size_t calls = 1);

}  // namespace ferry
