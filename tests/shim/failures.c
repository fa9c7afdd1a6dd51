/* A preloaded library in which the Nth call of one kind fails, once. test_failures.py compiles it.

   Allocations count when the core makes them: Python's own are not meant. System calls count
   whoever makes them in the process, since some of the core's are made by Python for it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum kind { NONE, ALLOCATE, EVENTFD, DUPLICATE, OPEN, READ, WRITE, READLINK, POLL, MAP, EPOLL_CREATE,
            EPOLL_CTL, THREAD, SYSCALL, KINDS };

static volatile int armed;      /* the kind that fails */
static volatile int left;       /* calls of it until then */
static uintptr_t core_lo, core_hi;
static int (*real_eventfd)(unsigned, int);
static int (*real_fcntl)(int, int, ...);
static int (*real_open)(const char *, int, ...);
static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_readlink)(const char *, char *, size_t);
static int (*real_poll)(struct pollfd *, nfds_t, int);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static int (*real_epoll_create1)(int);
static int (*real_epoll_ctl)(int, int, int, struct epoll_event *);
static int (*real_pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static long (*real_syscall)(long, ...);
void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

#define FIND(name) (real_##name = (__typeof__(real_##name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void find_all(void)
{
    FIND(eventfd), FIND(fcntl), FIND(open), FIND(read), FIND(write), FIND(readlink), FIND(poll), FIND(mmap);
    FIND(epoll_create1), FIND(epoll_ctl), FIND(pthread_create), FIND(syscall);
}

static int is_core(struct dl_phdr_info *info, size_t size, void *unused)
{
    if (!strstr(info->dlpi_name, "/_core."))
        return 0;
    core_lo = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD) {
            uintptr_t lo = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, hi = lo + info->dlpi_phdr[i].p_memsz;
            core_lo = lo < core_lo ? lo : core_lo;
            core_hi = hi > core_hi ? hi : core_hi;
        }
    return 1;
}

/* Python's allocator maps memory too: who is meant is the module mmap. */
static int is_module_mmap(void *caller)
{
    Dl_info info;
    return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "/mmap.");
}

/* Is this the call that fails? */
static int fails(enum kind kind, void *caller, int only_core)
{
    if (armed != (int)kind)
        return 0;
    if (only_core && ((uintptr_t)caller < core_lo || (uintptr_t)caller >= core_hi))
        return 0;
    if (kind == MAP && !is_module_mmap(caller))
        return 0;
    if (__atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST) != 0)
        return 0;
    armed = NONE;
    return 1;
}

#define CALLER __builtin_return_address(0)

/* 0: the core is not loaded. */
int shim_arm(int kind, int n)
{
    if (!core_hi && !dl_iterate_phdr(is_core, NULL))
        return 0;
    left = n;
    armed = kind;
    return 1;
}

/* Did it fail? */
int shim_disarm(void)
{
    armed = NONE;
    return left <= 0;
}

void *malloc(size_t size)
{
    return fails(ALLOCATE, CALLER, 1) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails(ALLOCATE, CALLER, 1) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return fails(ALLOCATE, CALLER, 1) ? NULL : __libc_realloc(p, size);
}

#define FAIL(kind, number, result) do { if (fails(kind, CALLER, 0)) { errno = number; return result; } } while (0)

int eventfd(unsigned value, int flags)
{
    FAIL(EVENTFD, EMFILE, -1);
    return real_eventfd(value, flags);
}

static int do_fcntl(int fd, int command, void *argument, void *caller)
{
    if (command == F_DUPFD_CLOEXEC && fails(DUPLICATE, caller, 0)) {
        errno = EMFILE;
        return -1;
    }
    return real_fcntl(fd, command, argument);
}

int fcntl(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return do_fcntl(fd, command, argument, CALLER);
}

int fcntl64(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return do_fcntl(fd, command, argument, CALLER);
}

#define OPENS(name) \
int name(const char *path, int flags, ...) \
{ \
    va_list list; \
    va_start(list, flags); \
    int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, int) : 0; \
    va_end(list); \
    FAIL(OPEN, EMFILE, -1); \
    return real_open(path, flags, mode); \
}

OPENS(open)
OPENS(open64)

ssize_t read(int fd, void *buffer, size_t size)
{
    FAIL(READ, EIO, -1);
    return real_read(fd, buffer, size);
}

ssize_t write(int fd, const void *buffer, size_t size)
{
    FAIL(WRITE, EIO, -1);
    return real_write(fd, buffer, size);
}

ssize_t readlink(const char *path, char *buffer, size_t size)
{
    FAIL(READLINK, ENOMEM, -1);
    return real_readlink(path, buffer, size);
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    FAIL(POLL, ENOMEM, -1);
    return real_poll(fds, count, timeout);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    FAIL(MAP, ENOMEM, MAP_FAILED);
    return real_mmap(at, size, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    FAIL(MAP, ENOMEM, MAP_FAILED);
    return real_mmap(at, size, protection, flags, fd, offset);
}

int epoll_create1(int flags)
{
    FAIL(EPOLL_CREATE, EMFILE, -1);
    return real_epoll_create1(flags);
}

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    FAIL(EPOLL_CTL, ENOSPC, -1);
    return real_epoll_ctl(epoll, what, fd, event);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    if (fails(THREAD, CALLER, 0))
        return EAGAIN;
    return real_pthread_create(thread, attributes, start, argument);
}

long syscall(long number, ...)
{
    va_list list;
    long a[6];
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (fails(SYSCALL, CALLER, 1)) {
        errno = EPERM;
        return -1;
    }
    return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
