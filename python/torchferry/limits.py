"""Limits that both programs hold. CMake turns every line `NAME = NUMBER` into a constant of limits.hpp (cmake/Limits.cmake)."""

MAX_MANIFEST_BYTES = 1_048_576
MAX_JSON_DEPTH = 32
MAX_INTEGER = 9_007_199_254_740_992  # 2**53: up to here every integer is a float64
MAX_PATH_CHARACTERS = 255
MAX_METADATA_ENTRIES = 64
MAX_METADATA_BYTES = 4096  # of one value, in UTF-8
MAX_PACKED_FILES = 65_535  # of a bundle that is one file

MAX_RANK = 8
MAX_NPY_HEADER_BYTES = 10_000

MAX_THREADS = 1024  # beyond it runtimes run out of memory and end the process
MAX_TIMEOUT_SECONDS = 31_536_000  # a year
MAX_VERIFY_CALLS = 100  # their outputs are all kept until they are compared
MAX_NEAR_TIE_INDICES = 16  # in a verdict

MAX_CALL_SAMPLES = 256  # of `predict`, where its user gives no --batch; fewer, where they are more
MAX_CALL_BYTES = 8_388_608  # of inputs: what a model makes of them should not leave the processor's caches for nothing

MAX_IMAGE_FILE_BYTES = 268_435_456
MAX_IMAGE_SIDE = 16_384  # pixels
MAX_IMAGE_PIXELS = 67_108_864
MAX_LIST_BYTES = 67_108_864  # of names of files: a million of them
MAX_WAV_FILE_BYTES = 268_435_456
MAX_SAMPLE_RATE = 4_294_967_295  # Hz: what a WAV file can say
MAX_CSV_LINE_BYTES = 67_108_864  # a row of a million long numbers has 20 MB
# Of a line, beside one for each element of the inputs: more take longer to judge than to read.
MAX_CSV_EXTRA_CELLS = 262_144
MAX_CSV_SNIFFED_LINES = 16  # by which delimiter and header are told, or fewer:
MAX_CSV_SNIFFED_BYTES = 1_048_576
# It is read whole: its directory lies at its end, and each CRC-32 is held before the first sample is used.
MAX_NPZ_BYTES = 4_294_967_296

MAX_SIGNATURE_BYTES = 16_384  # of a signature or key file; minisign's own comments have at most 8,192
MAX_SIGNATURES = 16  # of one bundle
