/*
 * A disk that fails while programs run: below one directory every call that changes something is refused.
 *
 * Preloaded (LD_PRELOAD) by the tests of a card that gives up.
 *
 *   HEXPOST_FAULTS_ROOT     absolute path of the directory
 *   HEXPOST_FAULTS_SWITCH   a file of four bytes, an int: the errno that is given (EROFS, EIO, ...), or 0 for none
 *
 * The switch is looked at on each call, so that the disk can be broken and mended under a process that runs. What is
 * read goes through, as it does from a file system that its kernel has made read-only. Not refused: stores into mapped
 * files, and system calls made directly.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile const int *fault;
static char root[PATH_MAX];
static size_t root_length;

#define REAL(result, name, ...)                                                     \
  static result (*real)(__VA_ARGS__);                                               \
  if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *below = getenv("HEXPOST_FAULTS_ROOT"), *name = getenv("HEXPOST_FAULTS_SWITCH");
  if (!below || !name || strlen(below) >= sizeof root) return;
  int fd = open(name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof(int), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (map == MAP_FAILED) return;
  strcpy(root, below);
  root_length = strlen(root);
  fault = map;
}

static int is_below(const char *path) {
  return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

static int refused_path(int at, const char *path) {
  if (!fault || !*fault) return 0;
  char whole[PATH_MAX];
  if (path[0] != '/') {
    char link[64];
    if (at == AT_FDCWD) strcpy(link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    ssize_t length = readlink(link, whole, sizeof whole - 1);
    if (length < 0 || (size_t)length + strlen(path) + 2 > sizeof whole) return 0;
    whole[length] = '/';
    strcpy(whole + length + 1, path);
    path = whole;
  }
  if (!is_below(path)) return 0;
  errno = *fault;
  return 1;
}

static int refused(int fd) {
  if (!fault || !*fault) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return refused_path(AT_FDCWD, path);
}

static int wants_change(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)); }

#define OPEN(name, leading, at, ...)                                                \
  int name(leading const char *path, int flags, ...) {                              \
    REAL(int, name, leading const char *, int, ...);                                \
    va_list list;                                                                   \
    va_start(list, flags);                                                          \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0;       \
    va_end(list);                                                                   \
    if (wants_change(flags) && refused_path(at, path)) return -1;                   \
    return real(__VA_ARGS__);                                                       \
  }
#define COMMA ,
OPEN(open, , AT_FDCWD, path, flags, mode)
OPEN(open64, , AT_FDCWD, path, flags, mode)
OPEN(openat, int at COMMA, at, at, path, flags, mode)
OPEN(openat64, int at COMMA, at, at, path, flags, mode)

#define ON_FD(result, name, parameters, ...)                                        \
  result name parameters {                                                          \
    static result(*real) parameters;                                                \
    if (!real) real = (result(*) parameters)dlsym(RTLD_NEXT, #name);                \
    if (refused(fd)) return -1;                                                     \
    return real(__VA_ARGS__);                                                       \
  }
ON_FD(ssize_t, write, (int fd, const void *data, size_t size), fd, data, size)
ON_FD(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
ON_FD(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), fd, data, size, at)
ON_FD(ssize_t, writev, (int fd, const struct iovec *parts, int count), fd, parts, count)
ON_FD(int, fsync, (int fd), fd)
ON_FD(int, fdatasync, (int fd), fd)
ON_FD(int, ftruncate, (int fd, off_t size), fd, size)
ON_FD(int, ftruncate64, (int fd, off64_t size), fd, size)

int posix_fallocate(int fd, off_t at, off_t size) {
  REAL(int, posix_fallocate, int, off_t, off_t);
  return refused(fd) ? errno : real(fd, at, size);
}

int posix_fallocate64(int fd, off64_t at, off64_t size) {
  REAL(int, posix_fallocate64, int, off64_t, off64_t);
  return refused(fd) ? errno : real(fd, at, size);
}

#define ON_PATH(name, parameters, path, ...)                                        \
  int name parameters {                                                             \
    static int(*real) parameters;                                                   \
    if (!real) real = (int (*) parameters)dlsym(RTLD_NEXT, #name);                  \
    if (refused_path(AT_FDCWD, path)) return -1;                                    \
    return real(__VA_ARGS__);                                                       \
  }
ON_PATH(unlink, (const char *path), path, path)
ON_PATH(rmdir, (const char *path), path, path)
ON_PATH(mkdir, (const char *path, mode_t mode), path, path, mode)
ON_PATH(rename, (const char *from, const char *to), to, from, to)
ON_PATH(link, (const char *from, const char *to), to, from, to)
