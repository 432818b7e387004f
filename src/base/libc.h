/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The real functions behind the ones we replace, and what else the library takes from libc.
 */
#ifndef SNDTIMEO_LIBC_H
#define SNDTIMEO_LIBC_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The fortified forms, which no header declares: the last argument but flags is the size of the buffer (or of the
 * array, in bytes) as the compiler knew it. They end a program whose buffer is too small, as it asked for. */
extern ssize_t __read_chk(int, void *, size_t, size_t);
extern ssize_t __recv_chk(int, void *, size_t, size_t, int);
extern ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);
extern int __poll_chk(struct pollfd *, nfds_t, int, size_t);
extern int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);
extern int __dprintf_chk(int, int, const char *, ...);
extern int __vdprintf_chk(int, int, const char *, va_list);

/* Since glibc 2.34; older headers do not declare them. */
extern int close_range(unsigned, unsigned, int);
extern void closefrom(int);
extern pid_t _Fork(void);
/* Since glibc 2.36. */
extern int pidfd_getfd(int, int, unsigned);
/* Since glibc 2.35. */
extern int epoll_pwait2(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);

/* musl's files have one size: what glibc has for large ones is a macro there, if anything. The library is for programs of
 * both, whatever it was built with. */
#ifndef __GLIBC__
#undef fcntl64
#undef freopen64
#undef sendfile64
#undef preadv64v2
#undef pwritev64v2
#ifndef off64_t
#define off64_t off_t
#endif
#ifndef STATX_TYPE
#include <linux/stat.h>
#endif
extern int fcntl64(int, int, ...);
extern FILE *freopen64(const char *, const char *, FILE *);
extern ssize_t sendfile64(int, int, off64_t *, size_t);
extern ssize_t preadv2(int, const struct iovec *, int, off_t, int);
extern ssize_t pwritev2(int, const struct iovec *, int, off_t, int);
extern ssize_t preadv64v2(int, const struct iovec *, int, off64_t, int);
extern ssize_t pwritev64v2(int, const struct iovec *, int, off64_t, int);
typedef unsigned mmsg_flags;
#else
/* What sendmmsg() and recvmmsg() are declared to take. */
typedef int mmsg_flags;
#endif

/* On 32 bits libc has what takes a time twice, for times of 32 and of 64 bits. Most of the latter are the former under another
 * name, or need only a timeout of ours; these make something of a message that the plain ones do not. The last is musl's
 * name. Headers declare neither. */
#if defined __TIMESIZE && __TIMESIZE == 32
#define TIME_OF_TWO_SIZES 1
struct timespec64;
extern ssize_t __recvmsg64(int, struct msghdr *, int);
extern int __recvmmsg64(int, struct mmsghdr *, unsigned, int, struct timespec64 *);
extern int __recvmmsg_time64(int, struct mmsghdr *, unsigned, int, struct timespec64 *);
#define TIME64_FUNCTIONS(F) F(__recvmsg64) F(__recvmmsg64) F(__recvmmsg_time64)
#else
#define TIME_OF_TWO_SIZES 0
#define TIME64_FUNCTIONS(F)
#endif

/* What the kernel's or libc's older headers lack. The numbers are those of every machine but Alpha. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SO_SNDTIMEO_NEW
#define SO_SNDTIMEO_NEW 67
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2u
#endif

/**
 * Every function we replace, as the next library behind us in the search order defines it (dlsym(3), RTLD_NEXT), and
 * some that we only use, found in the same way because that is cheaper than a relocation. Those are in libc itself since
 * glibc 2.17: a program without threads need not have libpthread, which has pthread_sigmask(3) before glibc 2.32, and so
 * it is sigprocmask(2), the same call in glibc and musl.
 * What that libc does not have gives ENOSYS, for whoever finds ours at run time; what we use ourselves is asked for before.
 */
#define LIBC_FUNCTIONS(F)                                                                                          \
	F(write) F(send) F(sendto) F(sendmsg) F(writev) F(sendmmsg) F(sendfile) F(sendfile64) F(splice)            \
	F(read) F(recv) F(recvfrom) F(recvmsg) F(recvmmsg) F(readv) F(preadv2) F(preadv64v2) F(pwritev2) F(pwritev64v2) F(__read_chk) F(__recv_chk) F(__recvfrom_chk)  \
	F(poll) F(ppoll) F(__poll_chk) F(__ppoll_chk) F(select) F(pselect)                                         \
	F(epoll_wait) F(epoll_pwait) F(epoll_pwait2) F(epoll_ctl)                                                  \
	F(socket) F(socketpair) F(connect) F(listen) F(accept) F(accept4) F(getpeername) F(getsockopt) F(setsockopt)             \
	F(fcntl) F(fcntl64) F(ioctl) F(dup) F(dup2) F(dup3) F(close) F(closefrom)                   \
	F(fdopen) F(fclose) F(freopen) F(freopen64) F(fileno) F(vdprintf) F(__vdprintf_chk) F(fork) F(_Fork) F(prctl) F(unshare) F(syscall)                               \
	F(_exit) F(_Exit) F(quick_exit) F(execve) F(execv) F(execvp) F(execvpe) F(fexecve)                         \
	F(getauxval) TIME64_FUNCTIONS(F)                                                                           \
	/* Not replaced, and found by bind_libc_rest(). */                                                         \
	F(clock_gettime) F(getpid) F(getrlimit) F(getsockname) F(inet_ntop) F(inet_pton) F(madvise) F(mmap)        \
	F(munmap) F(open) F(pread) F(pthread_key_create) F(pthread_setcancelstate) F(pthread_setspecific)          \
	F(sched_yield) F(shutdown) F(sigaction) F(sigaddset) F(sigaltstack) F(sigemptyset) F(sigfillset)           \
	F(sigismember) F(sigpending) F(sigprocmask) F(sigtimedwait)

/** The first that is not replaced. */
#define LIBC_FIRST_UNREPLACED clock_gettime

struct libc {
#define LIBC_POINTER(name) __typeof__(name) *name;
	LIBC_FUNCTIONS(LIBC_POINTER)
#undef LIBC_POINTER
};

/** What we replace is good once bind_libc() has run (start.h); all of it is where there are settings. */
extern struct libc libc __attribute__((visibility("hidden")));
/** Whether poll(2), select(2) or epoll_wait(2) of a library between us and libc is called, as far as can be told. */
extern bool libc_waits_replaced __attribute__((visibility("hidden")));

/** Look the real functions up. Idempotent and safe to run in several threads at once: all of them find the same. */
void bind_libc(void);
/** The same for what only a library with something to do needs.
 * @return NULL; or the name of a function that the library cannot do without and this libc has not */
const char *bind_libc_rest(void);

/** What is known of an open file; as statx(2), which is a function of newer libcs only (fstat() is one since glibc 2.33). */
static inline int libc_status(int fd, unsigned what, struct statx *status)
{
	return (int)libc.syscall(SYS_statx, fd, "", AT_EMPTY_PATH, what, status);
}

/** The kernel's number of this thread (gettid(2), which is no function of glibc before 2.30). Async-signal-safe. */
int libc_thread(void);

#endif
