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
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/**
 * Every function we replace, as the next library behind us in the search order defines it (dlsym(3), RTLD_NEXT), and
 * some that we only use, found in the same way because that is cheaper than a relocation.
 * NULL: that libc has no such function, and so nobody calls ours. Names and order say where each is: route.h.
 */
#define LIBC_FUNCTIONS(F)                                                                                          \
	/* As in struct route. */                                                                                  \
	F(sendto) F(sendmsg) F(write) F(writev) F(sendfile) F(sendfile64) F(splice)                                \
	F(recv) F(recvfrom) F(recvmsg) F(read) F(readv)                                                            \
	F(poll) F(epoll_wait) F(epoll_pwait)                                                                       \
	F(send) F(sendmmsg) F(__recv_chk) F(__recvfrom_chk) F(__read_chk)                                            \
	F(connect) F(listen) F(accept) F(accept4) F(close) F(getpeername) F(getsockopt) F(setsockopt)                       \
	F(__poll_chk) F(ppoll) F(__ppoll_chk) F(select) F(pselect)                                         \
	F(epoll_ctl) F(epoll_pwait2)                                                  \
	F(fcntl) F(fcntl64) F(ioctl) F(dup) F(dup2) F(dup3) F(fdopen) F(vdprintf) F(__vdprintf_chk)                \
	F(_exit) F(_Exit) F(quick_exit) F(execve) F(execv) F(execvp) F(execvpe) F(fexecve)                         \
	F(getauxval)                                                                                               \
	/* Not replaced, and found by bind_libc_rest(). */                                                         \
	F(clock_gettime) F(fstat) F(getpid) F(getrlimit) F(getsockname)                                   \
	F(inet_ntop) F(inet_pton) F(madvise) F(mmap)                                                               \
	F(munmap) F(open) F(pread) F(pthread_setcancelstate) F(pthread_sigmask) F(sched_yield) F(shutdown)         \
	F(sigaction) F(sigaddset) F(sigemptyset) F(sigfillset) F(sigismember) F(sigpending) F(sigtimedwait) F(socket)

struct libc {
#define LIBC_POINTER(name) __typeof__(name) *name;
	LIBC_FUNCTIONS(LIBC_POINTER)
#undef LIBC_POINTER
	/** Whether send() and sendto() are one library's, so that the one may stand for the other. */
	bool send_is_sendto;
};

/** What we replace is good once bind_libc() has run, that is, whenever `bound` (start.h) is; all of it is where there are
 * settings. */
extern struct libc libc __attribute__((visibility("hidden")));

/** Where errno is, from the thread's own pointer on: the same in every thread, because libc is there from the start. */
extern intptr_t errno_offset __attribute__((visibility("hidden")));

/** errno, without a call. Nothing of use before bind_libc() has run. */
static inline int errno_now(void)
{
#ifdef __x86_64__
	int error;
	__asm__ volatile("movl %%fs:(%1), %0" : "=r"(error) : "r"(errno_offset));
	return error;
#else
	return errno;
#endif
}

/** Look the real functions up. Idempotent and safe to run in several threads at once: all of them find the same. */
void bind_libc(void);
/** The same for what only a library with something to do needs. */
void bind_libc_rest(void);

#endif
