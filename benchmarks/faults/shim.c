/* Makes chosen writes under one folder fail, as a full or a failing disk would.
 *
 * Loaded with LD_PRELOAD it stands before libc's write-like calls. fault_watch() names the folder; from then on every
 * such call on a path below it is counted, and written to the log where one is given. fault_arm() chooses the call
 * that fails: the n-th of a kind on the paths of a file. Where it is sticky, all calls below the folder fail from
 * then on. A call that fails does nothing: no byte is written, no file is made.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX], wanted_kind[16], wanted_path[256];
static int log_fd = -1, error_number, sticky, nth, fired;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)

void fault_watch(const char *path, int log)
{
    snprintf(folder, sizeof folder, "%s", path);
    log_fd = log;
}

void fault_arm(const char *kind, const char *path, int n, int error, int stays)
{
    pthread_mutex_lock(&guard);
    snprintf(wanted_kind, sizeof wanted_kind, "%s", kind);
    snprintf(wanted_path, sizeof wanted_path, "%s", path);
    nth = n, error_number = error, sticky = stays, fired = 0;
    pthread_mutex_unlock(&guard);
}

int fault_fired(void) { return fired; }

static int below(const char *path)
{
    size_t length = strlen(folder);
    return length && !strncmp(path, folder, length);
}

/* A wanted text that begins with "/" may stand anywhere in the path, any other at its end. */
static int matches(const char *path)
{
    size_t length = strlen(path), end = strlen(wanted_path);
    if (wanted_path[0] == '/')
        return strstr(path, wanted_path) != NULL;
    return end <= length && !strcmp(path + length - end, wanted_path);
}

/* Nonzero where the call has to fail; errno is set then. */
static int fails(const char *kind, const char *path)
{
    int saved = errno, failing = 0;
    if (!below(path))
        return 0;
    pthread_mutex_lock(&guard);
    if (log_fd >= 0)
        dprintf(log_fd, "%s %s\n", kind, path + strlen(folder));
    if (error_number && (fired ? sticky : !strcmp(kind, wanted_kind) && matches(path) && --nth == 0))
        failing = ++fired;
    pthread_mutex_unlock(&guard);
    errno = failing ? error_number : saved;
    return failing;
}

static int fd_fails(const char *kind, int fd)
{
    char link[64], path[PATH_MAX];
    int saved = errno;
    if (!folder[0] || fd == log_fd)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length <= 0)
        return 0;
    path[length] = 0;
    return fails(kind, path);
}

static int at_fails(const char *kind, int dir, const char *path)
{
    char link[64], full[2 * PATH_MAX];
    if (!folder[0])
        return 0;
    if (path[0] == '/')
        return fails(kind, path);
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t length = dir == AT_FDCWD ? readlink("/proc/self/cwd", full, PATH_MAX) : readlink(link, full, PATH_MAX);
    if (length <= 0)
        return 0;
    snprintf(full + length, PATH_MAX, "/%s", path);
    return fails(kind, full);
}

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    return fd_fails("write", fd) ? -1 : real(fd, data, size);
}

#define PWRITE(name)                                                         \
    ssize_t name(int fd, const void *data, size_t size, off64_t at)          \
    {                                                                        \
        REAL(ssize_t, #name, int, const void *, size_t, off64_t);            \
        return fd_fails("pwrite", fd) ? -1 : real(fd, data, size, at);       \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    return fd_fails("write", fd) ? -1 : real(fd, parts, count);
}

#define PWRITEV(name)                                                        \
    ssize_t name(int fd, const struct iovec *parts, int count, off64_t at)   \
    {                                                                        \
        REAL(ssize_t, #name, int, const struct iovec *, int, off64_t);       \
        return fd_fails("pwrite", fd) ? -1 : real(fd, parts, count, at);     \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define ON_FD(name, kind)                                                    \
    int name(int fd)                                                         \
    {                                                                        \
        REAL(int, #name, int);                                               \
        return fd_fails(kind, fd) ? -1 : real(fd);                           \
    }
ON_FD(fsync, "sync")
ON_FD(fdatasync, "sync")

#define TRUNCATE(name)                                                       \
    int name(int fd, off64_t size)                                           \
    {                                                                        \
        REAL(int, #name, int, off64_t);                                      \
        return fd_fails("truncate", fd) ? -1 : real(fd, size);               \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define FALLOCATE(name)                                                      \
    int name(int fd, int mode, off64_t at, off64_t size)                     \
    {                                                                        \
        REAL(int, #name, int, int, off64_t, off64_t);                        \
        return fd_fails("truncate", fd) ? -1 : real(fd, mode, at, size);     \
    }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

#define POSIX_FALLOCATE(name)                                                \
    int name(int fd, off64_t at, off64_t size)                               \
    {                                                                        \
        REAL(int, #name, int, off64_t, off64_t);                             \
        return fd_fails("truncate", fd) ? errno : real(fd, at, size);        \
    }
POSIX_FALLOCATE(posix_fallocate)
POSIX_FALLOCATE(posix_fallocate64)

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    return at_fails("rename", AT_FDCWD, to) ? -1 : real(from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    REAL(int, "renameat", int, const char *, int, const char *);
    return at_fails("rename", to_dir, to) ? -1 : real(from_dir, from, to_dir, to);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(int, "mkdir", const char *, mode_t);
    return at_fails("mkdir", AT_FDCWD, path) ? -1 : real(path, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
    REAL(int, "mkdirat", int, const char *, mode_t);
    return at_fails("mkdir", dir, path) ? -1 : real(dir, path, mode);
}

#define MODE_OF(flags)                                                       \
    mode_t mode = 0;                                                         \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                 \
        va_list rest;                                                        \
        va_start(rest, flags);                                               \
        mode = va_arg(rest, mode_t);                                         \
        va_end(rest);                                                        \
    }

#define OPEN(name)                                                           \
    int name(const char *path, int flags, ...)                               \
    {                                                                        \
        REAL(int, #name, const char *, int, mode_t);                         \
        MODE_OF(flags)                                                       \
        if ((flags & O_CREAT) && at_fails("create", AT_FDCWD, path))         \
            return -1;                                                       \
        return real(path, flags, mode);                                      \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                         \
    int name(int dir, const char *path, int flags, ...)                      \
    {                                                                        \
        REAL(int, #name, int, const char *, int, mode_t);                    \
        MODE_OF(flags)                                                       \
        if ((flags & O_CREAT) && at_fails("create", dir, path))              \
            return -1;                                                       \
        return real(dir, path, flags, mode);                                 \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                          \
    FILE *name(const char *path, const char *mode)                           \
    {                                                                        \
        REAL(FILE *, #name, const char *, const char *);                     \
        return mode[0] != 'r' && at_fails("create", AT_FDCWD, path) ? NULL : real(path, mode); \
    }
FOPEN(fopen)
FOPEN(fopen64)

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream)
{
    REAL(size_t, "fwrite", const void *, size_t, size_t, FILE *);
    return fd_fails("write", fileno(stream)) ? 0 : real(data, size, count, stream);
}

#define ON_STREAM(name)                                                      \
    int name(FILE *stream)                                                   \
    {                                                                        \
        REAL(int, #name, FILE *);                                            \
        return stream && fd_fails("write", fileno(stream)) ? EOF : real(stream); \
    }
ON_STREAM(fflush)
