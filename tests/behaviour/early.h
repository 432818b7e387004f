/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What early.c's constructor met, for the tester to print.
 */
#ifndef SNDTIMEO_TESTS_EARLY_H
#define SNDTIMEO_TESTS_EARLY_H

/** One call's result; the list `early_results` ends with a NULL name. */
struct early_result {
	const char *name;
	long value;   /**< what it returned, or -errno */
};

/** The constructor calls this one before all others, if the variable is set: each has a way of its own into a library
 * that has not started. */
#define EARLY_FIRST_VARIABLE "TESTER_EARLY_FIRST"
#define EARLY_FIRST(X)                                                                                             \
	X(connect) X(listen) X(close) X(getpeername) X(send) X(sendto) X(sendmsg) X(sendmmsg) X(write) X(writev) X(sendfile)  \
	X(sendfile64) X(splice) X(recv) X(recvfrom) X(recvmsg) X(read) X(readv) X(__recv_chk) X(__recvfrom_chk)      \
	X(__read_chk) X(poll) X(ppoll) X(__poll_chk) X(__ppoll_chk) X(select) X(pselect) X(epoll_ctl) X(epoll_wait)  \
	X(epoll_pwait) X(epoll_pwait2) X(getsockopt) X(setsockopt) X(fcntl) X(fcntl64) X(ioctl) X(dup) X(dup2)       \
	X(dup3) X(fdopen) X(dprintf) X(vdprintf) X(__dprintf_chk) X(__vdprintf_chk)

#endif
