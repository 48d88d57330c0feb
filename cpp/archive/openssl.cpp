#include "openssl.hpp"

#include <utility>

#if defined(__GLIBC__)
#include <dlfcn.h>
#endif

namespace ferry {

namespace {

// The functions of OpenSSL's EVP that are called here, as its manual declares them. Where there is no OpenSSL nothing is made.
struct Functions {
  void* (*make)() = []() -> void* { return nullptr; };
  void (*free)(void*) = [](void* /*context*/) {};
  const void* (*sha256)() = []() -> const void* { return nullptr; };
  int (*begin)(void*, const void*, void*) = [](void* /*context*/, const void* /*kind*/, void* /*engine*/) { return 0; };
  int (*update)(void*, const void*, std::size_t) = [](void* /*context*/, const void* /*bytes*/, std::size_t /*count*/) {
    return 0;
  };
  int (*end)(void*, unsigned char*, unsigned int*) = [](void* /*context*/, unsigned char* /*digest*/, unsigned int* /*size*/) {
    return 0;
  };
};

#if defined(__GLIBC__)
template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

Functions load() noexcept {
  void* library = ::dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
  Functions found;
  const bool is_whole = library != nullptr && find(library, "EVP_MD_CTX_new", found.make) &&
                        find(library, "EVP_MD_CTX_free", found.free) && find(library, "EVP_sha256", found.sha256) &&
                        find(library, "EVP_DigestInit_ex", found.begin) && find(library, "EVP_DigestUpdate", found.update) &&
                        find(library, "EVP_DigestFinal_ex", found.end);
  return is_whole ? found : Functions{};
}
#else
Functions load() noexcept { return {}; }
#endif

const Functions& functions() noexcept {
  static const Functions found = load();
  return found;
}

}  // namespace

std::optional<OpensslSha256> OpensslSha256::make() noexcept {
  const Functions& openssl = functions();
  Context context(openssl.make(), openssl.free);
  if (context == nullptr || openssl.begin(context.get(), openssl.sha256(), nullptr) != 1) return std::nullopt;
  return OpensslSha256(std::move(context));
}

void OpensslSha256::update(std::span<const std::byte> bytes) noexcept {
  is_sound_ = is_sound_ && functions().update(context_.get(), bytes.data(), bytes.size()) == 1;
}

std::array<unsigned char, 32> OpensslSha256::end() noexcept {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  const bool has_ended = is_sound_ && functions().end(context_.get(), digest.data(), &size) == 1 && size == digest.size();
  return has_ended ? digest : std::array<unsigned char, 32>{};
}

}  // namespace ferry
