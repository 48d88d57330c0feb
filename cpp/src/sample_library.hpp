// What libferry_samples.so gives libferry: files of users as samples of a contract. It has JPEG and all other decoders in it, and
// is opened by the first ferry_samples_open, so that libferry itself needs none of them.
#pragma once

#include <ferry/engine.h>

#include <cstddef>
#include <cstdint>

extern "C" {

struct ferry_sample_reader;

struct ferry_sample_library {
  std::uint32_t version;  // sample_library_version
  // `manifest`: the bundle's, as JSON. `where` names it in messages.
  std::int32_t (*open)(const char* manifest, const char* where, const char* const* files, std::size_t count,
                       ferry_sample_reader** reader, ferry_engine_error* error);
  // Gives the next `count` samples of each input to the sink, once; not at the end.
  std::int32_t (*read)(ferry_sample_reader* reader, std::int64_t count, ferry_output_sink sink, void* context,
                       ferry_engine_error* error);
  void (*close)(ferry_sample_reader* reader);
};

using ferry_sample_library_entry_function = const ferry_sample_library* (*)();
}

namespace ferry {

inline constexpr std::uint32_t sample_library_version = 1;

}  // namespace ferry
