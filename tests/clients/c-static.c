// Client: C, linked statically
// Needs: cc
// Package: gcc libc6-dev
// Server: sink
// Ways: outside
// Build: cc -O2 -static -o $BUILT/upload $FILE
// Run: $BUILT/upload
// Ends: 1 Connection timed out
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int write_all(int to, const char *data, ssize_t left)
{
	while (left > 0) {
		ssize_t done = write(to, data, (size_t)left);

		if (done < 0) {
			perror("write");
			return 1;
		}
		data += done;
		left -= done;
	}
	return 0;
}

int main(void)
{
	static char buffer[1 << 16];
	const char *idle = getenv("IDLE");
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	int is_six = inet_pton(AF_INET6, getenv("HOST"), &six.sin6_addr);
	int socket_fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	int file = open(getenv("PAYLOAD"), O_RDONLY);
	ssize_t length;

	six.sin6_port = four.sin_port = htons((unsigned short)atoi(getenv("PORT")));
	inet_pton(AF_INET, getenv("HOST"), &four.sin_addr);
	if (connect(socket_fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four, is_six ? sizeof six : sizeof four)) {
		perror("connect");
		return 1;
	}
	if (*idle) {
		length = read(file, buffer, 1000);
		if (write_all(socket_fd, buffer, length))
			return 1;
		sleep((unsigned)atoi(idle));
	}
	while ((length = read(file, buffer, sizeof buffer)) > 0)
		if (write_all(socket_fd, buffer, length))
			return 1;
	shutdown(socket_fd, SHUT_WR);
	while ((length = read(socket_fd, buffer, sizeof buffer)) > 0)
		;
	if (length < 0) {
		perror("read");
		return 1;
	}
	return 0;
}
