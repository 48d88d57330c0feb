/* A preloaded allocator that fails: LD_PRELOAD names this library, FERRY_FAIL_AT the allocation of `main` that fails, counted
 * from 1, and FERRY_FAIL_COUNT how many fail from there on (0: all that follow). glibc only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC visibility push(default)

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

static long first = 0;     /* 0: none fails */
static long last = 0;      /* 0: no end */
static long allocated = 0; /* by main and its threads */

static int fails(void) {
  if (first == 0) return 0;
  const long now = __atomic_add_fetch(&allocated, 1, __ATOMIC_RELAXED);
  if (now < first || (last != 0 && now > last)) return 0;
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void* realloc(void* old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }
void* memalign(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** memory, size_t alignment, size_t size) {
  void* const found = memalign(alignment, size);
  if (found != NULL) *memory = found;
  return found == NULL ? ENOMEM : 0;
}

static int (*program)(int, char**, char**) = NULL;

static void report(void) {
  const char* const wanted = getenv("FERRY_FAIL_REPORT");
  if (wanted == NULL) return;
  char digits[24] = {0};
  size_t at = sizeof digits - 1;
  for (long rest = allocated; at > 0 && (rest > 0 || at == sizeof digits - 1); rest /= 10) digits[--at] = (char)('0' + rest % 10);
  if (write(STDERR_FILENO, digits + at, sizeof digits - 1 - at) < 0) _exit(99);
}

/* A compiler that the program starts gets memory. */
static int counted(int argc, char** argv, char** environment) {
  const char* const at = getenv("FERRY_FAIL_AT");
  const char* const count = getenv("FERRY_FAIL_COUNT");
  const long begin = at == NULL ? 0 : atol(at);
  const long many = count == NULL ? 0 : atol(count);
  unsetenv("LD_PRELOAD");
  atexit(report);
  last = many == 0 ? 0 : begin + many - 1;
  first = begin;
  return program(argc, argv, environment);
}

typedef int start_main(int (*)(int, char**, char**), int, char**, int (*)(int, char**, char**), void (*)(void), void (*)(void),
                       void*);

int __libc_start_main(int (*start)(int, char**, char**), int argc, char** argv, int (*init)(int, char**, char**),
                      void (*fini)(void), void (*end)(void), void* stack) {
  start_main* real = NULL;
  *(void**)&real = dlsym(RTLD_NEXT, "__libc_start_main");
  program = start;
  return real(counted, argc, argv, init, fini, end, stack);
}
