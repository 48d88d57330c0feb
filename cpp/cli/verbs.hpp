// The verbs of ferry-run: what the command line gives each, and the function that does it. Each returns the exit code or throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ferry/ferry.hpp"

namespace ferry::cli {

enum class Isolation { automatic, on, off };  // automatic: as choose_isolation says

struct BundleOptions {
  std::string folder;
  TrustOptions trust;  // whose signature it must carry
};

struct EngineOptions {
  std::string engine;  // empty: the verb chooses among the bundle's
  std::string device = "cpu";
  std::int64_t threads = 1;
  bool allow_native = false;           // run machine code that lies in the bundle
  std::vector<std::string> allow_ops;  // operators that TorchScript may use although they may do more than compute
  Isolation isolation = Isolation::automatic;
  double timeout = 0;           // seconds for opening the model and for each call; 0: none
  std::int64_t memory_mib = 0;  // of an isolated model; 0: three quarters of the machine's
};

struct InspectOptions {
  BundleOptions bundle;
  bool json = false;
};

enum class HeaderChoice { automatic, yes, no };

// How the user says a table is to be read.
struct TableOptions {
  std::string delimiter;  // a word of `delimiter_of`; empty: sniffed
  HeaderChoice header = HeaderChoice::automatic;
  bool ignore_columns = false;
  std::string id;  // a column that is carried to the answers; empty: none
};

// Of input files: told by their content, raw values of the contract's dtype and shape, JSON lines, a table.
enum class InputFormat { automatic, raw, jsonl, csv };

// How the user says the input files are to be read.
struct InputOptions {
  TableOptions table;
  InputFormat format = InputFormat::automatic;
  bool follow = false;             // answer each line at once
  std::vector<std::string> carry;  // INPUT=OUTPUT: outputs that are inputs of the next call
};

struct PredictOptions {
  BundleOptions bundle;
  bool lazy = false;  // check only the files that the engine needs
  EngineOptions engine;
  std::vector<std::string> inputs;  // FILE or NAME=FILE
  InputOptions reading;
  std::string output = "-";
  std::string format;                 // empty: by the output's ending
  std::string select;                 // empty: every output
  std::optional<std::int64_t> top;    // classes with the highest scores, to add
  std::optional<std::int64_t> batch;  // empty: 256 samples, or all of them where the model mixes samples
};

struct VerifyOptions {
  BundleOptions bundle;
  EngineOptions engine;
  std::int64_t calls = 1;
  std::vector<std::string> required;  // lists with commas: engines and languages that must have run
  bool json = false;
};

struct BenchOptions {
  BundleOptions bundle;
  EngineOptions engine;
  std::vector<std::int64_t> batches = {1, 64, 1024};
  std::int64_t calls = 0;  // 0: as many as take about a second
  bool json = false;
};

[[nodiscard]] int inspect(const InspectOptions& options);
[[nodiscard]] int predict(const PredictOptions& options);
[[nodiscard]] int verify_bundle(const VerifyOptions& options);
[[nodiscard]] int bench(const BenchOptions& options);

}  // namespace ferry::cli
