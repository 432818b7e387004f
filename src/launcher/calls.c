/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The C library's functions, under the names by which socket.c calls them.
 *
 * In place of src/libc.c, whose stubs start the library. What would change a socket is left out, because the sockets
 * that the command asks are another process's.
 */
#undef _FORTIFY_SOURCE /* src/libc.h names the plain and the checked functions */
#include "src/libc.h"

struct libc libc = {
	.fcntl = fcntl,
	.getpeername = getpeername,
	.getsockopt = getsockopt,
	.ioctl = ioctl,
	.ppoll = ppoll,
	.pselect = pselect,
};
