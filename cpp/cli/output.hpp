// The outputs of a run as a file, some samples at a time (FORMAT.md section 10).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "ferry/ferry.hpp"

namespace ferry::cli {

enum class OutputFormat { jsonl, csv, npy };

struct OutputRequest {
  std::string path = "-";             // "-" is stdout
  std::string format;                 // "jsonl", "csv", "npy", or empty: by the path's ending
  std::string select;                 // an output's name, or empty
  std::optional<std::int64_t> total;  // samples that will come, where known
  std::string id;                     // the column of identities that come with each batch, or empty
  std::optional<std::int64_t> top;    // classes with the highest scores, to add
};

// Takes outputs in pieces. Nothing stands at the path before `finish` has returned, and nothing ever does where it has not been
// called, unless the path is a device or a pipe.
class SampleWriter {
 public:
  SampleWriter() = default;
  SampleWriter(const SampleWriter&) = delete;
  SampleWriter& operator=(const SampleWriter&) = delete;
  virtual ~SampleWriter() = default;

  // The outputs of one call, in contract order, and the identities of its samples, or none. Throws Error(io | format).
  virtual void write(const NamedTensors& outputs, std::span<const std::string> ids) = 0;
  virtual void finish() = 0;
  // How many answers were written.
  [[nodiscard]] virtual std::int64_t count() const noexcept = 0;
};

// Is it stdout, a device, a pipe or a socket?
[[nodiscard]] bool is_stream(const std::string& path);

// By `format`, else by the path's ending; JSON lines for stdout and devices. Throws Error(usage) for another ending.
[[nodiscard]] OutputFormat choose_format(const OutputRequest& request);

// Refuses a request that this contract cannot meet. Throws Error(usage). Opens nothing.
void check_output_request(const OutputRequest& request, const Contract& contract);

// Throws Error(io) where the path cannot be written. The contract must outlive the writer.
[[nodiscard]] std::unique_ptr<SampleWriter> open_output(const OutputRequest& request, const Contract& contract);

}  // namespace ferry::cli
