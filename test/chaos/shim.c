/* Preloaded into a validator (LD_PRELOAD): makes fsync and fdatasync fail or slow, and shifts the calendar clock, as the
 * file named by DAYBOOK_CHAOS_CONTROL says at each call. The monotonic clock stays true. The process also ends with the
 * one that started it, even while it is stopped. Layout of the file: shim.ts. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
  int64_t clock_offset_ms;
  int32_t sync_delay_ms;
  int32_t sync_errno;
};

static const volatile struct control *control;

__attribute__((constructor)) static void begin(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char *path = getenv("DAYBOOK_CHAOS_CONTROL");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof(struct control), PROT_READ, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) control = mapped;
  close(file);
}

static int synced(const char *name, int file) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  if (control != NULL && control->sync_delay_ms > 0) usleep((useconds_t)control->sync_delay_ms * 1000);
  if (control != NULL && control->sync_errno != 0) {
    errno = control->sync_errno;
    return -1;
  }
  return real(file);
}

int fsync(int file) { return synced("fsync", file); }
int fdatasync(int file) { return synced("fdatasync", file); }

int clock_gettime(clockid_t clock, struct timespec *at) {
  static int (*real)(clockid_t, struct timespec *);
  if (real == NULL) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, at);
  if (result == 0 && control != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t ms = control->clock_offset_ms;
    at->tv_sec += ms / 1000;
    at->tv_nsec += (ms % 1000) * 1000000;
    if (at->tv_nsec < 0) {
      at->tv_nsec += 1000000000;
      at->tv_sec -= 1;
    } else if (at->tv_nsec >= 1000000000) {
      at->tv_nsec -= 1000000000;
      at->tv_sec += 1;
    }
  }
  return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}
