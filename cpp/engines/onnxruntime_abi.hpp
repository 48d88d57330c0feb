// The part of ONNX Runtime's C ABI that the plugin calls, declared here because its wheel has the library and no headers.
//
// The library exports one function, OrtGetApiBase. What it returns leads to a table of function pointers. An entry keeps its
// place and its signature in every later release (https://onnxruntime.ai/docs/reference/compatibility.html); all that are named
// below have been there since API version 1. The entries between them are slots that nobody calls. Standard library only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ferry::onnx {

// The oldest release that is tested, 1.22, has this API version.
inline constexpr std::uint32_t oldest_api_version = 22;

// Objects of the library, known by their address.
struct OrtStatus;  // null: no error
struct OrtEnv;
struct OrtSessionOptions;
struct OrtRunOptions;
struct OrtSession;
struct OrtMemoryInfo;
struct OrtValue;
struct OrtTypeInfo;
struct OrtTensorTypeAndShapeInfo;
struct OrtAllocator;

// Enumerations have the size of an int. These are the values that the plugin uses.
enum class ElementType : int {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  bfloat16 = 16
};
enum class LogLevel : int { fatal = 4 };
enum class AllocatorKind : int { arena = 1 };
enum class MemoryKind : int { standard = 0 };

using Slot = void (*)();
template <std::size_t Count>
using Slots = std::array<Slot, Count>;

// NOLINTBEGIN(readability-identifier-naming): the names under which ONNX Runtime documents its functions
struct OrtApi {
  Slots<2> from_0;
  const char* (*GetErrorMessage)(const OrtStatus*);
  OrtStatus* (*CreateEnv)(LogLevel, const char* log_id, OrtEnv**);
  Slots<4> from_4;
  OrtStatus* (*CreateSessionFromArray)(const OrtEnv*, const void* model, std::size_t bytes, const OrtSessionOptions*,
                                       OrtSession**);
  OrtStatus* (*Run)(OrtSession*, const OrtRunOptions*, const char* const* input_names, const OrtValue* const* inputs,
                    std::size_t input_count, const char* const* output_names, std::size_t output_count, OrtValue** outputs);
  OrtStatus* (*CreateSessionOptions)(OrtSessionOptions**);
  Slots<3> from_11;
  OrtStatus* (*EnableProfiling)(OrtSessionOptions*, const char* file_prefix);  // the file is written when the session is released
  Slots<7> from_15;
  OrtStatus* (*SetSessionLogSeverityLevel)(OrtSessionOptions*, LogLevel);
  Slots<1> from_23;
  OrtStatus* (*SetIntraOpNumThreads)(OrtSessionOptions*, int count);
  OrtStatus* (*SetInterOpNumThreads)(OrtSessionOptions*, int count);
  Slots<4> from_26;
  OrtStatus* (*SessionGetInputCount)(const OrtSession*, std::size_t*);
  OrtStatus* (*SessionGetOutputCount)(const OrtSession*, std::size_t*);
  Slots<1> from_32;
  OrtStatus* (*SessionGetInputTypeInfo)(const OrtSession*, std::size_t index, OrtTypeInfo**);
  OrtStatus* (*SessionGetOutputTypeInfo)(const OrtSession*, std::size_t index, OrtTypeInfo**);
  Slots<1> from_35;
  OrtStatus* (*SessionGetInputName)(const OrtSession*, std::size_t index, OrtAllocator*, char**);
  OrtStatus* (*SessionGetOutputName)(const OrtSession*, std::size_t index, OrtAllocator*, char**);
  Slots<11> from_38;
  OrtStatus* (*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo*, void* data, std::size_t bytes, const std::int64_t* dims,
                                               std::size_t rank, ElementType, OrtValue**);
  Slots<1> from_50;
  OrtStatus* (*GetTensorMutableData)(OrtValue*, void**);
  Slots<3> from_52;
  OrtStatus* (*CastTypeInfoToTensorInfo)(const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo**);  // null: no tensor
  Slots<4> from_56;
  OrtStatus* (*GetTensorElementType)(const OrtTensorTypeAndShapeInfo*, ElementType*);
  OrtStatus* (*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo*, std::size_t*);
  OrtStatus* (*GetDimensions)(const OrtTensorTypeAndShapeInfo*, std::int64_t* dims, std::size_t rank);
  Slots<2> from_63;
  OrtStatus* (*GetTensorTypeAndShape)(const OrtValue*, OrtTensorTypeAndShapeInfo**);
  Slots<3> from_66;
  OrtStatus* (*CreateCpuMemoryInfo)(AllocatorKind, MemoryKind, OrtMemoryInfo**);
  Slots<6> from_70;
  OrtStatus* (*AllocatorFree)(OrtAllocator*, void*);
  Slots<1> from_77;
  OrtStatus* (*GetAllocatorWithDefaultOptions)(OrtAllocator**);  // the library's own; it is not released
  Slots<13> from_79;
  void (*ReleaseEnv)(OrtEnv*);
  void (*ReleaseStatus)(OrtStatus*);
  void (*ReleaseMemoryInfo)(OrtMemoryInfo*);
  void (*ReleaseSession)(OrtSession*);
  void (*ReleaseValue)(OrtValue*);
  Slots<1> from_97;
  void (*ReleaseTypeInfo)(OrtTypeInfo*);
  void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo*);
  void (*ReleaseSessionOptions)(OrtSessionOptions*);
};

struct OrtApiBase {
  const OrtApi* (*GetApi)(std::uint32_t version);  // null: the library is older
  const char* (*GetVersionString)();
};
// NOLINTEND(readability-identifier-naming)

// A slot too many or too few moves everything behind it.
static_assert(offsetof(OrtApi, CreateSessionFromArray) == 8 * sizeof(Slot));
static_assert(offsetof(OrtApi, EnableProfiling) == 14 * sizeof(Slot));
static_assert(offsetof(OrtApi, SetSessionLogSeverityLevel) == 22 * sizeof(Slot));
static_assert(offsetof(OrtApi, SessionGetInputCount) == 30 * sizeof(Slot));
static_assert(offsetof(OrtApi, SessionGetInputName) == 36 * sizeof(Slot));
static_assert(offsetof(OrtApi, CreateTensorWithDataAsOrtValue) == 49 * sizeof(Slot));
static_assert(offsetof(OrtApi, CastTypeInfoToTensorInfo) == 55 * sizeof(Slot));
static_assert(offsetof(OrtApi, GetTensorTypeAndShape) == 65 * sizeof(Slot));
static_assert(offsetof(OrtApi, AllocatorFree) == 76 * sizeof(Slot));
static_assert(offsetof(OrtApi, ReleaseEnv) == 92 * sizeof(Slot));
static_assert(offsetof(OrtApi, ReleaseSessionOptions) == 100 * sizeof(Slot));

}  // namespace ferry::onnx
