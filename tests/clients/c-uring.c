// Client: C, io_uring
// Package: gcc libc6-dev liburing-dev
// Needs: cc /usr/include/liburing.h
// Server: sink
// Build: cc -O2 -o $BUILT/upload $FILE -luring
// Run: $BUILT/upload
// Ends: 1 Connection timed out
// Inside 1 2 3 4 6 11: io_uring asks the kernel by shared memory: strace shows no connect and no send, and the log of
//   the library has none
#include <arpa/inet.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct io_uring ring;

/* Submit what was prepared and wait for it. Ends the program if it failed. */
static int done(const char *what)
{
	struct io_uring_cqe *cqe;
	int result = io_uring_submit_and_wait(&ring, 1);

	if (result >= 0)
		result = io_uring_wait_cqe(&ring, &cqe);
	if (result >= 0) {
		result = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
	}
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-result));
		exit(1);
	}
	return result;
}

static void send_all(int to, const char *data, int left)
{
	while (left > 0) {
		io_uring_prep_send(io_uring_get_sqe(&ring), to, data, (size_t)left, MSG_NOSIGNAL);
		const int sent = done("send");
		data += sent;
		left -= sent;
	}
}

int main(void)
{
	static char buffer[1 << 16];
	const char *idle = getenv("IDLE");
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	const int is_six = inet_pton(AF_INET6, getenv("HOST"), &six.sin6_addr);
	const int socket_fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	const int file = open(getenv("PAYLOAD"), O_RDONLY);
	ssize_t length;

	if (io_uring_queue_init(8, &ring, 0)) {
		fputs("there is no io_uring\n", stderr);
		return 1;
	}
	six.sin6_port = four.sin_port = htons((unsigned short)atoi(getenv("PORT")));
	inet_pton(AF_INET, getenv("HOST"), &four.sin_addr);
	io_uring_prep_connect(io_uring_get_sqe(&ring), socket_fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four,
			      is_six ? sizeof six : sizeof four);
	done("connect");
	if (*idle) {
		length = read(file, buffer, 1000);
		send_all(socket_fd, buffer, (int)length);
		sleep((unsigned)atoi(idle));
	}
	while ((length = read(file, buffer, sizeof buffer)) > 0)
		send_all(socket_fd, buffer, (int)length);
	shutdown(socket_fd, SHUT_WR);
	do {
		io_uring_prep_recv(io_uring_get_sqe(&ring), socket_fd, buffer, sizeof buffer, 0);
	} while (done("recv") > 0);
	return 0;
}
