/* Makes the n-th call that changes a file under a folder fail, or end the process there; moves the clock.
 *
 * To be preloaded (LD_PRELOAD). A call is counted when it writes, syncs, renames, removes, cuts or makes a file whose
 * path begins with FAULTS_ROOT. The n-th one does what FAULTS_KIND says:
 *   1 ends the process before it (SIGKILL)         2 writes half, and ends the process
 *   3 fails once, with FAULTS_ERRNO                4 fails, as all later ones that need room, with FAULTS_ERRNO
 * FAULTS_CLOCK is added to the time of day, in seconds. All may be set later too, by faults_arm.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static char root[4096];
static size_t root_length;
static atomic_long count;
static long nth, kind, number, offset;

void faults_arm(const char *folder, long at, long what, long error, long seconds) {
    strncpy(root, folder, sizeof root - 1);
    root_length = strlen(root);
    atomic_store(&count, 0);
    nth = at, kind = what, number = error, offset = seconds;
}

long faults_count(void) { return atomic_load(&count); }

static long setting(const char *name) {
    const char *value = getenv(name);
    return value ? atol(value) : 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULTS_ROOT");
    faults_arm(folder ? folder : "", setting("FAULTS_AT"), setting("FAULTS_KIND"), setting("FAULTS_ERRNO"),
               setting("FAULTS_CLOCK"));
}

static int ours(const char *path) { return root_length && path && !strncmp(path, root, root_length); }

static int ours_fd(int fd) {
    char name[64], path[4096];
    if (!root_length) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return ours(path);
}

/* What to do about a call: 0 let it be, 1 fail, 2 write half and end. `room` says that it needs room on the disk. */
static int due(int room) {
    long at = atomic_fetch_add(&count, 1) + 1;
    if (!nth || at < nth) return 0;
    if (kind == 4 && room) { errno = number; return 1; }
    if (at != nth) return 0;
    if (kind == 1 || (kind == 2 && !room)) kill(getpid(), SIGKILL);
    if (kind == 3) { errno = number; return 1; }
    return kind == 2 ? 2 : 0;
}

ssize_t write(int fd, const void *data, size_t size) {
    int what = ours_fd(fd) ? due(1) : 0;
    if (what == 1) return -1;
    ssize_t done = syscall(SYS_write, fd, data, what == 2 ? size / 2 : size);
    if (what == 2) kill(getpid(), SIGKILL);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    int what = ours_fd(fd) ? due(1) : 0;
    if (what == 1) return -1;
    ssize_t done = syscall(SYS_pwrite64, fd, data, what == 2 ? size / 2 : size, at);
    if (what == 2) kill(getpid(), SIGKILL);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

ssize_t writev(int fd, const struct iovec *parts, int length) {
    int what = ours_fd(fd) ? due(1) : 0;
    if (what == 1) return -1;
    ssize_t done = syscall(SYS_writev, fd, parts, what == 2 ? (length + 1) / 2 : length);
    if (what == 2) kill(getpid(), SIGKILL);
    return done;
}

int fsync(int fd) { return ours_fd(fd) && due(0) == 1 ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return ours_fd(fd) && due(0) == 1 ? -1 : (int)syscall(SYS_fdatasync, fd); }
int ftruncate64(int fd, off64_t size) { return ours_fd(fd) && due(1) == 1 ? -1 : (int)syscall(SYS_ftruncate, fd, size); }
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int rename(const char *from, const char *to) {
    return ours(to) && due(0) == 1 ? -1 : (int)syscall(SYS_rename, from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
    return ours(to) && due(0) == 1 ? -1 : (int)syscall(SYS_renameat2, a, from, b, to, 0);
}
int unlink(const char *path) { return ours(path) && due(0) == 1 ? -1 : (int)syscall(SYS_unlink, path); }
int mkdir(const char *path, mode_t mode) { return ours(path) && due(1) == 1 ? -1 : (int)syscall(SYS_mkdir, path, mode); }

static int opened(const char *path, int flags, mode_t mode) {
    if ((flags & O_CREAT) && ours(path) && access(path, F_OK) && due(1) == 1) return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(path, flags, mode);
}
int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = (int)syscall(SYS_clock_gettime, clock, now);
    if (!done && clock == CLOCK_REALTIME) now->tv_sec += offset;
    return done;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
