// The user's input files as tensors, some samples at a time (FORMAT.md section 10).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "byte_stream.hpp"
#include "carried_state.hpp"
#include "contract.hpp"
#include "ferry/ferry.hpp"
#include "verbs.hpp"

namespace ferry::cli {

// Has the tensor a batch: is its first dim the symbol N?
[[nodiscard]] bool is_batched(const TensorSpec& spec) noexcept;

// The samples of one input in order, or of all inputs out of one table.
class SampleReader {
 public:
  SampleReader() = default;
  SampleReader(const SampleReader&) = delete;
  SampleReader& operator=(const SampleReader&) = delete;
  virtual ~SampleReader() = default;

  // The next `count` samples [n, ...] of each of its inputs, or those that are left; n = 0 at the end. An input without a batch
  // is given whole, each time. Throws Error(bad_input | io) that names the file.
  [[nodiscard]] virtual std::vector<Tensor> read(std::int64_t count) = 0;
  // How many there are in all, where the file says so.
  [[nodiscard]] virtual std::optional<std::int64_t> total() const = 0;

  // Of a table: the identities of the samples that were read last, where the user named their column; and what was found out
  // about the file, whole after the last read.
  [[nodiscard]] virtual bool is_table() const noexcept { return false; }
  [[nodiscard]] virtual const std::vector<std::string>& ids() const noexcept {
    static const std::vector<std::string> none;
    return none;
  }
  [[nodiscard]] virtual std::string how() const { return {}; }
  // Is each sample a file of its own?
  [[nodiscard]] virtual bool has_file_a_sample() const noexcept { return false; }
};

// Opens a file of one input. Throws Error(usage) for a .npz, which holds all of them; Error(io).
[[nodiscard]] ByteStream open_one(const std::string& path);

// Opens the files of one input, of which `first` is open already; several must be pictures or sounds. Throws Error(usage |
// bad_input | io).
[[nodiscard]] std::unique_ptr<SampleReader> open_samples(const TensorSpec& spec, const std::vector<std::string>& paths,
                                                         ByteStream first, const InputOptions& options);

// All inputs of a contract, read in step.
class InputReader {
 public:
  // `arguments` are FILE or NAME=FILE, or one .npz or table of all inputs. Throws Error(usage | bad_input | io).
  InputReader(const Contract& contract, const std::vector<std::string>& arguments, const InputOptions& options = {});

  // The next `count` samples of every input. Throws Error(bad_input) where one input ends before another, or where there is none.
  [[nodiscard]] NamedTensors read(std::int64_t count);
  // What the next call gets of the outputs of this one, where the user asked for it.
  void keep(const NamedTensors& outputs) { state_.keep(outputs); }
  // Were there fewer samples than asked for at the last read? Then nothing is left.
  [[nodiscard]] bool at_end() const noexcept { return at_end_; }
  [[nodiscard]] std::optional<std::int64_t> total() const;

  // How many samples were read, without a batch one.
  [[nodiscard]] std::int64_t count() const noexcept { return count_; }
  // The identities of the samples of the last read, where the user named a column of them.
  [[nodiscard]] const std::vector<std::string>& ids() const;
  // The files that the samples come from: one for each, or one of all. Throws Error(usage) where inputs have their own.
  [[nodiscard]] const std::vector<std::string>& files() const;
  // The error of the last call with its place in the file: rows count from 0, as in NumPy.
  [[nodiscard]] ElementError placed(const ElementError& error) const;
  // How many samples came from which files, and how these were understood.
  [[nodiscard]] std::string describe() const;

 private:
  struct Input {
    std::vector<std::string> names;
    bool batched;
    std::string origin;              // the file's name
    std::vector<std::string> files;  // their names
    std::unique_ptr<SampleReader> samples;
  };

  void open(const Contract& contract, const std::vector<std::string>& arguments, const InputOptions& options);
  void open_raw_files(const Contract& contract, const std::vector<std::string>& arguments);
  void open_lines(const Contract& contract, const std::vector<std::string>& arguments, const InputOptions& options);
  void add_whole(const Contract& contract, const std::string& origin, std::unique_ptr<SampleReader> samples);
  void require_equal_totals() const;
  void require_ids(const TableOptions& options) const;
  [[nodiscard]] std::optional<std::int64_t> read_all(std::int64_t count, std::map<std::string, Tensor>& tensors);

  CarriedState state_;
  std::vector<std::string> order_;  // of the inputs' names in the contract
  std::vector<Input> inputs_;
  bool at_end_ = false;
  std::int64_t count_ = 0;
  std::int64_t before_ = 0;  // samples in front of the last read
};

}  // namespace ferry::cli
