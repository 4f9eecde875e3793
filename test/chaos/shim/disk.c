// Preloaded into a process, it traces, slows and fails what that process writes to chosen files. Ours alone, for
// tests; Linux with glibc. Build: cc -shared -fPIC -O2 -o disk.so disk.c -ldl. Use: LD_PRELOAD=disk.so and
//
//   DAYBOOK_DISK_MATCH    end of the paths concerned (default "data.mdb"); all other files are left alone.
//   DAYBOOK_DISK_TRACE    file to which every call is appended, see struct record. The traced process may append
//                         records of kind 'M' (marks) itself, with one write to a descriptor of its own.
//   DAYBOOK_DISK_CONTROL  file that is read before every call, so that faults come and go while the process runs. It
//                         need not exist. One rule a line:   OP FAULT VALUE [SKIP]
//                           OP     write (pwrite, write, pwritev, writev), meta (the same through a descriptor that was
//                                  opened with O_DSYNC or O_SYNC: LMDB's meta pages), sync (fsync, fdatasync, msync),
//                                  truncate (ftruncate)
//                           FAULT  delay, VALUE milliseconds before the call; or error, VALUE EIO, ENOSPC, EROFS or
//                                  EDQUOT, and the call is not made
//                           SKIP   calls of this OP by this process that are spared first (default 0)
//                         e.g. "sync delay 2000", "sync error EIO 5", "write error ENOSPC".
//
// What it cannot do: change what mmap writes, or what comes back from reads.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// Little endian, 24 bytes, then `length` bytes of data. Kinds: W write, D write through O_DSYNC, S sync, F a sync that
// failed, T truncate (offset is the new size), M mark.
struct record {
  char kind;
  char reserved[7];
  uint64_t offset;
  uint64_t length;
};

enum op { op_write, op_meta, op_sync, op_truncate, ops };
static const char *const op_names[ops] = {"write", "meta", "sync", "truncate"};
static unsigned long calls[ops];

static const char *match = "data.mdb";
static const char *control;
static int trace = -1;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_msync)(void *, size_t, int);

static void *next(const char *name) {
  return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void start(void) {
  real_write = next("write");
  real_writev = next("writev");
  real_pwrite = next("pwrite64");
  real_pwritev = next("pwritev64");
  real_fsync = next("fsync");
  real_fdatasync = next("fdatasync");
  real_ftruncate = next("ftruncate64");
  real_msync = next("msync");
  const char *name = getenv("DAYBOOK_DISK_MATCH");
  if (name && *name) match = name;
  control = getenv("DAYBOOK_DISK_CONTROL");
  const char *file = getenv("DAYBOOK_DISK_TRACE");
  if (file && *file) trace = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int concerned(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const int kept = errno;
  const ssize_t length = readlink(link, path, sizeof path);
  errno = kept;
  const size_t end = strlen(match);
  return length >= (ssize_t)end && memcmp(path + length - end, match, end) == 0;
}

static int is_synced(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_DSYNC) != 0;
}

static int error_named(const char *name) {
  if (strcmp(name, "ENOSPC") == 0) return ENOSPC;
  if (strcmp(name, "EROFS") == 0) return EROFS;
  if (strcmp(name, "EDQUOT") == 0) return EDQUOT;
  return EIO;
}

static void wait_ms(long ms) {
  struct timespec left = {ms / 1000, (ms % 1000) * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

// True, with errno set, if the call must not be made.
static int faulty(enum op op) {
  const unsigned long number = __atomic_fetch_add(&calls[op], 1, __ATOMIC_RELAXED);
  if (!control || !*control) return 0;
  const int kept = errno;
  FILE *rules = fopen(control, "re");
  int failure = 0;
  char line[128], name[16], fault[16], value[16];
  while (rules && fgets(line, sizeof line, rules)) {
    unsigned long skip = 0;
    if (sscanf(line, "%15s %15s %15s %lu", name, fault, value, &skip) < 3) continue;
    if (strcmp(name, op_names[op]) != 0 || number < skip) continue;
    if (strcmp(fault, "delay") == 0) wait_ms(atol(value));
    if (strcmp(fault, "error") == 0) failure = error_named(value);
  }
  if (rules) fclose(rules);
  errno = failure ? failure : kept;
  return failure != 0;
}

static void note(char kind, uint64_t offset, const struct iovec *parts, int count, size_t length) {
  if (trace < 0) return;
  const int kept = errno;
  struct record head = {kind, {0}, offset, length};
  struct iovec all[IOV_MAX] = {{&head, sizeof head}};
  int used = 1;
  for (int i = 0; i < count && length > 0 && used < IOV_MAX; i++) {
    const size_t taken = parts[i].iov_len < length ? parts[i].iov_len : length;
    all[used].iov_base = parts[i].iov_base;
    all[used++].iov_len = taken;
    length -= taken;
  }
  if (real_writev(trace, all, used) < 0) abort(); // a trace with a hole proves nothing
  errno = kept;
}

static ssize_t written(int synced, off_t at, const struct iovec *parts, int count, ssize_t result) {
  if (result > 0) note(synced ? 'D' : 'W', at, parts, count, result);
  return result;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t at) {
  if (!concerned(fd)) return real_pwrite(fd, data, length, at);
  const int synced = is_synced(fd);
  if (faulty(synced ? op_meta : op_write)) return -1;
  const struct iovec part = {(void *)data, length};
  return written(synced, at, &part, 1, real_pwrite(fd, data, length, at));
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
  return pwrite64(fd, data, length, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
  if (!concerned(fd)) return real_pwritev(fd, parts, count, at);
  const int synced = is_synced(fd);
  if (faulty(synced ? op_meta : op_write)) return -1;
  return written(synced, at, parts, count, real_pwritev(fd, parts, count, at));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  return pwritev64(fd, parts, count, at);
}

ssize_t write(int fd, const void *data, size_t length) {
  if (!real_write) return -1;
  if (!concerned(fd)) return real_write(fd, data, length);
  const int synced = is_synced(fd);
  if (faulty(synced ? op_meta : op_write)) return -1;
  const off_t at = lseek(fd, 0, SEEK_CUR);
  const struct iovec part = {(void *)data, length};
  return written(synced, at, &part, 1, real_write(fd, data, length));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (!real_writev) return -1;
  if (!concerned(fd)) return real_writev(fd, parts, count);
  const int synced = is_synced(fd);
  if (faulty(synced ? op_meta : op_write)) return -1;
  const off_t at = lseek(fd, 0, SEEK_CUR);
  return written(synced, at, parts, count, real_writev(fd, parts, count));
}

static int synced(int result) {
  note(result == 0 ? 'S' : 'F', 0, NULL, 0, 0);
  return result;
}

int fsync(int fd) {
  if (!concerned(fd)) return real_fsync(fd);
  return synced(faulty(op_sync) ? -1 : real_fsync(fd));
}

int fdatasync(int fd) {
  if (!concerned(fd)) return real_fdatasync(fd);
  return synced(faulty(op_sync) ? -1 : real_fdatasync(fd));
}

// Whose pages they are is not looked up: a node maps no other file for writing.
int msync(void *address, size_t length, int flags) {
  return synced(faulty(op_sync) ? -1 : real_msync(address, length, flags));
}

int ftruncate64(int fd, off_t size) {
  if (!concerned(fd)) return real_ftruncate(fd, size);
  if (faulty(op_truncate)) return -1;
  const int result = real_ftruncate(fd, size);
  if (result == 0) note('T', size, NULL, 0, 0);
  return result;
}
int ftruncate(int fd, off_t size) {
  return ftruncate64(fd, size);
}
