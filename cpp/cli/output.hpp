// The outputs of a run as a file, some samples at a time (FORMAT.md section 10).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/ferry.hpp"

namespace ferry::cli {

enum class OutputFormat { jsonl, csv, npy, npz, png };

struct OutputRequest {
  std::string path = "-";             // "-" is stdout, "FOLDER/" a folder
  std::string format;                 // "jsonl", "csv", "npy", "npz", "png", or empty: by the path's ending
  std::string select;                 // an output's name, or empty
  std::optional<std::int64_t> total;  // samples that will come, where known
  std::string id;                     // the column of identities that come with each batch, or empty
  std::optional<std::int64_t> top;    // classes with the highest scores, to add
  std::vector<std::string> files;     // that the samples come from, for the names in a folder: one for each, or one of all
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

// Does the path name a folder, which gets one answer for each input file?
[[nodiscard]] bool is_folder(const std::string& path) noexcept;

// Is it stdout, a device, a pipe or a socket?
[[nodiscard]] bool is_stream(const std::string& path);

// The ending of such a file, without its point.
[[nodiscard]] std::string_view name_of(OutputFormat format) noexcept;

// By `format`, else by the path's ending; JSON lines for stdout, devices and folders. Throws Error(usage) for another ending.
[[nodiscard]] OutputFormat choose_format(const OutputRequest& request);

// Refuses a request that this contract cannot meet. Throws Error(usage). Opens nothing.
void check_output_request(const OutputRequest& request, const Contract& contract);

// Throws Error(io) where the path cannot be written. The contract must outlive the writer.
[[nodiscard]] std::unique_ptr<SampleWriter> open_output(const OutputRequest& request, const Contract& contract);

}  // namespace ferry::cli
