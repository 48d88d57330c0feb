// What a bundle's manifest.json says (FORMAT.md), in C++. Standard library only.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <ferry/tensor.hpp>

namespace ferry {

// ---- contract (FORMAT.md section 3) -----------------------------------------------------------------------------------

using Dim = std::variant<std::int64_t, std::string>;  // a number, or a symbol such as "N"

struct TensorSpec {
  std::string name = {};
  DType dtype = DType::float32;
  std::vector<Dim> shape = {};
  std::optional<std::array<double, 2>> range = {};
  std::optional<std::string> unit = {};
  bool allow_nonfinite = false;
  std::optional<std::string> channels = {};  // of a picture, in their order: RGB, BGR, RGBA or BGRA
  std::optional<std::int64_t> rate = {};     // of sound, in Hz
};

struct SymbolRange {
  std::int64_t min = 0;
  std::optional<std::int64_t> max = {};
};

struct Classes {
  std::string output = {};
  std::vector<std::string> names = {};
};

// `independent`: an answer is the same whatever samples lie in the same batch, but for rounding. `batch`: it may change with
// them, so that cutting a batch changes the answers.
enum class Samples { independent, batch };

struct Contract {
  std::vector<TensorSpec> inputs = {};
  std::vector<TensorSpec> outputs = {};
  std::map<std::string, SymbolRange, std::less<>> symbols = {};
  std::optional<Classes> classes = {};
  Samples samples = Samples::independent;
  std::map<std::string, std::string> state = {};  // input that a stream carries -> the output that it gets next
};

// ---- manifest (FORMAT.md sections 2, 4-7) -----------------------------------------------------------------------------

struct FileEntry {
  std::string path = {};
  std::uint64_t bytes = 0;
  std::string sha256 = {};
};

struct Artifact {
  std::string format = {};
  std::string engine = {};
  std::vector<FileEntry> files = {};
  std::string producer = {};
  std::map<std::string, std::string, std::less<>> requirements = {};  // the manifest's `requires`
  // "python" and "c++" to "passed", or "not run: why": where it ran before it was published.
  std::map<std::string, std::string, std::less<>> accepted = {};
};

// `stress`: made by the exporter. `stream`: a step, which has no inputs for the state: it gets what the engine gave in the step
// before.
enum class CaseOrigin { given, stress, stream };

struct GoldenCase {
  std::string name = {};
  CaseOrigin origin = CaseOrigin::given;
  std::map<std::string, FileEntry, std::less<>> inputs = {};
  std::map<std::string, FileEntry, std::less<>> float32 = {};
  std::map<std::string, FileEntry, std::less<>> float64 = {};
};

struct Golden {
  std::string source = {};  // "real" or "synthetic"
  std::string description = {};
  std::string numerics = {};
  std::vector<GoldenCase> cases = {};
};

enum class ToleranceKind { bits, absolute, label };
enum class Reference { float32, float64 };

struct Tolerance {
  std::string engine = {};
  std::string device = {};  // "cpu" or "cuda"
  std::string output = {};
  std::string numerics = {};  // "golden" or "any"
  Reference reference = Reference::float64;
  ToleranceKind kind = ToleranceKind::absolute;
  double bound = 0;
  std::string reason = {};
  std::optional<std::string> scores = {};  // kind label: the float output whose argmax the output is
};

struct Training {
  std::string recipe = {};
  std::string dataset = {};
  std::int64_t seed = 0;
  std::int64_t epochs = 0;
  std::map<std::string, double, std::less<>> metrics = {};
  std::map<std::string, std::string, std::less<>> versions = {};
};

struct Manifest {
  std::string name = {};
  Contract contract = {};
  std::vector<Artifact> artifacts = {};
  Golden golden = {};
  std::vector<Tolerance> tolerances = {};
  std::optional<Training> training = {};
  std::map<std::string, std::string, std::less<>> metadata = {};  // free texts
  std::int64_t format_version = 0;
};

}  // namespace ferry
