/* SPDX-License-Identifier: MIT */
/* TCP_USER_TIMEOUT takes the place of the keepalive count: put on a program's socket, it changes when that ends. */
#include "link.h"

static int kept_alive(int user_timeout_ms)
{
	int fd = connected_over_link();

	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, 2);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout_ms);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	return fd;
}

static void scene(void)
{
	int bare = kept_alive(0), longer = kept_alive(60000);

	lose("all");
	sleep_ms(5000);
	fact("no answer, keepalive 1 s + 2 x 1 s, 5 s later", "ETIMEDOUT", "%s",
	     error_name(get(bare, SOL_SOCKET, SO_ERROR)));
	fact("  and with TCP_USER_TIMEOUT 60000", "no error", "%s", error_name(get(longer, SOL_SOCKET, SO_ERROR)));
}

int main(int argc, char **argv)
{
	return over_link(argc, argv, "TCP_USER_TIMEOUT replaces the keepalive count", scene);
}
