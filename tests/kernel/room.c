/* SPDX-License-Identifier: MIT */
/* sendfile() and splice() know no MSG_DONTWAIT: they do not wait if they ask for half of the room that SO_MEMINFO tells. */
#include "fact.h"
#include <linux/sock_diag.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

static int file;
static int full_pipe[2];
static size_t moved;
static int64_t longest_ms;

static long free_room(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t length = sizeof memory;

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0)
		return -1;
	return (long)memory[SK_MEMINFO_SNDBUF] - (long)memory[SK_MEMINFO_WMEM_QUEUED];
}

/* The smallest piece is a page: below that there is no room worth a call. */
static ssize_t send_file_in_halves(int fd)
{
	int64_t start;
	long half;

	while ((half = free_room(fd) / 2) >= 4096) {
		off_t offset = 0;
		ssize_t n;

		start = now_ms();
		if ((n = sendfile(fd, file, &offset, (size_t)half)) <= 0)
			return -1;
		moved += (size_t)n;
		if (now_ms() - start > longest_ms)
			longest_ms = now_ms() - start;
	}
	return 0;
}

static ssize_t send_whole_file(int fd)
{
	off_t offset = 0;

	return sendfile(fd, file, &offset, MUCH);
}

static ssize_t splice_without_waiting(int fd)
{
	return splice(full_pipe[0], NULL, fd, NULL, 65536, SPLICE_F_NONBLOCK);
}

static ssize_t splice_a_half(int fd)
{
	return splice(full_pipe[0], NULL, fd, NULL, (size_t)free_room(fd) / 2, 0);
}

static void try_halves(const char *name, int fd)
{
	struct call call;
	const char *end;

	moved = 0;
	longest_ms = 0;
	begin(&call, send_file_in_halves, fd);
	end = outcome(&call, 3000);
	holds(name, "0, none waited above 100 ms", strcmp(end, "0") == 0 && longest_ms <= 100, "%s, %d ms, %zu bytes",
	      end, (int)longest_ms, moved);
}

int main(void)
{
	struct pair halves = connected(0), whole = connected(SMALL), spliced = connected(SMALL), half = connected(0);
	struct pair small = connected(SMALL);
	struct call call;
	const char *end;

	file = memfd_create("file", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, MUCH) < 0 || pipe(full_pipe) < 0)
		die("memfd_create");
	if (free_room(halves.near) < 0) {
		skip("SO_MEMINFO", "%s", error_name(errno));
	} else {
		holds("SO_MEMINFO: SNDBUF - WMEM_QUEUED of an idle socket", "more than 4096",
		      free_room(halves.near) > 4096, "%ld", free_room(halves.near));
		try_halves("sendfile() of half the room, again and again, no reader", halves.near);
		try_halves("sendfile() of half the room, the same with a small SO_SNDBUF", small.near);
		fcntl(full_pipe[1], F_SETFL, O_NONBLOCK);
		if (write(full_pipe[1], much(), 65536) < 0)
			die("write");
		begin(&call, splice_a_half, half.near);
		end = outcome(&call, 300);
		holds("splice() of half the room", "some", strcmp(end, "some") == 0, "%s", end);
	}
	begin(&call, send_whole_file, whole.near);
	fact("sendfile() of more than the room", "still waits", "%s", outcome(&call, 300));

	fill(spliced.near);
	fcntl(full_pipe[1], F_SETFL, O_NONBLOCK);
	while (write(full_pipe[1], much(), 4096) > 0)
		;
	begin(&call, splice_without_waiting, spliced.near);
	note("splice(SPLICE_F_NONBLOCK) to a full blocking socket", "%s", outcome(&call, 300));
	return 0;
}
