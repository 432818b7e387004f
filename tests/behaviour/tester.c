/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The tester's script and its plain steps. See tester.h for what a script is.
 */
#include "tester.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "early.h"

static char *program, *title_place;
static struct slot slots[MOST_SLOTS];
static struct step *background;

/* ---- reporting --------------------------------------------------------------------------------------------------- */

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	_exit(2);
}

int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void report(const struct step *step, const char *key, long value)
{
	char line[128];
	int length = snprintf(line, sizeof line, "%s.%s=%ld\n", step->label, key, value);

	/* One write a line: steps in the background report, too. */
	(void)!syscall(SYS_write, RESULTS_FD, line, (size_t)length);
}

void report_measured(const struct step *step, const struct measured *m)
{
	struct slot *slot = slot_of(step);
	int64_t least_us, most_us;

	report(step, "ret", m->ret);
	report(step, "errno", m->error);
	report(step, "ms", (long)((m->end_us - m->start_us) / 1000));
	if (!slot->watch)
		return;
	watch_stall(slot, m->start_us, m->end_us, &least_us, &most_us);
	report(step, "stall_least", (long)(least_us / 1000));
	report(step, "stall_most", (long)(most_us / 1000));
}

void check_errno(const struct measured *m)
{
	if (m->ret >= 0 && m->error != ERRNO_UNTOUCHED)
		(void)!syscall(SYS_write, RESULTS_FD, "errno_touched=1\n", 16);
}

int out_of_the_way(int fd)
{
	const long moved = syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, RESULTS_FD + 1);

	/* By libc: the thread sanitizer keeps a record of descriptors. */
	close(fd);
	return (int)moved;
}

/* ---- the words of a step ----------------------------------------------------------------------------------------- */

struct slot *numbered_slot(int number)
{
	if (number < 0 || number >= MOST_SLOTS)
		die("slot %d", number);
	return &slots[number];
}

struct slot *slot_of(const struct step *step)
{
	return numbered_slot(step->slot);
}

const char *word(const struct step *step, int n)
{
	if (n >= step->n_words)
		die("%s needs %d words", step->name, n + 1);
	return step->words[n];
}

static long number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 0);

	if (*end || end == text)
		die("%s is no number", text);
	return value;
}

long number_word(const struct step *step, int n)
{
	return number(word(step, n));
}

const char *option(const struct step *step, const char *key, const char *otherwise)
{
	const size_t length = strlen(key);

	for (int i = 0; i < step->n_words; i++)
		if (strncmp(step->words[i], key, length) == 0 && step->words[i][length] == '=')
			return step->words[i] + length + 1;
	return otherwise;
}

long number_option(const struct step *step, const char *key, long otherwise)
{
	const char *value = option(step, key, NULL);

	return value ? number(value) : otherwise;
}

/* ---- making and connecting sockets ------------------------------------------------------------------------------- */

socklen_t loopback(struct sockaddr_storage *address, int family, unsigned port)
{
	memset(address, 0, sizeof *address);
	if (family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

		*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
		in6->sin6_addr = in6addr_loopback;
		return sizeof *in6;
	}
	struct sockaddr_in *in = (struct sockaddr_in *)address;

	*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof *in;
}

static void take(int slot, int fd, int family)
{
	struct slot *taken = numbered_slot(slot);

	if (fd < 0)
		die("no descriptor: %s", strerror(errno));
	*taken = (struct slot){ .fd = fd, .family = family, .sent = calloc(1, sizeof *taken->sent) };
}

static const struct kind {
	const char *name;
	int family, type, protocol;
} kinds[] = {
	{ "tcp4", AF_INET, SOCK_STREAM, 0 },
	{ "tcp6", AF_INET6, SOCK_STREAM, 0 },
	{ "mptcp4", AF_INET, SOCK_STREAM, IPPROTO_MPTCP },
	{ "udp4", AF_INET, SOCK_DGRAM, 0 },
	{ "seqpacket", AF_UNIX, SOCK_SEQPACKET, 0 },
	{ "unix", AF_UNIX, SOCK_STREAM, 0 },
};

static void take_pair(const struct step *step, const int ends[2], int family)
{
	take(step->slot, ends[0], family);
	take(step->slot + 1, ends[1], family);
}

/*
 * sock tcp4|tcp6|mptcp4|udp4|unix|seqpacket|pipe|file
 *
 * unix, seqpacket: a connected pair, the other end in the next slot; pipe: to write in this slot, to read in the next.
 */
static void step_sock(struct step *step)
{
	const char *name = word(step, 0);
	int ends[2];

	if (strcmp(name, "pipe") == 0) {
		if (pipe2(ends, O_CLOEXEC))
			die("pipe: %s", strerror(errno));
		take_pair(step, (int[]){ ends[1], ends[0] }, AF_UNSPEC);
		return;
	}
	if (strcmp(name, "file") == 0) {
		take(step->slot, memfd_create("file", MFD_CLOEXEC), AF_UNSPEC);
		return;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const struct kind *kind = &kinds[i];

		if (strcmp(kind->name, name) != 0)
			continue;
		if (kind->family != AF_UNIX) {
			take(step->slot, socket(kind->family, kind->type | SOCK_CLOEXEC, kind->protocol), kind->family);
			return;
		}
		if (socketpair(AF_UNIX, kind->type | SOCK_CLOEXEC, 0, ends))
			die("socketpair: %s", strerror(errno));
		take_pair(step, ends, AF_UNIX);
		return;
	}
	die("no kind %s", name);
}

static long usual_port;

/* port PORT: where connect goes to that names none */
static void step_port(struct step *step)
{
	usual_port = number_word(step, 0);
}

/* ::ffff:127.0.0.1 */
static void map_loopback(struct sockaddr_storage *address)
{
	struct in6_addr *in6 = &((struct sockaddr_in6 *)address)->sin6_addr;

	memset(in6, 0, sizeof *in6);
	memset(in6->s6_addr + 10, 0xff, 2);
	in6->s6_addr[12] = 127;
	in6->s6_addr[15] = 1;
}

/* connect [PORT|unspec] [at=ADDRESS] [mapped=1] [bad=1]: to loopback, or an IPv4 address; mapped: to IPv4's loopback, from an
 * IPv6 socket */
static void step_connect(struct step *step)
{
	struct slot *slot = slot_of(step);
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof(struct sockaddr_in);
	struct measured m;

	const char *elsewhere = option(step, "at", NULL);

	if (!step->n_words)
		size = loopback(&address, slot->family, (unsigned)usual_port);
	else if (strcmp(word(step, 0), "unspec") != 0)
		size = loopback(&address, slot->family, (unsigned)number_word(step, 0));
	else
		/* The next connection's peer expects the pattern from its beginning. */
		slot->received = *slot->sent = 0;
	if (elsewhere && inet_pton(AF_INET, elsewhere, &((struct sockaddr_in *)&address)->sin_addr) != 1)
		die("at=%s", elsewhere);
	if (number_option(step, "mapped", 0))
		map_loopback(&address);
	/* bad: an address that is nowhere. */
	struct sockaddr *to = number_option(step, "bad", 0) ? (struct sockaddr *)8 : (struct sockaddr *)&address;

	MEASURE(&m, connect(slot->fd, to, size));
	check_errno(&m);
	report_measured(step, &m);
}

/* unixfull: connects to a listener of AF_UNIX until one has to wait; says so before that one */
static void step_unixfull(struct step *step)
{
	/* In no folder: the first byte is 0 (unix(7)). */
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					   (size_t)snprintf(address.sun_path + 1, 20, "tester.%d", getpid()));

	if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 0))
		die("listener: %s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct measured m;

		if (i == 1)
			report(step, "waits", 1);
		MEASURE(&m, connect(fd, (struct sockaddr *)&address, size));
		report_measured(step, &m);
	}
}

/* listen [at=PORT]: on a port of the kernel's choice if none is given */
static void step_listen(struct step *step)
{
	struct slot *slot = slot_of(step);
	struct sockaddr_storage address;
	socklen_t size = loopback(&address, slot->family, (unsigned)number_option(step, "at", 0));
	const int on = 1;
	struct measured m;

	setsockopt(slot->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(slot->fd, (struct sockaddr *)&address, size))
		die("bind: %s", strerror(errno));
	MEASURE(&m, listen(slot->fd, 8));
	check_errno(&m);
	report_measured(step, &m);
}

/* client: connects to the slot's listener by raw system calls and never reads */
static void step_client(struct step *step)
{
	struct slot *slot = slot_of(step);
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	long fd = syscall(SYS_socket, slot->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (getsockname(slot->fd, (struct sockaddr *)&address, &size) || syscall(SYS_connect, fd, &address, size))
		die("client: %s", strerror(errno));
}

/* accept accept|accept4 SLOT: from the slot's listener into slot SLOT */
static void step_accept(struct step *step)
{
	struct slot *slot = slot_of(step);
	const bool by_accept4 = strcmp(word(step, 0), "accept4") == 0;
	struct measured m;

	MEASURE(&m, by_accept4 ? accept4(slot->fd, NULL, NULL, SOCK_CLOEXEC) : accept(slot->fd, NULL, NULL));
	check_errno(&m);
	take((int)number_word(step, 1), (int)m.ret, slot->family);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static const struct socket_option {
	const char *name;
	int level, option;
} options[] = {
	{ "error", SOL_SOCKET, SO_ERROR },
	{ "sndbuf", SOL_SOCKET, SO_SNDBUF },
	{ "zerocopy", SOL_SOCKET, SO_ZEROCOPY },
	{ "user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT },
	{ "nodelay", IPPROTO_TCP, TCP_NODELAY },
	{ "maxseg", IPPROTO_TCP, TCP_MAXSEG },
	{ "keepalive", SOL_SOCKET, SO_KEEPALIVE },
	{ "keepidle", IPPROTO_TCP, TCP_KEEPIDLE },
	{ "keepcnt", IPPROTO_TCP, TCP_KEEPCNT },
	{ "fastopen_connect", IPPROTO_TCP, TCP_FASTOPEN_CONNECT },
};

static const struct socket_option *find_option(const char *name)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	die("no option %s", name);
}

/* setopt NAME VALUE; sndtimeo in milliseconds */
static void step_setopt(struct step *step)
{
	const int fd = slot_of(step)->fd, value = (int)number_word(step, 1);
	int failed;

	if (strcmp(word(step, 0), "sndtimeo") == 0) {
		const struct timeval time = { value / 1000, value % 1000 * 1000L };

		failed = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
	} else {
		const struct socket_option *option = find_option(word(step, 0));

		failed = setsockopt(fd, option->level, option->option, &value, sizeof value);
	}
	report(step, "ret", failed);
}

/* getopt NAME: as programs do, through libc; sndtimeo in milliseconds */
static void step_getopt(struct step *step)
{
	const int fd = slot_of(step)->fd;
	int value = -1;
	struct measured m;

	if (strcmp(word(step, 0), "sndtimeo") == 0) {
		struct timeval time = { 0 };
		socklen_t size = sizeof time;

		MEASURE(&m, getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, &size));
		value = (int)(time.tv_sec * 1000 + time.tv_usec / 1000);
	} else {
		const struct socket_option *option = find_option(word(step, 0));
		socklen_t size = sizeof value;

		MEASURE(&m, getsockopt(fd, option->level, option->option, &value, &size));
	}
	check_errno(&m);
	report(step, "ret", m.ret);
	report(step, "errno", m.error);
	report(step, "value", value);
}

static long raw_option(int fd, const char *name)
{
	if (strcmp(name, "nonblock") == 0)
		return (syscall(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK) != 0;
	if (strcmp(name, "outstanding") == 0) {
		int outstanding = -1;

		syscall(SYS_ioctl, fd, SIOCOUTQ, &outstanding);
		return outstanding;
	}
	if (strcmp(name, "sndtimeo") == 0) {
		struct timeval time = { 0 };
		socklen_t size = sizeof time;

		syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &time, &size);
		return time.tv_sec * 1000 + time.tv_usec / 1000;
	}
	const struct socket_option *option = find_option(name);
	int value = -1;
	socklen_t size = sizeof value;

	syscall(SYS_getsockopt, fd, option->level, option->option, &value, &size);
	return value;
}

/* rawopt NAME: what the kernel has, past the library; also nonblock, outstanding, sndtimeo (milliseconds) */
static void step_rawopt(struct step *step)
{
	report(step, "value", raw_option(slot_of(step)->fd, word(step, 0)));
}

/* nonblock 0|1 [by=fcntl|fcntl64|ioctl] */
static void step_nonblock(struct step *step)
{
	const int fd = slot_of(step)->fd;
	const char *by = option(step, "by", "fcntl");
	int on = number_word(step, 0) != 0;
	struct measured m;

	if (strcmp(by, "ioctl") == 0)
		MEASURE(&m, ioctl(fd, FIONBIO, &on));
	else if (strcmp(by, "fcntl64") == 0)
		MEASURE(&m, fcntl64(fd, F_SETFL, on ? O_NONBLOCK : 0));
	else
		MEASURE(&m, fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0));
	check_errno(&m);
	report(step, "ret", m.ret);
}

/* peername: reports ret, errno */
static void step_peername(struct step *step)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	struct measured m;

	MEASURE(&m, getpeername(slot_of(step)->fd, (struct sockaddr *)&address, &size));
	check_errno(&m);
	report_measured(step, &m);
}

/* accepted: how many bytes the kernel has taken from the slot's calls and how many the calls said */
static void step_accepted(struct step *step)
{
	struct slot *slot = slot_of(step);
	struct tcp_info info;
	socklen_t size = sizeof info;
	int outstanding = 0;

	memset(&info, 0, sizeof info);
	syscall(SYS_getsockopt, slot->fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	syscall(SYS_ioctl, slot->fd, SIOCOUTQ, &outstanding);
	/* The SYN was acknowledged, too. */
	report(step, "kernel", (long)info.tcpi_bytes_acked - 1 + outstanding);
	report(step, "counted", (long)*slot->sent);
}

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

/* close */
static void step_close(struct step *step)
{
	struct slot *slot = slot_of(step);
	struct measured m;

	watch_stop(slot);
	MEASURE(&m, close(slot->fd));
	check_errno(&m);
	report(step, "ret", m.ret);
}

/* shutdown wr|rdwr */
static void step_shutdown(struct step *step)
{
	report(step, "ret", shutdown(slot_of(step)->fd, strcmp(word(step, 0), "wr") == 0 ? SHUT_WR : SHUT_RDWR));
}

/* A duplicate by the call of that name, on any number. */
static int duplicate(int fd, const char *by)
{
	const int free_number = 60;

	if (strcmp(by, "dup3") == 0)
		return dup3(fd, free_number, O_CLOEXEC);
	if (strcmp(by, "fcntl") == 0)
		return fcntl(fd, F_DUPFD, free_number + 1);
	if (strcmp(by, "fcntl64") == 0)
		return fcntl64(fd, F_DUPFD_CLOEXEC, free_number + 2);
	return dup(fd);
}

/* dup SLOT [by=dup|dup3|fcntl|fcntl64]: a duplicate into slot SLOT */
static void step_dup(struct step *step)
{
	struct slot *copy = numbered_slot((int)number_word(step, 0));

	*copy = *slot_of(step);
	copy->watch = NULL;
	copy->fd = duplicate(copy->fd, option(step, "by", "dup"));
}

/* dup2 SLOT: onto the number that slot SLOT has, whose socket is closed by that */
static void step_dup2(struct step *step)
{
	struct slot *over = numbered_slot((int)number_word(step, 0));
	const int fd = over->fd;

	watch_stop(over);
	*over = *slot_of(step);
	over->watch = NULL;
	over->fd = dup2(over->fd, fd);
}

/* disarm: no SO_SNDTIMEO from now on, by a call that the library does not see */
static void step_disarm(struct step *step)
{
	const struct timeval none = { 0 };

	report(step, "ret", syscall(SYS_setsockopt, slot_of(step)->fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none));
}

/* pass SLOT: disarms, and hands the descriptor over to slot SLOT in a message, of which only the receipt is seen */
static void step_pass(struct step *step)
{
	struct slot *to = numbered_slot((int)number_word(step, 0));
	char byte = 0;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof control };
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	struct measured m;
	int ends[2];

	*rights = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(rights), &slot_of(step)->fd, sizeof(int));
	step_disarm(&(struct step){ .label = "disarm", .slot = step->slot });
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) || syscall(SYS_sendmsg, ends[0], &message, 0) != 1)
		die("sendmsg: %s", strerror(errno));
	MEASURE(&m, recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC));
	check_errno(&m);
	report(step, "ret", m.ret);
	*to = *slot_of(step);
	to->watch = NULL;
	memcpy(&to->fd, CMSG_DATA(rights), sizeof(int));
	close(ends[0]);
	close(ends[1]);
}

/* fds: how many descriptors are open */
static void step_fds(struct step *step)
{
	long count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += syscall(SYS_fcntl, fd, F_GETFD) >= 0;
	report(step, "count", count);
}

/* watch: from now on measure stalls on this slot */
static void step_watch(struct step *step)
{
	watch_start(slot_of(step));
}

/* ---- time, signals, threads, processes ---------------------------------------------------------------------------- */

/* sleep MS */
static void step_sleep(struct step *step)
{
	const long ms = number_word(step, 0);
	struct timespec left = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
	(void)signal;
	alarms = alarms + 1;
}

static void handle_alarm(void (*handler)(int), int sigaction_flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = sigaction_flags };

	sigaction(SIGALRM, &action, NULL);
}

/* SIGALRM after `first_ms` and then every `every_ms`; 0 and 0: no more */
static void set_timer(long first_ms, long every_ms)
{
	const struct itimerval timer = {
		.it_value = { first_ms / 1000, first_ms % 1000 * 1000L },
		.it_interval = { every_ms / 1000, every_ms % 1000 * 1000L },
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* timer FIRST_MS EVERY_MS restart|interrupt: a handler of that kind for SIGALRM. timer 0 0 off: reports the count. */
static void step_timer(struct step *step)
{
	const char *kind = word(step, 2);

	if (strcmp(kind, "off") != 0)
		handle_alarm(on_alarm, strcmp(kind, "restart") == 0 ? SA_RESTART : 0);
	set_timer(number_word(step, 0), number_word(step, 1));
	report(step, "count", alarms);
}

/* crashhandler: for SIGSEGV, as programs have that want to report a crash */
static void step_crashhandler(struct step *step)
{
	const struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_NODEFER };

	report(step, "ret", sigaction(SIGSEGV, &action, NULL));
}

static void run_step(struct step *step);
static struct step *parse_step(char *text);

static sigjmp_buf jump_target;

static void on_alarm_jump(int signal)
{
	(void)signal;
	siglongjmp(jump_target, 1);
}

/* The words of a step from number @p first on as a step of their own, with its label if it was given one. */
static struct step *inner_step(const struct step *step, int first)
{
	char text[256] = "";

	for (int i = first; i < step->n_words; i++)
		strcat(strcat(text, step->words[i]), " ");
	struct step *inner = parse_step(strdup(text));

	if (strcmp(step->label, step->name) != 0)
		inner->label = step->label;
	return inner;
}

/* jump MS STEP...: runs the step and leaves it by siglongjmp from a handler after so long; reports whether it did */
static void step_jump(struct step *step)
{
	handle_alarm(on_alarm_jump, 0);
	if (sigsetjmp(jump_target, 1)) {
		report(step, "jumped", 1);
		return;
	}
	set_timer(number_word(step, 0), 0);
	run_step(inner_step(step, 1));
	set_timer(0, 0);
	report(step, "jumped", 0);
}

static struct step *find_background(const char *label)
{
	for (struct step *step = background; step; step = step->next)
		if (strcmp(step->label, label) == 0 && !step->joined)
			return step;
	die("no step %s in the background", label);
}

static void join(struct step *step)
{
	void *result;

	pthread_join(step->thread, &result);
	step->joined = true;
	report(step, "cancelled", result == PTHREAD_CANCELED);
	report(step, "unwound", step->unwound);
}

/* join LABEL */
static void step_join(struct step *step)
{
	join(find_background(word(step, 0)));
}

/* cancel LABEL: pthread_cancel(), then join */
static void step_cancel(struct step *step)
{
	struct step *cancelled = find_background(word(step, 0));

	pthread_cancel(cancelled->thread);
	join(cancelled);
}

/* interrupt LABEL restart|interrupt: a signal for the thread in the background, with a handler of that kind */
static void step_interrupt(struct step *step)
{
	struct sigaction action = { .sa_handler = on_alarm };

	action.sa_flags = strcmp(word(step, 1), "restart") == 0 ? SA_RESTART : 0;
	sigaction(SIGUSR1, &action, NULL);
	pthread_kill(find_background(word(step, 0))->thread, SIGUSR1);
}

static char *remaining_script;

static void set_limit(const struct step *step, const char *key, const char *variable)
{
	const char *value = option(step, key, NULL);

	if (value)
		setenv(variable, value, 1);
}

/* exec FD [send=DUR] [connect=DUR] [as=PATH]: go on with the rest of the script in a new image, which is begun by another path of the
 * same file, the slot's descriptor as FD */
static void step_exec(struct step *step)
{
	struct slot *slot = slot_of(step);
	const int fd = (int)number_word(step, 0);
	char sent[32];

	watch_stop(slot);
	snprintf(sent, sizeof sent, "%llu", (unsigned long long)*slot->sent);
	setenv("TESTER_SENT", sent, 1);
	set_limit(step, "send", "SNDTIMEO_SEND");
	set_limit(step, "connect", "SNDTIMEO_CONNECT");
	if (dup2(slot->fd, fd) < 0 || fcntl(fd, F_SETFD, 0))
		die("dup2: %s", strerror(errno));
	char *arguments[] = { program, remaining_script, NULL };

	execv(option(step, "as", program), arguments);
	die("%s: %s", program, strerror(errno));
}

static pid_t child;

/* child STEP...: runs the step in a child, while this process goes on */
static void step_child(struct step *step)
{
	child = fork();
	if (child < 0)
		die("fork: %s", strerror(errno));
	if (child)
		return;
	run_step(inner_step(step, 0));
	_exit(0);
}

/* reap: waits for the child; reports its status */
static void step_reap(struct step *step)
{
	int status = -1;

	if (waitpid(child, &status, 0) != child)
		die("waitpid: %s", strerror(errno));
	report(step, "status", status);
}

/* link all|big|ack|none [after=MS]: what the delayed link loses from then on (delayline.py) */
static void step_link(struct step *step)
{
	const char *mode = word(step, 0), *path = getenv("TESTER_LINK");
	const struct timespec later = { .tv_nsec = number_option(step, "after", 0) % 1000 * 1000000L,
					.tv_sec = number_option(step, "after", 0) / 1000 };
	/* The link looks from time to time. */
	const struct timespec seen = { .tv_nsec = 50000000L };

	nanosleep(&later, NULL);
	const int fd = path ? open(path, O_WRONLY | O_TRUNC | O_CLOEXEC) : -1;

	if (fd < 0)
		die("TESTER_LINK");
	if (strcmp(mode, "none") != 0 && write(fd, mode, strlen(mode)) < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
	nanosleep(&seen, NULL);
}

/* freeze MS after=MS: this process is stopped and goes on so much later, as by a debugger or in a frozen container. */
static void step_freeze(struct step *step)
{
	const long ms = number_word(step, 0), after_ms = number_option(step, "after", 0);
	const struct timespec later = { .tv_sec = after_ms / 1000, .tv_nsec = after_ms % 1000 * 1000000L };
	const struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&later, NULL);
	const pid_t frozen = getpid(), waker = fork();

	if (waker < 0)
		die("fork: %s", strerror(errno));
	if (waker == 0) {
		kill(frozen, SIGSTOP);
		nanosleep(&rest, NULL);
		kill(frozen, SIGCONT);
		_exit(0);
	}
	waitpid(waker, NULL, 0);
}

static volatile sig_atomic_t handler_fd;
static volatile sig_atomic_t handler_written;

static void on_alarm_write(int signal)
{
	const int before = errno;

	(void)signal;
	if (write(handler_fd, ".", 1) == 1)
		handler_written = handler_written + 1;
	errno = before;
}

/* timerwrite EVERY_MS: SIGALRM's handler, which restarts, writes a byte to the slot. timerwrite 0: reports how many. */
static void step_timerwrite(struct step *step)
{
	const long every_ms = number_word(step, 0);

	handler_fd = slot_of(step)->fd;
	if (every_ms)
		handle_alarm(on_alarm_write, SA_RESTART);
	set_timer(every_ms, every_ms);
	report(step, "count", handler_written);
}

/* A child that ends at once, made by the call of that name. */
static pid_t make_child(const char *by)
{
	char *arguments[] = { (char *)"true", NULL };
	pid_t made = -1;

	if (strcmp(by, "spawn") == 0)
		return posix_spawnp(&made, arguments[0], NULL, NULL, arguments, environ) ? -1 : made;
	if (strcmp(by, "vfork") == 0) {
		made = vfork();
		if (made == 0) {
			execvp(arguments[0], arguments);
			_exit(1);
		}
		return made;
	}
	made = fork();
	if (made == 0)
		_exit(0);
	return made;
}

/* storm fork|vfork|spawn MS: child after child, for so long; reports how many, and how many failed */
static void step_storm(struct step *step)
{
	const int64_t until_us = now_us() + number_word(step, 1) * 1000;
	long count = 0, failed = 0;

	while (now_us() < until_us) {
		const pid_t made = make_child(word(step, 0));
		int status = -1;

		count++;
		failed += made < 0 || waitpid(made, &status, 0) != made || status != 0;
	}
	report(step, "count", count);
	report(step, "failed", failed);
}

/* sigpipe: from now on it is counted; sigpipe count: reports how many came */
static void step_sigpipe(struct step *step)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };

	if (step->n_words)
		report(step, "count", alarms);
	else
		sigaction(SIGPIPE, &action, NULL);
}

/* fork [close=1]: the rest of the script is the child's, and with close=1 the socket, too; the parent ends as it does */
static void step_fork(struct step *step)
{
	const bool closes = number_option(step, "close", 0);

	watch_stop(slot_of(step));
	const pid_t rest = fork();
	int status = 0;

	if (rest < 0)
		die("fork: %s", strerror(errno));
	if (rest == 0)
		return;
	if (closes)
		close(slot_of(step)->fd);
	if (waitpid(rest, &status, 0) != rest || !WIFEXITED(status))
		die("the child ended with status 0x%x", (unsigned)status);
	_exit(WEXITSTATUS(status));
}

/* adopt FD tcp4|tcp6: what was inherited over exec becomes the slot's */
static void step_adopt(struct step *step)
{
	take(step->slot, (int)number_word(step, 0), strcmp(word(step, 1), "tcp6") == 0 ? AF_INET6 : AF_INET);
	*slot_of(step)->sent = getenv("TESTER_SENT") ? strtoull(getenv("TESTER_SENT"), NULL, 10) : 0;
}

/* exit STATUS: without closing anything */
static void step_exit(struct step *step)
{
	exit((int)number_word(step, 0));
}

/* title: write over the name the program was started by, as setproctitle(3) does */
static void step_title(struct step *step)
{
	(void)step;
	memset(title_place, '-', strlen(title_place));
}

/* early: reports what the constructor in early.c met; behind: how often the functions in behind.c were called */
static void step_results(struct step *step)
{
	char name[32];

	snprintf(name, sizeof name, "%s_results", step->name);
	const struct early_result *results = dlsym(RTLD_DEFAULT, name);

	if (!results)
		die("the library that it asks for is not loaded");
	for (; results->name; results++)
		report(&(struct step){ .label = step->label }, results->name, results->value);
}

/* ---- the script -------------------------------------------------------------------------------------------------- */

static const struct known_step {
	const char *name;
	void (*run)(struct step *step);
} known_steps[] = {
	{ "sock", step_sock },         { "connect", step_connect },     { "listen", step_listen },
	{ "client", step_client },     { "accept", step_accept },       { "setopt", step_setopt },
	{ "getopt", step_getopt },     { "rawopt", step_rawopt },       { "nonblock", step_nonblock },
	{ "peername", step_peername }, { "accepted", step_accepted },   { "close", step_close },
	{ "shutdown", step_shutdown }, { "dup", step_dup },             { "dup2", step_dup2 },
	{ "watch", step_watch },       { "send", step_send },           { "sendall", step_sendall },
	{ "fill", step_fill },         { "stdio", step_stdio },         { "recv", step_recv },
	{ "drain", step_drain },       { "wait", step_wait },           { "epadd", step_epadd },
	{ "epmod", step_epmod },
	{ "epwait", step_epwait },     { "upload", step_upload },       { "sync", step_sync },
	{ "sleep", step_sleep },       { "timer", step_timer },         { "jump", step_jump },
	{ "join", step_join },         { "cancel", step_cancel },       { "interrupt", step_interrupt },
	{ "exec", step_exec },         { "adopt", step_adopt },         { "exit", step_exit },
	{ "early", step_results },     { "behind", step_results },
	{ "port", step_port },
	{ "crashhandler", step_crashhandler },
	{ "timerwrite", step_timerwrite },
	{ "storm", step_storm },
	{ "sigpipe", step_sigpipe },
	{ "child", step_child },
	{ "reap", step_reap },
	{ "unixfull", step_unixfull },
	{ "refusals", step_refusals },
	{ "fds", step_fds },           { "fork", step_fork },
	{ "link", step_link },         { "freeze", step_freeze },
	{ "disarm", step_disarm },     { "pass", step_pass },
	{ "size", step_size },         { "nofile", step_nofile },
	{ "seccomp", step_seccomp },   { "noproc", step_noproc },
	{ "title", step_title },
	{ "unixserve", step_unixserve }, { "unix", step_unix },
	{ "unixlisten", step_unixlisten },
	{ "leave", step_leave },       { "fsize", step_fsize },
	{ "reuse", step_reuse },       { "carry", step_carry },
	{ "shared", step_shared },     { "nest", step_nest },
	{ "rawsock", step_rawsock },   { "rawconnect", step_rawconnect },
	{ "hand", step_hand },         { "past", step_past },
	{ "linger", step_linger },     { "deny", step_deny },         { "waits", step_waits },
	{ "seen", step_seen },         { "own", step_own },
	{ "stranger", step_stranger }, { "orphan", step_orphan },
	{ "quit", step_quit },         { "name", step_name },
	{ "crowd", step_crowd },
};

static struct step *parse_step(char *text)
{
	struct step *step = calloc(1, sizeof *step);
	char *rest;

	if (!step)
		die("calloc");
	for (char *word = strtok_r(text, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
		if (step->n_words == MOST_WORDS)
			die("too many words for %s", step->name);
		if (*word == '@')
			step->label = word + 1;
		else if (*word == '#')
			step->slot = (int)number(word + 1);
		else if (!step->name)
			step->name = word;
		else
			step->words[step->n_words++] = word;
	}
	step->background = step->name && *step->name == '&';
	step->name += step->background;
	if (!step->label)
		step->label = step->name;
	return step;
}

static void run_step(struct step *step)
{
	for (size_t i = 0; i < sizeof known_steps / sizeof *known_steps; i++) {
		if (strcmp(known_steps[i].name, step->name) == 0) {
			known_steps[i].run(step);
			return;
		}
	}
	die("no step %s", step->name);
}

static void note_unwound(struct step **step)
{
	(*step)->unwound = true;
}

/* Cleanups as C++ has them (-fexceptions): only whoever can unwind all frames above gets here when it is cancelled. */
static void *background_main(void *context)
{
	__attribute__((cleanup(note_unwound))) struct step *step = context;

	run_step(step);
	return NULL;
}

static void start_in_background(struct step *step)
{
	sigset_t alarm, before;

	/* The timer is for the main thread. */
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, &before);
	if (pthread_create(&step->thread, NULL, background_main, step))
		die("pthread_create");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	step->next = background;
	background = step;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		die("usage: tester SCRIPT");
	title_place = argv[0];
	program = strdup(argv[0]);
	/* Programs that send to sockets ignore it; without that EPIPE would never be seen. */
	signal(SIGPIPE, SIG_IGN);
	/* Whole: exec hands the rest of it on. */
	remaining_script = argv[1];
	while (remaining_script && *remaining_script) {
		char *text = remaining_script, *end = strchr(text, ';');

		remaining_script = end ? end + 1 : NULL;
		struct step *step = parse_step(strndup(text, end ? (size_t)(end - text) : strlen(text)));

		if (!step->name)
			continue;
		if (step->background)
			start_in_background(step);
		else
			run_step(step);
	}
	for (int i = 0; i < MOST_SLOTS; i++)
		watch_stop(&slots[i]);
	/* Who nobody waited for is nobody's loss. */
	for (struct step *step = background; step; step = step->next)
		if (!step->joined)
			pthread_detach(step->thread);
	return 0;
}
