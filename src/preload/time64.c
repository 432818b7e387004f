/* SPDX-License-Identifier: MIT */
/** @file
 * @brief On 32 bits: what programs with times of 64 bits call in place of what interpose.c and notice.c replace.
 *
 * glibc's headers lead them to these names (Debian's and Ubuntu's compilers for armhf ask for that by themselves), musl's
 * to those that end in _time64. A timeout that does not fit becomes the longest that does, 68 years.
 */
#include "base/libc.h"

#if TIME_OF_TWO_SIZES
#include "preload/replace.h"

struct timespec64 {
	int64_t tv_sec;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	int32_t padding;
	int32_t tv_nsec;
#else
	int32_t tv_nsec;
	int32_t padding;
#endif
};

struct timeval64 {
	int64_t tv_sec, tv_usec;
};

/* What is not valid stays so, for the kernel to refuse. */
static int32_t fitting(int64_t number)
{
	return number > INT32_MAX ? INT32_MAX : number < 0 ? -1 : (int32_t)number;
}

/** @p timeout as the plain functions take it, in @p plain; or NULL, for none. */
static const struct timespec *plain_timeout(const struct timespec64 *timeout, struct timespec *plain)
{
	if (!timeout)
		return NULL;
	*plain = (struct timespec){.tv_sec = fitting(timeout->tv_sec), .tv_nsec = timeout->tv_nsec};
	return plain;
}

/* ---- the plain ones under another name (glibc has one function under both) ------------------------------------------- */

extern ssize_t __sendmsg64(int, const struct msghdr *, int);
EXPORT ssize_t __sendmsg64(int fd, const struct msghdr *message, int flags)
{
	return sendmsg(fd, message, flags);
}

extern int __sendmmsg64(int, struct mmsghdr *, unsigned, int);
EXPORT int __sendmmsg64(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	return sendmmsg(fd, messages, count, flags);
}

extern int __getsockopt64(int, int, int, void *, socklen_t *);
EXPORT int __getsockopt64(int fd, int level, int option, void *value, socklen_t *length)
{
	return getsockopt(fd, level, option, value, length);
}

extern int __setsockopt64(int, int, int, const void *, socklen_t);
EXPORT int __setsockopt64(int fd, int level, int option, const void *value, socklen_t length)
{
	return setsockopt(fd, level, option, value, length);
}

ONE_MORE(__ioctl_time64, unsigned long request)
{
	return ioctl(fd, request, argument);
}

/* It takes the struct flock of large files. */
ONE_MORE(__fcntl_time64, int command)
{
	return fcntl64(fd, command, argument);
}

extern int __prctl_time64(int, unsigned long, unsigned long, unsigned long, unsigned long);
EXPORT int __prctl_time64(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return prctl(option, a, b, c, d);
}

/* ---- waits ----------------------------------------------------------------------------------------------------------- */

extern int __ppoll64(struct pollfd *, nfds_t, const struct timespec64 *, const sigset_t *);
EXPORT int __ppoll64(struct pollfd *fds, nfds_t count, const struct timespec64 *timeout, const sigset_t *mask)
{
	struct timespec plain;
	return ppoll(fds, count, plain_timeout(timeout, &plain), mask);
}

extern int __ppoll64_chk(struct pollfd *, nfds_t, const struct timespec64 *, const sigset_t *, size_t);
EXPORT int __ppoll64_chk(struct pollfd *fds, nfds_t count, const struct timespec64 *timeout, const sigset_t *mask,
                         size_t size)
{
	struct timespec plain;
	return __ppoll_chk(fds, count, plain_timeout(timeout, &plain), mask, size);
}

extern int __pselect64(int, fd_set *, fd_set *, fd_set *, const struct timespec64 *, const sigset_t *);
EXPORT int __pselect64(int count, fd_set *reads, fd_set *writes, fd_set *excepts, const struct timespec64 *timeout,
                       const sigset_t *mask)
{
	struct timespec plain;
	return pselect(count, reads, writes, excepts, plain_timeout(timeout, &plain), mask);
}

extern int __select64(int, fd_set *, fd_set *, fd_set *, struct timeval64 *);
EXPORT int __select64(int count, fd_set *reads, fd_set *writes, fd_set *excepts, struct timeval64 *timeout)
{
	if (!timeout)
		return select(count, reads, writes, excepts, NULL);
	const int64_t seconds = timeout->tv_usec < 0 ? -1 : fitting(timeout->tv_sec) + timeout->tv_usec / 1000000;
	struct timeval plain = {.tv_sec = fitting(seconds), .tv_usec = (suseconds_t)(timeout->tv_usec % 1000000)};
	const int ready = select(count, reads, writes, excepts, &plain);
	/* Linux leaves what is left of the time there (select(2)). */
	if (seconds >= 0 && seconds < INT32_MAX)
		*timeout = (struct timeval64){.tv_sec = plain.tv_sec, .tv_usec = plain.tv_usec};
	return ready;
}

extern int __epoll_pwait2_time64(int, struct epoll_event *, int, const struct timespec64 *, const sigset_t *);
EXPORT int __epoll_pwait2_time64(int epfd, struct epoll_event *events, int most, const struct timespec64 *timeout,
                                 const sigset_t *mask)
{
	struct timespec plain;
	return epoll_pwait2(epfd, events, most, plain_timeout(timeout, &plain), mask);
}

/* ---- musl's names ---------------------------------------------------------------------------------------------------- */

extern int __ppoll_time64(struct pollfd *, nfds_t, const struct timespec64 *, const sigset_t *)
	__attribute__((alias("__ppoll64"), visibility("default")));
extern int __pselect_time64(int, fd_set *, fd_set *, fd_set *, const struct timespec64 *, const sigset_t *)
	__attribute__((alias("__pselect64"), visibility("default")));
extern int __select_time64(int, fd_set *, fd_set *, fd_set *, struct timeval64 *)
	__attribute__((alias("__select64"), visibility("default")));

#endif
