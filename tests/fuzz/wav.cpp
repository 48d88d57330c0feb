// WAV files: whole values of the bits that the file says, or Error.
#include "wav_file.hpp"

#include <cstdint>
#include <cstdlib>
#include <ferry/ferry.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ferry::fuzz::refuses<ferry::Error>([&] {
    const auto bytes = ferry::fuzz::copy_of({data, size});
    const auto wav = ferry::cli::parse_wav(bytes, "sound.wav");
    if (wav.bits != 16 && wav.bits != 24 && wav.bits != 32) std::abort();
    if (!wav.values.empty() && (wav.values.data() < bytes.data() || &wav.values.back() > &bytes.back())) std::abort();
  });
}
