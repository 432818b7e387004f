/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The C library's functions, under the names by which the library's modules call them.
 *
 * In place of src/base/libc.c, which finds the ones behind us. What changes a socket is here for limits from outside
 * (src/outside/): the sockets that the command asks are another process's.
 */
#undef _FORTIFY_SOURCE /* src/base/libc.h names the plain and the checked functions */
#undef _FILE_OFFSET_BITS /* the modules that call these are compiled without */
#include "base/libc.h"

bool libc_waits_replaced;

struct libc libc = {
	.clock_gettime = clock_gettime,
	.close = close,
	.connect = connect,
	.fcntl = fcntl,
	.getpeername = getpeername,
	.getpid = getpid,
	.getsockname = getsockname,
	.getsockopt = getsockopt,
	.inet_ntop = inet_ntop,
	.inet_pton = inet_pton,
	.ioctl = ioctl,
	.madvise = madvise,
	.mmap = mmap,
	.munmap = munmap,
	.open = open,
	.ppoll = ppoll,
	.pread = pread,
	.pselect = pselect,
	.pthread_setcancelstate = pthread_setcancelstate,
	.sendmsg = sendmsg,
	.setsockopt = setsockopt,
	.shutdown = shutdown,
	.sigaction = sigaction,
	.sigaddset = sigaddset,
	.sigemptyset = sigemptyset,
	.sigfillset = sigfillset,
	.sigismember = sigismember,
	.sigpending = sigpending,
	.sigprocmask = sigprocmask,
	.sigtimedwait = sigtimedwait,
	.socket = socket,
	.syscall = syscall,
	.write = write,
};
