// Preloaded into a process, it moves that process's wall clock and leaves its timers alone. Ours alone, for tests; Linux
// with glibc. Build: cc -shared -fPIC -O2 -o clock.so clock.c -ldl. Use: LD_PRELOAD=clock.so and
//
//   DAYBOOK_CLOCK_FILE  file with the offset in milliseconds (may be negative, need not exist), looked at on every
//                       reading of the clock, so that the clock steps while the process runs. "frozen MS" stands still
//                       at MS since 1970.
//
// Replace the file by renaming another over it: half a number is a number too.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int (*real_gettime)(clockid_t, struct timespec *);
static const char *file;

__attribute__((constructor)) static void start(void) {
  real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  file = getenv("DAYBOOK_CLOCK_FILE");
}

static void move(struct timespec *now) {
  if (!file) return;
  const int kept = errno;
  char text[64] = "";
  const int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    const ssize_t length = read(fd, text, sizeof text - 1);
    if (length > 0) text[length] = 0;
    close(fd);
  }
  errno = kept;
  const int frozen = strncmp(text, "frozen ", 7) == 0;
  const long long ms = atoll(frozen ? text + 7 : text);
  long long ns = frozen ? 0 : now->tv_sec * 1000000000LL + now->tv_nsec;
  ns += ms * 1000000LL;
  now->tv_sec = ns / 1000000000LL;
  now->tv_nsec = ns % 1000000000LL;
}

int clock_gettime(clockid_t which, struct timespec *now) {
  if (!real_gettime) real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  const int result = real_gettime(which, now);
  if (result == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) move(now);
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec at;
  const int result = clock_gettime(CLOCK_REALTIME, &at);
  now->tv_sec = at.tv_sec;
  now->tv_usec = at.tv_nsec / 1000;
  return result;
}

time_t time(time_t *out) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  if (out) *out = at.tv_sec;
  return at.tv_sec;
}
