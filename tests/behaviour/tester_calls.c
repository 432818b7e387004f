/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The tester's sends and receives: every wrapped call by its name.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../peers/pattern.h"
#include "tester.h"

/* More than any connection of a test carries. */
#define MOST_BYTES (64L << 20)
#define MOST_PIECES 1024
#define MESSAGES 5
#define CHUNK_BYTES 65536

/* ---- the bytes ------------------------------------------------------------------------------------------------- */

static pthread_mutex_t pattern_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned char *pattern;
static size_t pattern_size;
/* The same bytes as a file: byte N of a connection is byte N of the file. */
static int pattern_fd = -1;

static unsigned char *pattern_at(uint64_t offset, size_t size)
{
	if (offset + size > MOST_BYTES)
		die("more than %ld bytes on one connection", MOST_BYTES);
	pthread_mutex_lock(&pattern_mutex);
	if (pattern_fd < 0) {
		pattern_fd = out_of_the_way((int)syscall(SYS_memfd_create, "pattern", MFD_CLOEXEC));
		if (pattern_fd < 0 || ftruncate(pattern_fd, MOST_BYTES))
			die("memfd: %s", strerror(errno));
		pattern = mmap(NULL, MOST_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, pattern_fd, 0);
		if (pattern == MAP_FAILED)
			die("mmap: %s", strerror(errno));
	}
	if (pattern_size < offset + size) {
		pattern_fill(pattern + pattern_size, offset + size - pattern_size, pattern_size);
		pattern_size = offset + size;
	}
	pthread_mutex_unlock(&pattern_mutex);
	return pattern + offset;
}

/* Lay bytes out as an iovec of so many elements. Every third is empty, for the sake of who has to resume there. */
static int scatter(struct iovec *iov, int pieces, unsigned char *bytes, size_t size)
{
	const size_t each = size / (size_t)pieces + 1;
	size_t used = 0;

	for (int i = 0; i < pieces; i++) {
		size_t length = i % 3 == 1 ? 0 : each + each / 2;

		if (length > size - used || i == pieces - 1)
			length = size - used;
		iov[i] = (struct iovec){ .iov_base = bytes + used, .iov_len = length };
		used += length;
	}
	return pieces;
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

struct outgoing {
	int fd;
	uint64_t offset;
	unsigned char *bytes;
	size_t size;
	struct shape shape;
};

static ssize_t by_send(struct outgoing *out)
{
	return send(out->fd, out->bytes, out->size, out->shape.flags);
}

static ssize_t by_sendto(struct outgoing *out)
{
	return sendto(out->fd, out->bytes, out->size, out->shape.flags,
		      out->shape.to_size ? (struct sockaddr *)&out->shape.to : NULL, out->shape.to_size);
}

static void fill_message(struct msghdr *message, struct iovec *iov, int pieces, struct outgoing *out)
{
	memset(message, 0, sizeof *message);
	message->msg_iov = iov;
	message->msg_iovlen = (size_t)pieces;
	if (out->shape.to_size) {
		message->msg_name = &out->shape.to;
		message->msg_namelen = out->shape.to_size;
	}
}

/* Some that TCP takes, and that changes nothing: no time stamps. */
static void add_control(struct msghdr *message)
{
	static union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(uint32_t))];
	} control;

	control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(uint32_t)), .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SO_TIMESTAMPING };
	message->msg_control = &control;
	message->msg_controllen = sizeof control;
}

static ssize_t by_sendmsg(struct outgoing *out)
{
	struct iovec iov[MOST_PIECES];
	struct msghdr message;

	fill_message(&message, iov, scatter(iov, out->shape.pieces, out->bytes, out->size), out);
	if (out->shape.control)
		add_control(&message);
	return sendmsg(out->fd, &message, out->shape.flags);
}

/* Several messages, each of several pieces; the bytes of those sent are added up. */
static ssize_t by_sendmmsg(struct outgoing *out)
{
	struct iovec iov[MESSAGES][MOST_PIECES];
	struct mmsghdr messages[MESSAGES];
	size_t used = 0;
	ssize_t taken = 0;

	memset(messages, 0, sizeof messages);
	for (int i = 0; i < MESSAGES; i++) {
		const size_t length = i == MESSAGES - 1 ? out->size - used : out->size / MESSAGES;

		fill_message(&messages[i].msg_hdr, iov[i],
			     scatter(iov[i], out->shape.pieces, out->bytes + used, length), out);
		used += length;
	}
	int sent = sendmmsg(out->fd, messages, MESSAGES, out->shape.flags);

	for (int i = 0; i < sent; i++)
		taken += messages[i].msg_len;
	return sent < 0 ? -1 : taken;
}

static ssize_t by_write(struct outgoing *out)
{
	return write(out->fd, out->bytes, out->size);
}

static ssize_t by_writev(struct outgoing *out)
{
	struct iovec iov[MOST_PIECES];

	return writev(out->fd, iov, scatter(iov, out->shape.pieces, out->bytes, out->size));
}

/* The offset must move by exactly what was sent. */
static void check_offset(struct outgoing *out, int64_t offset, ssize_t sent)
{
	struct step step = { .label = "sendfile" };

	if (offset != (int64_t)out->offset + (sent > 0 ? sent : 0))
		report(&step, "offset_wrong", (long)(offset - (int64_t)out->offset));
}

static ssize_t by_sendfile(struct outgoing *out)
{
	off_t offset = (off_t)out->offset;
	ssize_t sent = sendfile(out->fd, pattern_fd, &offset, out->size);

	check_offset(out, offset, sent);
	return sent;
}

static ssize_t by_sendfile64(struct outgoing *out)
{
	off64_t offset = (off64_t)out->offset;
	ssize_t sent = sendfile64(out->fd, pattern_fd, &offset, out->size);

	check_offset(out, offset, sent);
	return sent;
}

/* Without an offset of its own the call moves the file's. */
static ssize_t by_sendfile_seek(struct outgoing *out)
{
	lseek(pattern_fd, (off_t)out->offset, SEEK_SET);
	ssize_t sent = sendfile(out->fd, pattern_fd, NULL, out->size);
	int error = errno;

	check_offset(out, lseek(pattern_fd, 0, SEEK_CUR), sent);
	errno = error;
	return sent;
}

/* From a pipe, so no more than that takes. */
/* From a pipe with that much in it, which waits or not. */
static ssize_t splice_from(int pipe_flags, size_t size, const struct outgoing *out, unsigned flags)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | pipe_flags) || (size && syscall(SYS_write, ends[1], out->bytes, size) != (long)size))
		die("pipe: %s", strerror(errno));
	errno = ERRNO_UNTOUCHED;
	ssize_t sent = splice(ends[0], NULL, out->fd, NULL, out->size, flags);
	int error = errno;

	close(ends[0]);
	close(ends[1]);
	errno = error;
	return sent;
}

static size_t piped(const struct outgoing *out)
{
	const size_t most = 65536;

	return out->size < most ? out->size : most;
}

static ssize_t by_splice(struct outgoing *out)
{
	return splice_from(0, piped(out), out, 0);
}

static ssize_t by_splice_nonblock(struct outgoing *out)
{
	return splice_from(0, piped(out), out, SPLICE_F_NONBLOCK);
}

static ssize_t by_splice_of_nothing(struct outgoing *out)
{
	return splice_from(O_NONBLOCK, 0, out, 0);
}

static const struct send_call {
	const char *name;
	ssize_t (*call)(struct outgoing *out);
} send_calls[] = {
	{ "send", by_send },
	{ "sendto", by_sendto },
	{ "sendmsg", by_sendmsg },
	{ "sendmmsg", by_sendmmsg },
	{ "write", by_write },
	{ "writev", by_writev },
	{ "sendfile", by_sendfile },
	{ "sendfile64", by_sendfile64 },
	{ "sendfile_seek", by_sendfile_seek },
	{ "splice", by_splice },
	{ "splice_nonblock", by_splice_nonblock },
	{ "splice_nothing", by_splice_of_nothing },
};

static const struct flag {
	const char *name;
	int value;
} flags[] = {
	{ "dontwait", MSG_DONTWAIT }, { "nosignal", MSG_NOSIGNAL }, { "more", MSG_MORE },
	{ "oob", MSG_OOB },           { "zerocopy", MSG_ZEROCOPY }, { "fastopen", MSG_FASTOPEN },
};

/* Read "dontwait+oob". */
static int parse_flags(const char *list)
{
	char *copy = strdup(list), *rest;
	int value = 0;

	for (char *name = strtok_r(copy, "+", &rest); name; name = strtok_r(NULL, "+", &rest))
		for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
			if (strcmp(flags[i].name, name) == 0)
				value |= flags[i].value;
	free(copy);
	return value;
}

struct shape shape_of(const struct step *step)
{
	struct shape shape = { .flags = parse_flags(option(step, "flags", "")) };
	const long port = number_option(step, "to", 0);

	shape.control = number_option(step, "control", 0) != 0;
	shape.pieces = (int)number_option(step, "iov", 1);
	if (shape.pieces < 1 || shape.pieces > MOST_PIECES)
		die("iov=%d", shape.pieces);
	if (port)
		shape.to_size = loopback(&shape.to, slot_of(step)->family, (unsigned)port);
	return shape;
}

struct measured send_once(const char *call, struct slot *slot, size_t size, const struct shape *shape)
{
	struct measured m;

	for (size_t i = 0; i < sizeof send_calls / sizeof *send_calls; i++) {
		if (strcmp(send_calls[i].name, call) != 0)
			continue;
		struct outgoing out = { slot->fd, *slot->sent, pattern_at(*slot->sent, size), size, *shape };

		MEASURE(&m, send_calls[i].call(&out));
		check_errno(&m);
		if (m.ret > 0)
			*slot->sent += (uint64_t)m.ret;
		return m;
	}
	die("no call %s", call);
}

/* send CALL BYTES [flags=] [iov=] [to=PORT] [control=1] */
void step_send(struct step *step)
{
	struct shape shape = shape_of(step);
	struct measured m = send_once(word(step, 0), slot_of(step), (size_t)number_word(step, 1), &shape);

	report_measured(step, &m);
}

/* Call again and again, at most `chunk` bytes at a time, until all is sent or a call fails. */
static void send_until(struct step *step, const char *call, size_t bytes, size_t chunk)
{
	struct slot *slot = slot_of(step);
	struct shape shape = shape_of(step);
	struct measured all = { .start_us = now_us() }, m = { 0 };
	long calls = 0;

	while ((size_t)all.ret < bytes) {
		const size_t left = bytes - (size_t)all.ret;

		m = send_once(call, slot, left < chunk ? left : chunk, &shape);
		calls++;
		if (m.ret < 0)
			break;
		all.ret += m.ret;
	}
	all.error = m.error;
	all.end_us = now_us();
	report_measured(step, &all);
	report(step, "calls", calls);
	report(step, "last_ms", (long)((m.end_us - m.start_us) / 1000));
}

/* sendall CALL BYTES [chunk=]: as programs do with a blocking socket */
void step_sendall(struct step *step)
{
	const size_t bytes = (size_t)number_word(step, 1);

	send_until(step, word(step, 0), bytes, (size_t)number_option(step, "chunk", (long)bytes));
}

/*
 * fill CALL [settle=1]: until the socket refuses
 *
 * settle: and again, until it has refused everything for longer than it takes the first probe of a closed window, which
 * makes room once more.
 */
void step_fill(struct step *step)
{
	const struct timespec moment = { .tv_nsec = 350000000L };
	const uint64_t *sent = slot_of(step)->sent;

	send_until(step, word(step, 0), MOST_BYTES / 2, CHUNK_BYTES);
	for (uint64_t before = *sent + 1; number_option(step, "settle", 0) && *sent != before;) {
		before = *sent;
		nanosleep(&moment, NULL);
		send_until(step, word(step, 0), MOST_BYTES / 2, CHUNK_BYTES);
	}
}

/* refusals MS: how often a full socket says EAGAIN in so long */
void step_refusals(struct step *step)
{
	const int64_t until_us = now_us() + number_word(step, 0) * 1000;
	const int fd = slot_of(step)->fd;
	long count = 0;

	while (now_us() < until_us)
		for (int i = 0; i < 100; i++)
			count += send(fd, "", 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
	report(step, "count", count);
}

/* By the printf of that name that goes to a descriptor; checked ones are found by name (see fortified()). */
__attribute__((format(printf, 3, 4))) static int print_to(int fd, const char *by, const char *format, ...)
{
	int (*dprintf_chk)(int, int, const char *, ...) =
		(int (*)(int, int, const char *, ...))dlsym(RTLD_DEFAULT, "__dprintf_chk");
	int (*vdprintf_chk)(int, int, const char *, va_list) =
		(int (*)(int, int, const char *, va_list))dlsym(RTLD_DEFAULT, "__vdprintf_chk");
	va_list arguments;
	int printed;

	va_start(arguments, format);
	const int width = va_arg(arguments, int);

	va_end(arguments);
	if (strcmp(by, "dprintf") == 0)
		return dprintf(fd, "%*d", width, 0);
	if (strcmp(by, "dprintf_chk") == 0)
		return dprintf_chk(fd, 1, "%*d", width, 0);
	va_start(arguments, format);
	printed = strcmp(by, "vdprintf") == 0 ? vdprintf(fd, format, arguments) :
						vdprintf_chk(fd, 1, format, arguments);
	va_end(arguments);
	return printed;
}

/* Once through a stream, flushed. */
static ssize_t write_to(FILE *file, const void *bytes, size_t size)
{
	size_t written = fwrite(bytes, 1, size, file);

	return fflush(file) ? -1 : (ssize_t)written;
}

/*
 * stdio BYTES [on=fdopen|stdout|dprintf|vdprintf|dprintf_chk|vdprintf_chk]
 *
 * Through C stdio, whose own writes no library can wrap. The printfs send blanks.
 */
void step_stdio(struct step *step)
{
	struct slot *slot = slot_of(step);
	const size_t bytes = (size_t)number_word(step, 0);
	const char *on = option(step, "on", "fdopen");
	struct measured m;

	if (strcmp(on, "fdopen") == 0) {
		FILE *file = fdopen(slot->fd, "w");

		if (!file)
			die("fdopen: %s", strerror(errno));
		MEASURE(&m, write_to(file, pattern_at(*slot->sent, bytes), bytes));
	} else if (strcmp(on, "stdout") == 0) {
		MEASURE(&m, write_to(stdout, pattern_at(*slot->sent, bytes), bytes));
	} else {
		MEASURE(&m, print_to(slot->fd, on, "%*d", (int)bytes, 0));
	}
	report_measured(step, &m);
}

/* ---- receiving ------------------------------------------------------------------------------------------------- */

struct incoming {
	int fd;
	unsigned char *buffer;
	size_t size;
};

static ssize_t by_recv(struct incoming *in)
{
	return recv(in->fd, in->buffer, in->size, 0);
}

static ssize_t by_recv_dontwait(struct incoming *in)
{
	return recv(in->fd, in->buffer, in->size, MSG_DONTWAIT);
}

static ssize_t by_recv_peek(struct incoming *in)
{
	return recv(in->fd, in->buffer, in->size, MSG_PEEK);
}

static ssize_t by_recvfrom(struct incoming *in)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof from;

	return recvfrom(in->fd, in->buffer, in->size, 0, (struct sockaddr *)&from, &size);
}

static ssize_t by_recvmsg(struct incoming *in)
{
	struct iovec iov[2] = { { in->buffer, in->size / 2 }, { in->buffer + in->size / 2, in->size - in->size / 2 } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };

	return recvmsg(in->fd, &message, 0);
}

static ssize_t by_read(struct incoming *in)
{
	return read(in->fd, in->buffer, in->size);
}

static ssize_t by_readv(struct incoming *in)
{
	struct iovec iov[2] = { { in->buffer, in->size / 2 }, { in->buffer + in->size / 2, in->size - in->size / 2 } };

	return readv(in->fd, iov, 2);
}

/* What a fortified program calls, found by name so that the test does not depend on the compiler's options. */
static void *fortified(const char *name)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	if (!found)
		die("no %s", name);
	return found;
}

static ssize_t by_recv_chk(struct incoming *in)
{
	ssize_t (*call)(int, void *, size_t, size_t, int) =
		(ssize_t(*)(int, void *, size_t, size_t, int))fortified("__recv_chk");

	return call(in->fd, in->buffer, in->size, in->size, 0);
}

static ssize_t by_recvfrom_chk(struct incoming *in)
{
	ssize_t (*call)(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *) =
		(ssize_t(*)(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *))
			fortified("__recvfrom_chk");

	return call(in->fd, in->buffer, in->size, in->size, 0, NULL, NULL);
}

static ssize_t by_read_chk(struct incoming *in)
{
	ssize_t (*call)(int, void *, size_t, size_t) = (ssize_t(*)(int, void *, size_t, size_t))fortified("__read_chk");

	return call(in->fd, in->buffer, in->size, in->size);
}

static const struct receive_call {
	const char *name;
	ssize_t (*call)(struct incoming *in);
} receive_calls[] = {
	{ "recv", by_recv },
	{ "recv_dontwait", by_recv_dontwait },
	{ "recv_peek", by_recv_peek },
	{ "recvfrom", by_recvfrom },
	{ "recvmsg", by_recvmsg },
	{ "read", by_read },
	{ "readv", by_readv },
	{ "recv_chk", by_recv_chk },
	{ "recvfrom_chk", by_recvfrom_chk },
	{ "read_chk", by_read_chk },
};

static bool in_pattern(const unsigned char *bytes, long count, uint64_t offset)
{
	for (long i = 0; i < count; i++)
		if (bytes[i] != pattern_byte(offset + (uint64_t)i))
			return false;
	return true;
}

struct measured receive_once(const char *call, struct slot *slot, size_t size)
{
	unsigned char *buffer = malloc(size ? size : 1);
	struct measured m;

	for (size_t i = 0; i < sizeof receive_calls / sizeof *receive_calls; i++) {
		if (strcmp(receive_calls[i].name, call) != 0)
			continue;
		struct incoming in = { slot->fd, buffer, size };
		struct step step = { .label = "recv" };

		MEASURE(&m, receive_calls[i].call(&in));
		check_errno(&m);
		if (!in_pattern(buffer, m.ret, slot->received))
			report(&step, "not_in_pattern", 1);
		if (m.ret > 0 && strcmp(call, "recv_peek") != 0)
			slot->received += (uint64_t)m.ret;
		free(buffer);
		return m;
	}
	die("no call %s", call);
}

/* recv CALL BYTES */
void step_recv(struct step *step)
{
	struct measured m = receive_once(word(step, 0), slot_of(step), (size_t)number_word(step, 1));

	report_measured(step, &m);
}

/* drain CALL: until there is no more; reports the bytes (total) and what the last call did */
void step_drain(struct step *step)
{
	struct slot *slot = slot_of(step);
	struct measured m;
	long total = 0;

	do {
		m = receive_once(word(step, 0), slot, CHUNK_BYTES);
		if (m.ret > 0)
			total += m.ret;
	} while (m.ret > 0);
	report_measured(step, &m);
	report(step, "total", total);
}
