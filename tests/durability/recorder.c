/*
 * Writes down what processes do to the files below one directory, and what they say on one TCP port, in one order.
 *
 * Preloaded (LD_PRELOAD) by the power-cut tests. `disk.py` reads the log, works out which bytes a
 * power cut at some instant would have left, and what the process had promised by then.
 *
 *   HEXPOST_RECORD_ROOT   absolute path of the directory
 *   HEXPOST_RECORD_PORT   the port
 *   HEXPOST_RECORD_LOG    file that the records are appended to
 *
 * A record is `struct record` and then `length` bytes. A change and its record are made under one lock, which all
 * processes with the same log share, so the log has the order of the changes. A sync is two records, its begin and its
 * end, and the lock is not held between: else a message sent while a sync is under way, which promises too early, would
 * be written down behind it. What is received is written down after the call and before the process sees it. Children
 * are recorded once they run a program of their own.
 *
 * Not seen: stdio of libc itself, io_uring, system calls made directly, and stores into mapped files, which are at
 * least written down as such. The tests compare a full replay with the files byte for byte, so that a call that is
 * missing here shows.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum op { OPEN = 1, CLOSE, DUP, WRITE, TRUNCATE, ALLOCATE, SYNC_BEGIN, SYNC_END, RENAME, LINK, UNLINK, MKDIR, MAP,
          CONNECT, SEND, RECV };

struct record {
  uint8_t op;
  uint8_t unused[3];
  int32_t pid, fd;
  int64_t a, b;
  uint32_t length;
} __attribute__((packed));

enum { NOTHING, IS_FILE, IS_LINE };
#define MAX_FD 65536

static unsigned char kind[MAX_FD];
static char root[PATH_MAX];
static size_t root_length;
static int port, log_fd = -1;
static pid_t owner; /* a child between fork and exec has our memory and is not us */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The function of the same name behind this one. */
#define REAL(result, name, ...)                                                     \
  static result (*real)(__VA_ARGS__);                                               \
  if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static void give_up(const char *why) {
  dprintf(2, "recorder: %s: %s\n", why, strerror(errno));
  _exit(86); /* a log with a hole would prove what is not so */
}

__attribute__((constructor)) static void begin(void) {
  const char *log = getenv("HEXPOST_RECORD_LOG"), *below = getenv("HEXPOST_RECORD_ROOT");
  const char *to = getenv("HEXPOST_RECORD_PORT");
  owner = getpid();
  if (!log || !below || strlen(below) >= sizeof root) return;
  strcpy(root, below);
  root_length = strlen(root);
  port = to ? atoi(to) : 0;
  int opened = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (opened < 0 || (log_fd = fcntl(opened, F_DUPFD_CLOEXEC, 1000)) < 0) give_up(log);
  syscall(SYS_close, opened);
}

/* One at a time, among the threads of this process and among all processes that write the same log. */
static void hold(void) {
  pthread_mutex_lock(&lock);
  while (syscall(SYS_flock, log_fd, LOCK_EX))
    if (errno != EINTR) give_up("locking the log");
}

static void let_go(void) {
  syscall(SYS_flock, log_fd, LOCK_UN);
  pthread_mutex_unlock(&lock);
}

/* Append one record; the caller holds the lock. */
static void note(enum op op, int fd, int64_t a, int64_t b, const void *data, size_t length) {
  struct record head = {.op = op, .pid = (int32_t)syscall(SYS_getpid), .fd = fd, .a = a, .b = b, .length = (uint32_t)length};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, length}};
  if (syscall(SYS_writev, log_fd, parts, 2) != (ssize_t)(sizeof head + length)) give_up("writing the log");
}

static int is(int fd, int what) {
  return log_fd >= 0 && fd >= 0 && fd < MAX_FD && kind[fd] == what && syscall(SYS_getpid) == owner;
}

/* The absolute path of `path` if it lies in the directory that is watched, in `out`. */
static int watched(int at, const char *path, char *out) {
  char base[PATH_MAX] = "";
  if (log_fd < 0 || !path || syscall(SYS_getpid) != owner) return 0;
  if (path[0] != '/') {
    if (at == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return 0;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", at);
      ssize_t n = readlink(link, base, sizeof base - 1);
      if (n < 0) return 0;
      base[n] = 0;
    }
  }
  int n = path[0] == '/' ? snprintf(out, PATH_MAX, "%s", path) : snprintf(out, PATH_MAX, "%s/%s", base, path);
  return n > 0 && n < PATH_MAX && !strncmp(out, root, root_length) && (out[root_length] == '/' || !out[root_length]);
}

/* ---- names ---- */

static void note_open(int fd, const char *path, int flags) {
  struct stat status;
  if (fd < 0 || fd >= MAX_FD) return;
  if (fstat(fd, &status)) return;
  kind[fd] = IS_FILE;
  note(OPEN, fd, flags, S_ISDIR(status.st_mode), path, strlen(path));
}

static int open_at(int at, const char *path, int flags, mode_t mode) {
  char full[PATH_MAX];
  if (!watched(at, path, full)) {
    int other = syscall(SYS_openat, at, path, flags, mode);
    /* Its number may have been closed unseen. */
    if (other >= 0 && other < MAX_FD && syscall(SYS_getpid) == owner) kind[other] = NOTHING;
    return other;
  }
  hold();
  int fd = syscall(SYS_openat, at, path, flags, mode), saved = errno;
  note_open(fd, full, flags);
  let_go();
  errno = saved;
  return fd;
}

#define MODE(flags, mode)                                                           \
  mode_t mode = 0;                                                                  \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {                                          \
    va_list rest;                                                                   \
    va_start(rest, flags);                                                          \
    mode = va_arg(rest, mode_t);                                                    \
    va_end(rest);                                                                   \
  }

int open(const char *path, int flags, ...) { MODE(flags, mode) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, mode) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, mode) return open_at(at, path, flags, mode); }

int close(int fd) {
  if (!is(fd, IS_FILE) && !is(fd, IS_LINE)) return syscall(SYS_close, fd);
  hold();
  note(CLOSE, fd, 0, 0, NULL, 0);
  kind[fd] = NOTHING;
  int result = syscall(SYS_close, fd), saved = errno;
  let_go();
  errno = saved;
  return result;
}

static int duplicated(int fd, int made) {
  if (made >= 0 && made < MAX_FD && (is(fd, IS_FILE) || is(fd, IS_LINE))) {
    hold();
    kind[made] = kind[fd];
    note(DUP, made, fd, 0, NULL, 0);
    let_go();
  }
  return made;
}

int dup(int fd) { return duplicated(fd, syscall(SYS_dup, fd)); }

#define CONTROL                                                                     \
  va_list rest;                                                                     \
  va_start(rest, command);                                                          \
  void *argument = va_arg(rest, void *);                                            \
  va_end(rest);                                                                     \
  REAL(int, fcntl64, int, int, ...);                                                \
  int result = real(fd, command, argument);                                         \
  return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicated(fd, result) : result;

int fcntl(int fd, int command, ...) { CONTROL }
int fcntl64(int fd, int command, ...) { CONTROL }

static int two_paths(enum op op, int from_at, const char *from, int to_at, const char *to, int flags) {
  char names[2 * PATH_MAX], target[PATH_MAX];
  int seen = watched(from_at, from, names) & watched(to_at, to, target);
  long call = op == RENAME ? SYS_renameat2 : SYS_linkat;
  if (!seen) return syscall(call, from_at, from, to_at, to, flags);
  size_t length = strlen(names) + 1;
  strcpy(names + length, target);
  hold();
  int result = syscall(call, from_at, from, to_at, to, flags), saved = errno;
  if (!result) note(op, -1, flags, 0, names, length + strlen(target));
  let_go();
  errno = saved;
  return result;
}

int rename(const char *from, const char *to) { return two_paths(RENAME, AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return two_paths(RENAME, a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  return two_paths(RENAME, a, from, b, to, (int)flags);
}
int link(const char *from, const char *to) { return two_paths(LINK, AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return two_paths(LINK, a, from, b, to, flags); }

static int one_path(enum op op, int at, const char *path, int argument) {
  char full[PATH_MAX];
  long call = op == MKDIR ? SYS_mkdirat : SYS_unlinkat;
  if (!watched(at, path, full)) return syscall(call, at, path, argument);
  hold();
  int result = syscall(call, at, path, argument), saved = errno;
  if (!result) note(op, -1, 0, 0, full, strlen(full));
  let_go();
  errno = saved;
  return result;
}

int unlink(const char *path) { return one_path(UNLINK, AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return one_path(UNLINK, at, path, flags); }
int rmdir(const char *path) { return one_path(UNLINK, AT_FDCWD, path, AT_REMOVEDIR); }
int mkdir(const char *path, mode_t mode) { return one_path(MKDIR, AT_FDCWD, path, (int)mode); }
int mkdirat(int at, const char *path, mode_t mode) { return one_path(MKDIR, at, path, (int)mode); }

/* ---- bytes ---- */

static ssize_t write_line(int fd, const void *data, size_t length) {
  hold();
  ssize_t n = syscall(SYS_write, fd, data, length);
  int saved = errno;
  if (n > 0) note(SEND, fd, 0, 0, data, (size_t)n);
  let_go();
  errno = saved;
  return n;
}

/* Where a plain write goes: to the end with O_APPEND, else to where the file stands. */
static off_t position(int fd) {
  struct stat status;
  if (!(syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND)) return lseek(fd, 0, SEEK_CUR);
  return fstat(fd, &status) ? -1 : status.st_size;
}

ssize_t write(int fd, const void *data, size_t length) {
  if (is(fd, IS_LINE)) return write_line(fd, data, length);
  if (!is(fd, IS_FILE)) return syscall(SYS_write, fd, data, length);
  hold();
  off_t offset = position(fd);
  ssize_t n = syscall(SYS_write, fd, data, length);
  int saved = errno;
  if (n > 0) note(WRITE, fd, offset, 0, data, (size_t)n);
  let_go();
  errno = saved;
  return n;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  if (!is(fd, IS_FILE)) return syscall(SYS_pwrite64, fd, data, length, offset);
  hold();
  ssize_t n = syscall(SYS_pwrite64, fd, data, length, offset);
  int saved = errno;
  if (n > 0) note(WRITE, fd, offset, 0, data, (size_t)n);
  let_go();
  errno = saved;
  return n;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwrite64(fd, data, length, offset); }

/* One part at a time: fewer bytes than asked for is an answer that every caller must bear. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (!is(fd, IS_FILE) && !is(fd, IS_LINE)) return syscall(SYS_writev, fd, parts, count);
  return count ? write(fd, parts[0].iov_base, parts[0].iov_len) : 0;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return count ? pwrite64(fd, parts[0].iov_base, parts[0].iov_len, offset) : 0;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }

int ftruncate64(int fd, off64_t length) {
  if (!is(fd, IS_FILE)) return syscall(SYS_ftruncate, fd, length);
  hold();
  int result = syscall(SYS_ftruncate, fd, length), saved = errno;
  if (!result) note(TRUNCATE, fd, length, 0, NULL, 0);
  let_go();
  errno = saved;
  return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  if (!is(fd, IS_FILE)) return syscall(SYS_fallocate, fd, mode, offset, length);
  if (mode & ~FALLOC_FL_KEEP_SIZE) {
    errno = EOPNOTSUPP; /* holes and shifts: not in the model */
    return -1;
  }
  hold();
  int result = syscall(SYS_fallocate, fd, mode, offset, length), saved = errno;
  if (!result && !mode) note(ALLOCATE, fd, offset, length, NULL, 0);
  let_go();
  errno = saved;
  return result;
}

int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return fallocate64(fd, 0, offset, length) ? errno : 0; }
int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }

static int synced(long call, int fd) {
  if (!is(fd, IS_FILE)) return syscall(call, fd);
  int64_t thread = syscall(SYS_gettid);
  hold();
  note(SYNC_BEGIN, fd, thread, 0, NULL, 0);
  let_go();
  int result = syscall(call, fd), saved = errno;
  hold();
  note(SYNC_END, fd, thread, result, NULL, 0);
  let_go();
  errno = saved;
  return result;
}

int fsync(int fd) { return synced(SYS_fsync, fd); }
int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
  REAL(void *, mmap64, void *, size_t, int, int, int, off64_t);
  void *made = real(address, length, protection, flags, fd, offset);
  if (made != MAP_FAILED && is(fd, IS_FILE) && (flags & MAP_SHARED) && (protection & PROT_WRITE)) {
    hold();
    note(MAP, fd, offset, (int64_t)length, NULL, 0);
    let_go();
  }
  return made;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  return mmap64(address, length, protection, flags, fd, offset);
}

/* Copies inside the kernel are refused; their callers then read and write. */
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
  if (!is(to, IS_FILE)) return syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
  errno = EINVAL;
  return -1;
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
  if (!is(to, IS_FILE)) return syscall(SYS_sendfile, to, from, offset, length);
  errno = EINVAL;
  return -1;
}

ssize_t sendfile(int to, int from, off_t *offset, size_t length) { return sendfile64(to, from, offset, length); }

/* ---- the line ---- */

int connect(int fd, const struct sockaddr *to, socklen_t length) {
  REAL(int, connect, int, const struct sockaddr *, socklen_t);
  int wanted = (to->sa_family == AF_INET && ntohs(((const struct sockaddr_in *)to)->sin_port) == port) ||
               (to->sa_family == AF_INET6 && ntohs(((const struct sockaddr_in6 *)to)->sin6_port) == port);
  if (log_fd >= 0 && port && wanted && fd >= 0 && fd < MAX_FD && kind[fd] != IS_LINE) {
    hold();
    kind[fd] = IS_LINE;
    note(CONNECT, fd, 0, 0, NULL, 0);
    let_go();
  }
  return real(fd, to, length);
}

/* The line of a server: a connection that comes in on the port. */
int accept4(int fd, struct sockaddr *from, socklen_t *size, int flags) {
  REAL(int, accept4, int, struct sockaddr *, socklen_t *, int);
  struct sockaddr_in own;
  socklen_t length = sizeof own;
  int made = real(fd, from, size, flags), saved = errno;
  if (log_fd >= 0 && port && made >= 0 && made < MAX_FD && !getsockname(fd, (struct sockaddr *)&own, &length) &&
      own.sin_family == AF_INET && ntohs(own.sin_port) == port) {
    hold();
    kind[made] = IS_LINE;
    note(CONNECT, made, 0, 0, NULL, 0);
    let_go();
  }
  errno = saved;
  return made;
}

int accept(int fd, struct sockaddr *from, socklen_t *size) { return accept4(fd, from, size, 0); }

ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size) {
  REAL(ssize_t, sendto, int, const void *, size_t, int, const struct sockaddr *, socklen_t);
  if (!is(fd, IS_LINE)) return real(fd, data, length, flags, to, size);
  hold();
  ssize_t n = real(fd, data, length, flags, to, size);
  int saved = errno;
  if (n > 0) note(SEND, fd, 0, 0, data, (size_t)n);
  let_go();
  errno = saved;
  return n;
}

ssize_t send(int fd, const void *data, size_t length, int flags) { return sendto(fd, data, length, flags, NULL, 0); }

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  REAL(ssize_t, sendmsg, int, const struct msghdr *, int);
  if (!is(fd, IS_LINE)) return real(fd, message, flags);
  for (size_t n = 0; n < message->msg_iovlen; n++) /* the first part that holds anything; the caller sends the rest */
    if (message->msg_iov[n].iov_len) return sendto(fd, message->msg_iov[n].iov_base, message->msg_iov[n].iov_len, flags, NULL, 0);
  return 0;
}

static ssize_t received(int fd, const void *data, ssize_t n) {
  int saved = errno;
  if (n > 0) {
    hold();
    note(RECV, fd, 0, 0, data, (size_t)n);
    let_go();
  }
  errno = saved;
  return n;
}

ssize_t recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *size) {
  REAL(ssize_t, recvfrom, int, void *, size_t, int, struct sockaddr *, socklen_t *);
  ssize_t n = real(fd, data, length, flags, from, size);
  return is(fd, IS_LINE) && !(flags & MSG_PEEK) ? received(fd, data, n) : n;
}

ssize_t recv(int fd, void *data, size_t length, int flags) { return recvfrom(fd, data, length, flags, NULL, NULL); }

ssize_t read(int fd, void *data, size_t length) {
  REAL(ssize_t, read, int, void *, size_t);
  ssize_t n = real(fd, data, length);
  return is(fd, IS_LINE) ? received(fd, data, n) : n;
}
