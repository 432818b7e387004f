/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The real functions behind the ones we replace.
 */
#ifndef SNDTIMEO_LIBC_H
#define SNDTIMEO_LIBC_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
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
 * Every function we replace, as the next library behind us in the search order defines it (dlsym(3), RTLD_NEXT).
 * The pointers are good from the first instruction of the process on: until start() has run they lead to stubs that
 * run it.
 * So the wrappers call them without a check. NULL: that libc has no such function, and so nobody calls ours.
 */
#define LIBC_FUNCTIONS(F)                                                                                          \
	F(connect) F(listen) F(accept) F(accept4)                                                                  \
	F(send) F(sendto) F(sendmsg) F(sendmmsg) F(write) F(writev) F(sendfile) F(splice)                          \
	F(recv) F(recvfrom) F(recvmsg) F(read) F(readv)                                                            \
	F(poll) F(ppoll) F(select) F(pselect) F(epoll_ctl) F(epoll_wait) F(epoll_pwait)                                         \
	F(getsockopt) F(setsockopt) F(getpeername) F(fcntl) F(ioctl) F(dup) F(dup2) F(dup3) F(fdopen) F(vdprintf)         \
	F(_exit) F(_Exit) F(quick_exit) F(execve) F(execv) F(execvp) F(fexecve)                                    \
	/* From here on a libc may lack one, and a dlsym() that fails allocates: all others are bound by then. */  \
	F(sendfile64) F(fcntl64) F(epoll_pwait2) F(execvpe) F(__read_chk) F(__recv_chk) F(__recvfrom_chk)                     \
	F(__poll_chk) F(__ppoll_chk) F(__vdprintf_chk)

struct libc {
#define LIBC_POINTER(name) __typeof__(name) *name;
	LIBC_FUNCTIONS(LIBC_POINTER)
#undef LIBC_POINTER
};

extern struct libc libc;

/** Look the real functions up. Idempotent and safe to run in several threads at once: all of them find the same. */
void bind_libc(void);

#endif
