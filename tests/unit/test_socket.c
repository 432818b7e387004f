/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What counts as progress, with a kernel of our own behind getsockopt().
 */
#include <criterion/criterion.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#include "src/base/libc.h"
#include "src/connection/socket.h"

static struct tcp_info info;

static int fake_getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
	static const int protocol = IPPROTO_TCP;
	const bool of_tcp = level == IPPROTO_TCP && option == TCP_INFO;
	const size_t size = of_tcp ? sizeof info : sizeof protocol;

	(void)fd;
	memcpy(value, of_tcp ? (const void *)&info : &protocol, size < *length ? size : *length);
	if (size < *length)
		*length = (socklen_t)size;
	return 0;
}

static uint64_t progress(uint64_t acked, uint32_t window)
{
	struct look look;

	info.tcpi_bytes_acked = acked;
	info.tcpi_snd_wnd = window;
	libc.getsockopt = fake_getsockopt;
	cr_assert(socket_look(0, 0, &look));
	return look.progress;
}

Test(socket, bytes_that_fill_the_window_are_progress)
{
	/* Acknowledged to the window's end, which did not move. The first numbers are such that 105132 + 24576 has the
	 * same bits as 105132 | 24576. */
	cr_expect_neq(progress(105132, 24576), progress(129708, 0));
	for (uint32_t window = 1; window; window <<= 1)
		for (uint64_t acked = 1; acked < 1 << 20; acked = acked * 3 + 1)
			cr_expect_neq(progress(acked, window), progress(acked + window, 0));
}

Test(socket, the_same_is_no_progress)
{
	cr_expect_eq(progress(105132, 24576), progress(105132, 24576));
}
