/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A scene over a link that delays and loses packets (tests/peers/delayline.py), with a peer that reads everything.
 */
#ifndef TESTS_KERNEL_LINK_H
#define TESTS_KERNEL_LINK_H

#include "fact.h"

#define LINK_PORT 7000
#define LINK_DELAY "0.02"
#define CANNOT 77 /* delayline's own status */

static const char *link_control;

/** What is lost from now on: all, big, data, ack or (empty) nothing. The link looks every 20 ms. */
HELPER void lose(const char *what)
{
	int fd = open(link_control, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, what, strlen(what)) < 0)
		die(link_control);
	close(fd);
	sleep_ms(100);
}

HELPER int connected_over_link(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(LINK_PORT)};
	int fd = new_socket(SOCK_STREAM, 0);

	inet_pton(AF_INET, "10.9.0.2", &address.sin_addr);
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect_to(fd, &address) < 0)
		die("connect");
	return fd;
}

static int serve(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(LINK_PORT)};
	struct pollfd fds[16] = {{.fd = new_socket(SOCK_STREAM, 0), .events = POLLIN}};
	static char data[65536];
	nfds_t n = 1;

	if (bind(fds[0].fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fds[0].fd, 16) < 0)
		die("listen");
	while (poll(fds, n, -1) > 0) {
		if (fds[0].revents && n < 16)
			fds[n++] = (struct pollfd){.fd = accept(fds[0].fd, NULL, NULL), .events = POLLIN};
		for (nfds_t i = 1; i < n; i++)
			if (fds[i].revents && recv(fds[i].fd, data, sizeof data, MSG_DONTWAIT) <= 0)
				fds[i].fd = -1;
	}
	return 0;
}

/** The main() of a scene: called with this folder, it builds the link and calls itself for either end. */
HELPER int over_link(int argc, char **argv, const char *fact_name, void (*scene)(void))
{
	char self[1024] = "", command[4096], control[] = "/tmp/kernel-fact-XXXXXX";
	const char *python = getenv("PYTHON");
	int status;

	if (argc == 2 && strcmp(argv[1], "server") == 0)
		return serve();
	if (argc == 3 && strcmp(argv[1], "client") == 0) {
		link_control = argv[2];
		scene();
		return 0;
	}
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0 || (status = mkstemp(control)) < 0)
		die("mkstemp");
	close(status);
	snprintf(command, sizeof command,
	         "exec '%s' '%s/../peers/delayline.py' --delay " LINK_DELAY
	         " --control %s \"'%s' client %s\" \"'%s' server\"",
	         python && *python ? python : "python3", argc == 2 ? argv[1] : ".", control, self, control, self);
	status = system(command);
	unlink(control);
	if (WIFEXITED(status) &&
	    (WEXITSTATUS(status) == CANNOT || WEXITSTATUS(status) == 127 || WEXITSTATUS(status) == 2)) {
		skip(fact_name, "%s",
		     WEXITSTATUS(status) == CANNOT ? "no namespaces or no /dev/net/tun"
		                                   : "no link: tests/peers/delayline.py");
		return 0;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

#endif
