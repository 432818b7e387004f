/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A process that locks itself in, in every way there is, and then goes on with what it allowed itself.
 *
 * WAY KILLED DESCRIPTOR CALL: a child locks itself in by WAY (prctl, syscall, tsync, strict, strict_syscall, no_tsc), so
 * that the system call KILLED (or, if that is `rest`, all but what it needs itself) kills it, and makes CALL on a pipe, or
 * on a unix or tcp socket. Says what the call returned, and how the child ended.
 *
 * meanwhile CALL: one thread is in a blocking CALL of much when another locks all of them in; then the peer reads. Says
 * what the call returned, what the peer read, and how the child ended.
 *
 * stall ATTEMPT: something that is no sandbox of this process (a prctl or seccomp that fails, a child's), and then a
 * blocking send to a peer that does not read. Says what came of that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

#ifdef SYS_poll
#define POLL SYS_poll
#else
#define POLL SYS_ppoll
#endif

static struct sock_filter filter[24];
static struct sock_fprog filter_program = { .filter = filter };
static long *returned;

#define MUCH (8 << 20)

static char much[MUCH];

static void add(struct sock_filter instruction)
{
	filter[filter_program.len++] = instruction;
}

/* What CALL itself is, to the kernel. */
static const struct call {
	const char *name;
	long number;
} calls[] = {
	{ "write", SYS_write },   { "read", SYS_read }, { "send", SYS_sendto },           { "recv", SYS_recvfrom },
	{ "poll", POLL },         { "close", SYS_close }, { "getsockopt", SYS_getsockopt }, { "fcntl", SYS_fcntl },
	{ "dup", SYS_dup },       { "ppoll", SYS_ppoll }, { "sendto", SYS_sendto },         { "ioctl", SYS_ioctl },
	{ "setsockopt", SYS_setsockopt }, { "getpid", SYS_getpid }, { "gettid", SYS_gettid },
	{ "clock_gettime", SYS_clock_gettime }, { "recvfrom", SYS_recvfrom }, { "sendmsg", SYS_sendmsg },
	{ "end", SYS_read },      { "refused", SYS_write }, { "polled", POLL },
	{ "rt_sigprocmask", SYS_rt_sigprocmask }, { "fstat", SYS_fstat }, { "futex", SYS_futex },
};

static long number_of(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	errno = EINVAL;
	fail(name);
}

/** Of the thread that waits in a call when the sandbox comes; NULL: there is none. */
static const char *sender_call;

static void make_filter(const char *killed, const char *call)
{
	/* The sleeps are another thread's. A call that waits when the sandbox comes has the signals to give back that it held. */
	const long allowed[] = {
		sender_call ? SYS_rt_sigprocmask : SYS_exit_group,
		number_of(call), strcmp(call, "polled") == 0 ? SYS_write : SYS_exit, SYS_exit_group, SYS_rt_sigreturn,
		SYS_clock_nanosleep,
#ifdef SYS_clock_nanosleep_time64
		SYS_clock_nanosleep_time64,
#endif
		SYS_nanosleep,
#ifdef SYS_socketcall
		/* By which libc sends there. */
		sender_call ? SYS_socketcall : SYS_nanosleep,
#endif
	};

	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	if (strcmp(killed, "rest") != 0) {
		add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number_of(killed), 0, 1));
		add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
		add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
		return;
	}
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
		add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1));
		add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	}
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
}

static long synchronize(void)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter_program);
}

static _Atomic long synchronized = 2;

/* Once its maker has made it, whose system calls would be forbidden, too. Does nothing more, for it may not. */
static void *synchronize_and_stay(void *context)
{
	(void)context;
	while (synchronized == 2)
		;
	synchronized = synchronize();
	for (;;)
		;
	return NULL;
}

static long synchronize_from_elsewhere(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, synchronize_and_stay, NULL))
		return -1;
	for (synchronized = 1; synchronized == 1;)
		;
	return synchronized;
}

/* The last that a child does before. Says nothing: it may not. */
static void lock_in(const char *way)
{
	long failed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	if (strcmp(way, "prctl") == 0)
		failed = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter_program);
	else if (strcmp(way, "syscall") == 0)
		failed = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter_program);
	else if (strcmp(way, "tsync_self") == 0)
		failed = synchronize();
	else if (strcmp(way, "tsync") == 0)
		failed = synchronize_from_elsewhere();
	else if (strcmp(way, "strict") == 0)
		failed = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	else if (strcmp(way, "strict_syscall") == 0)
		failed = syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL);
	else if (strcmp(way, "no_tsc") == 0)
		failed = prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
	if (failed)
		syscall(SYS_exit, 99);
}

static long make_call(const char *call, int fd)
{
	struct pollfd waited = { .fd = fd, .events = POLLOUT };
	static char byte;

	if (strcmp(call, "write") == 0)
		return write(fd, &byte, 1);
	if (strcmp(call, "send") == 0)
		return send(fd, &byte, 1, MSG_NOSIGNAL);
	if (strcmp(call, "read") == 0)
		return read(fd, &byte, 1);
	if (strcmp(call, "recv") == 0)
		return recv(fd, &byte, 1, 0);
	/* To the end of file. */
	if (strcmp(call, "end") == 0)
		return read(fd, &byte, 1) == 1 ? read(fd, &byte, 1) : -1;
	/* A full one; but a probe of the peer's window may have made some room. */
	if (strcmp(call, "refused") == 0)
		return write(fd, much, 65536) <= 65536;
	if (strcmp(call, "poll") == 0)
		return poll(&waited, 1, 1000);
	/* A synchronous writer, whose second send is short or refused. */
	if (strcmp(call, "polled") == 0)
		return poll(&waited, 1, 1000) == 1 && write(fd, much, MUCH) > 0 && write(fd, much, MUCH) <= MUCH;
	return close(fd);
}

static int lock_in_and_call(const struct words *words)
{
	const char *way = words->word[0], *call = words->word[3];
	const bool strict = strncmp(way, "strict", 6) == 0, ends_it = strcmp(call, "end") == 0;
	const bool reads = ends_it || strcmp(call, "read") == 0 || strcmp(call, "recv") == 0;
	int ends[2], status = -1;

	returned = mmap(NULL, sizeof *returned, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	open_pair(words->word[2], ends);
	const bool both_ways = strcmp(words->word[2], "pipe") != 0;
	const int fd = reads && !both_ways ? ends[1] : ends[0];

	/* Something to read. */
	syscall(SYS_write, fd == ends[0] && both_ways ? ends[1] : ends[0], "x", 1);
	if (ends_it)
		syscall(SYS_close, fd == ends[0] ? ends[1] : ends[0]);
	if (strcmp(call, "refused") == 0 || strcmp(call, "polled") == 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (!strict)
		make_filter(strcmp(way, "no_tsc") == 0 ? "gettid" : words->word[1], call);
	const pid_t made = fork();

	if (made == 0) {
		/* The library has seen the socket at work before. */
		if (both_ways && !ends_it)
			(void)!write(ends[0], "y", 1);
		if (strcmp(call, "refused") == 0)
			while (write(fd, much, 65536) > 0)
				;
		lock_in(way);
		*returned = make_call(call, fd);
		if (strict)
			syscall(SYS_exit, 0);
		_exit(0);
	}
	if (made < 0 || waitpid(made, &status, 0) != made)
		fail("fork");
	say("returned", *returned);
	say_status("status", status);
	return 0;
}

/* ---- a sandbox that comes while a thread waits ------------------------------------------------------------------- */

static int sender_fd;

static void *send_much(void *context)
{
	(void)context;
	*returned = strcmp(sender_call, "write") == 0 ? write(sender_fd, much, MUCH) : send(sender_fd, much, MUCH, MSG_NOSIGNAL);
	_exit(0);
}

static int lock_in_meanwhile(const struct words *words)
{
	int ends[2], status = -1;
	long total = 0, count;
	pthread_t thread;

	returned = mmap(NULL, sizeof *returned, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	open_pair("tcp", ends);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &(int){ 60000 }, sizeof(int));
	setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &(int){ 60000 }, sizeof(int));
	sender_fd = ends[0];
	sender_call = words->word[1];
	make_filter("rest", sender_call);
	const pid_t made = fork();

	if (made == 0) {
		if (pthread_create(&thread, NULL, send_much, NULL))
			syscall(SYS_exit_group, 98);
		pause_ms(200);
		lock_in("tsync_self");
		pause_ms(5000);
		syscall(SYS_exit_group, 97);
	}
	syscall(SYS_close, ends[0]);
	pause_ms(500);
	while ((count = syscall(SYS_read, ends[1], much, MUCH)) > 0)
		total += count;
	if (made < 0 || waitpid(made, &status, 0) != made)
		fail("fork");
	say("returned", *returned);
	say("read", total);
	say_status("status", status);
	return 0;
}

/* ---- what is no sandbox of ours ---------------------------------------------------------------------------------- */

/* A sandbox that allows everything, and is one nevertheless. */
static void lock_child_in(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	_exit(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter_program) ? 99 : 0);
}

static long attempt(const char *what)
{
	int status = -1;
	pid_t made;

	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	if (strcmp(what, "bad_filter") == 0)
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (void *)16);
	if (strcmp(what, "bad_mode") == 0)
		return prctl(PR_SET_SECCOMP, 77, NULL);
	if (strcmp(what, "bad_syscall") == 0)
		return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (void *)16);
	if (strcmp(what, "asked") == 0)
		return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(uint32_t){ SECCOMP_RET_ALLOW });
	if (strcmp(what, "got") == 0)
		return prctl(PR_GET_SECCOMP);
	if (strcmp(what, "no_new_privs") == 0)
		return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	made = strcmp(what, "vforked") == 0 ? vfork() : fork();
	if (made == 0)
		lock_child_in();
	waitpid(made, &status, 0);
	return status;
}

static int stall_after(const char *what)
{
	static char bytes[16 << 20];
	int ends[2];

	connect_pair(ends);
	say("attempt", attempt(what));
	const int64_t start = now_ms();
	ssize_t sent = send(ends[0], bytes, sizeof bytes, MSG_NOSIGNAL);

	say("short", sent > 0 && sent < (ssize_t)sizeof bytes);
	sent = send(ends[0], bytes, sizeof bytes, MSG_NOSIGNAL);
	say_result("next", sent, errno);
	say("ms", now_ms() - start);
	return 0;
}

int main(int argc, char **argv)
{
	const struct words words = words_of(argc, argv);

	signal(SIGPIPE, SIG_IGN);
	if (strcmp(words.word[0], "meanwhile") == 0)
		return lock_in_meanwhile(&words);
	return strcmp(words.word[0], "stall") == 0 ? stall_after(words.word[1]) : lock_in_and_call(&words);
}
