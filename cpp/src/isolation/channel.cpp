#include "isolation/channel.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace ferry::isolation {

namespace {

constexpr auto expected = "memory that two processes share";
using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

// A sleeping processor takes 30 to 50 us to wake, and the kernel may ring 50 us late.
constexpr nanoseconds early = 120us;      // so long before the turn is expected a party wakes
constexpr nanoseconds late = 80us;        // and so long after that it stays awake
constexpr nanoseconds patience = 60us;    // with a party that has to be woken on another processor
constexpr nanoseconds impatience = 3us;   // with one that may need this processor
constexpr nanoseconds most_jitter = 1ms;  // on either side, where calls are long
constexpr nanoseconds slice = 20ms;
constexpr std::uint32_t untaken = 1U << 31U;  // in Control::place: the party has not yet seen that it is its turn

// Waiting awake steals the other party's time where both have one processor.
bool has_two_processors() noexcept {
  static const bool two = [] {
    cpu_set_t processors;
    return ::sched_getaffinity(0, sizeof processors, &processors) == 0 && CPU_COUNT(&processors) > 1;
  }();
  return two;
}

std::uint32_t this_processor() noexcept { return static_cast<std::uint32_t>(::sched_getcpu()) & ~untaken; }

void rest() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

bool sees_turn(const Control& control, std::uint32_t me) noexcept {
  constexpr int turns_a_look = 32;
  for (int i = 0; i < turns_a_look; ++i) {
    if (control.turn.load(std::memory_order_acquire) == me) return true;
    rest();
  }
  return false;
}

// Does the other party run while this one stays awake? Asked this long after its turn began.
bool runs_beside(const Control& control, std::uint32_t me, nanoseconds since) noexcept {
  const auto place = control.place[1 - me].load(std::memory_order_relaxed);
  const bool is_here = (place & ~untaken) == this_processor();
  if ((place & untaken) != 0) return since < (is_here ? impatience : patience);
  return !is_here;
}

bool spin(const Control& control, std::uint32_t me, Clock::time_point start, nanoseconds until) noexcept {
  while (!sees_turn(control, me)) {
    const nanoseconds since = Clock::now() - start;
    if (since > until || !runs_beside(control, me, since)) return false;
  }
  return true;
}

void sleep_until_changed(std::atomic<std::uint32_t>& word, std::uint32_t old, nanoseconds limit) noexcept {
  const timespec time{0, limit.count()};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, old, &time, nullptr, 0);
}

// Sleeps until it is the turn of `me`, `limit` has passed, or `give_up` says so.
template <typename GiveUp>
bool sleep(Control& control, std::uint32_t me, Clock::time_point limit, const GiveUp& give_up) {
  control.sleeping[me].store(1);
  bool ours = false;
  for (std::uint32_t now = control.turn.load(); !(ours = now == me); now = control.turn.load()) {
    const auto left = limit - Clock::now();
    if (left <= 0ns) break;
    sleep_until_changed(control.turn, now, std::min<nanoseconds>(left, slice));
    if (control.turn.load() != me && give_up()) break;
  }
  control.sleeping[me].store(0);
  return ours;
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

void Rhythm::learn(nanoseconds waited) noexcept {
  constexpr int memory = 8;  // waits: it follows the shorter ones at once, the longer ones slowly
  expected_ = waited < expected_ ? waited : expected_ + (waited - expected_) / memory;
}

void hand_over(Control& control, Party to) noexcept {
  const auto party = static_cast<std::uint32_t>(to);
  control.place[party].fetch_or(untaken, std::memory_order_relaxed);
  control.turn.store(party);
  if (control.sleeping[party].load() != 0) ::syscall(SYS_futex, &control.turn, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

bool await_turn(Control& control, Party me, Rhythm& rhythm, const std::function<bool()>& give_up) {
  const auto party = static_cast<std::uint32_t>(me);
  const auto start = Clock::now();
  const auto jitter = std::min(rhythm.expected() / 32, most_jitter);
  const auto wake = rhythm.expected() - jitter - early;
  const auto until = std::max(rhythm.expected() + jitter + late, early + late);
  bool ours = false;
  if (has_two_processors()) {
    if (wake > late && runs_beside(control, party, 0ns)) ours = sleep(control, party, start + wake, give_up);
    ours = ours || spin(control, party, start, until);
  }
  ours = ours || sleep(control, party, Clock::time_point::max(), give_up);
  control.place[party].store(this_processor(), std::memory_order_relaxed);
  if (ours) rhythm.learn(Clock::now() - start);
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
