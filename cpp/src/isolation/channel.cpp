#include "isolation/channel.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace ferry::isolation {

namespace {

constexpr auto expected = "memory that two processes share";
constexpr std::chrono::microseconds awake{200};  // being woken takes 30 to 50 where the processor had gone to sleep
constexpr std::chrono::nanoseconds slice{20'000'000};

// Waiting awake steals the other party's time where both have one processor.
bool has_two_processors() noexcept {
  static const bool two = [] {
    cpu_set_t processors;
    return ::sched_getaffinity(0, sizeof processors, &processors) == 0 && CPU_COUNT(&processors) > 1;
  }();
  return two;
}

void rest() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

bool spin(const Control& control, std::uint32_t me) noexcept {
  constexpr int turns_a_look = 32;
  const auto stop = std::chrono::steady_clock::now() + awake;
  do {
    for (int i = 0; i < turns_a_look; ++i) {
      if (control.turn.load(std::memory_order_acquire) == me) return true;
      rest();
    }
  } while (std::chrono::steady_clock::now() < stop);
  return false;
}

void sleep_until_changed(std::atomic<std::uint32_t>& word, std::uint32_t old) noexcept {
  const timespec limit{0, slice.count()};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, old, &limit, nullptr, 0);
}

union Ancillary {
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
  cmsghdr header;
};

}  // namespace

std::string text_of(std::span<const char> field) {
  const std::string text(field.begin(), field.end());  // first the copy: the other party may still write
  return text.substr(0, text.find('\0'));
}

void set_text(std::span<char> field, std::string_view text) noexcept {
  const auto size = std::min(text.size(), field.size() - 1);
  std::memcpy(field.data(), text.data(), size);
  field[size] = '\0';
}

Mapping::Mapping(int descriptor, std::size_t bytes, bool writable) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, descriptor, 0);
  if (address == MAP_FAILED) throw_io("isolation", expected);
  bytes_ = {static_cast<std::byte*>(address), bytes};
}

Mapping::Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

File shared_memory(std::size_t bytes) {
  File file(::memfd_create("ferry", MFD_CLOEXEC | MFD_ALLOW_SEALING), "isolation");
  if (file.descriptor() < 0 || ::ftruncate(file.descriptor(), static_cast<off_t>(bytes)) != 0 ||
      ::fcntl(file.descriptor(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    throw_io("isolation", expected);
  return file;
}

void hand_over(Control& control, Party to) noexcept {
  const auto party = static_cast<std::uint32_t>(to);
  control.turn.store(party);
  if (control.sleeping[party].load() != 0) ::syscall(SYS_futex, &control.turn, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

bool await_turn(Control& control, Party me, const std::function<bool()>& give_up) {
  const auto party = static_cast<std::uint32_t>(me);
  if (has_two_processors() && spin(control, party)) return true;
  control.sleeping[party].store(1);
  bool ours = false;
  for (std::uint32_t now = control.turn.load(); !(ours = now == party); now = control.turn.load()) {
    sleep_until_changed(control.turn, now);
    if (control.turn.load() != party && give_up()) break;
  }
  control.sleeping[party].store(0);
  return ours;
}

bool send_descriptor(int socket, int descriptor) noexcept {
  Ancillary ancillary{};
  char mark = 0;
  iovec data{&mark, 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.bytes.data();
  message.msg_controllen = sizeof ancillary.bytes;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

File receive_descriptor(int socket) {
  Ancillary ancillary{};
  char mark = 0;
  iovec data{&mark, 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.bytes.data();
  message.msg_controllen = sizeof ancillary.bytes;
  const bool came = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message) != nullptr;
  if (!came) throw_io("isolation", "a descriptor from the host");
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof descriptor);
  return {descriptor, "isolation"};
}

}  // namespace ferry::isolation
