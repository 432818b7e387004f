// Client: C stdio over a socket
// Package: gcc libc6-dev
// Needs: cc
// Server: sink
// Build: cc -O2 -o $BUILT/c-stdio $FILE
// Run: $BUILT/c-stdio
// Ends: 1 Resource temporarily unavailable
// Ends 1 11: 1 Connection timed out
// Resets: 1 Connection timed out
// Inside 2 3 4 6: glibc's stdio writes inside glibc (fileops.c, _IO_new_file_write), past every wrapper. SO_SNDTIMEO
//   bounds each of its attempts anew: strace shows short counts and then EAGAIN, two or three times the limit. It ends
//   with the program's own close, which the peer takes for a clean end.
#include <err.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int connected(const char *host, const char *port)
{
	struct addrinfo *address;
	const int code = getaddrinfo(host, port, &(struct addrinfo) { .ai_socktype = SOCK_STREAM }, &address);
	if (code)
		errx(1, "%s", gai_strerror(code));
	const int fd = socket(address->ai_family, address->ai_socktype, 0);
	if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen))
		err(1, "connect");
	return fd;
}

int main(void)
{
	const int fd = connected(getenv("HOST"), getenv("PORT"));
	FILE *peer = fdopen(fd, "r+");
	FILE *payload = fopen(getenv("PAYLOAD"), "r");
	if (!peer || !payload)
		err(1, "fopen");
	char line[100];
	if (*getenv("IDLE")) {
		if (!fgets(line, sizeof line, payload) || fputs(line, peer) == EOF || fflush(peer))
			err(1, "write");
		sleep(atoi(getenv("IDLE")));
	}
	while (fgets(line, sizeof line, payload))
		if (fputs(line, peer) == EOF)
			err(1, "write");
	if (fflush(peer) || shutdown(fd, SHUT_WR))
		err(1, "write");
	fseek(peer, 0, SEEK_CUR);
	while (fgets(line, sizeof line, peer))
		;
	if (ferror(peer))
		err(1, "read");
	return 0;
}
