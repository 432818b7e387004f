/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The C library's functions, under the names by which the library's modules call them.
 *
 * In place of src/base/libc.c, which finds the ones behind us. What would change a socket is left out, because the sockets
 * that the command asks are another process's.
 */
#undef _FORTIFY_SOURCE /* src/base/libc.h names the plain and the checked functions */
#include "base/libc.h"

bool libc_waits_replaced;

struct libc libc = {
	.clock_gettime = clock_gettime,
	.close = close,
	.fcntl = fcntl,
	.getpeername = getpeername,
	.getsockname = getsockname,
	.getsockopt = getsockopt,
	.inet_ntop = inet_ntop,
	.inet_pton = inet_pton,
	.ioctl = ioctl,
	.mmap = mmap,
	.munmap = munmap,
	.open = open,
	.ppoll = ppoll,
	.pread = pread,
	.pselect = pselect,
	.syscall = syscall,
};
