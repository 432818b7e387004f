/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Calls that go wrong, wait for signals, or are made where hardly anything may be; a line each with what came of
 * it. What is right is what the same program says bare.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int tcp[2], pipes[2], closed_fd, epoll_fd, file_fd;
static void *bad, *read_only;
static volatile sig_atomic_t handled;

static void on_signal(int number)
{
	(void)number;
	handled = handled + 1;
}

static void set_up(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof here;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct epoll_event event = {.events = EPOLLOUT};

	tcp[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&here, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&here, &length) ||
	    connect(tcp[0], (struct sockaddr *)&here, length))
		abort();
	tcp[1] = accept(listener, NULL, NULL);
	epoll_fd = epoll_create1(0);
	file_fd = open("/proc/self/exe", O_RDONLY);
	if (pipe(pipes) || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, tcp[0], &event))
		abort();
	closed_fd = dup(0);
	close(closed_fd);
	bad = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	read_only = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* ---- waits ------------------------------------------------------------------------------------------------------- */

static const struct timespec none, soon = {0, 50000000}, negative = {-1, 0}, too_many = {0, 1000000000},
				   below = {0, -1};

static void handle(int number, int flags)
{
	const struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	sigaction(number, &action, NULL);
}

static sigset_t set_of(int number)
{
	sigset_t set;

	sigemptyset(&set);
	if (number)
		sigaddset(&set, number);
	return set;
}

static void alarm_soon(int flags)
{
	const struct itimerval once = {{0, 0}, {0, 30000}};

	handle(SIGALRM, flags);
	setitimer(ITIMER_REAL, &once, NULL);
}

static long ppoll_of(int fd, short events, const struct timespec *timeout, const sigset_t *mask)
{
	struct pollfd entry = {.fd = fd, .events = events};
	const int count = ppoll(&entry, 1, timeout, mask);

	return count < 0 ? count : count * 1000 + entry.revents;
}

static long ppoll_pending(int fd, short events)
{
	const sigset_t blocked = set_of(SIGUSR1), empty = set_of(0);
	sigset_t after;

	handle(SIGUSR1, SA_RESTART);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	const long count = ppoll_of(fd, events, &soon, &empty);
	const int error = errno;

	sigprocmask(SIG_BLOCK, NULL, &after);
	errno = error;
	return handled == 1 && sigismember(&after, SIGUSR1) ? count : -99;
}

static long ppoll_blocked(void)
{
	const sigset_t blocked = set_of(SIGALRM);

	alarm_soon(0);
	return ppoll_of(tcp[0], POLLIN, &(struct timespec){0, 100000000}, &blocked);
}

static long select_of(int count, int fd, int which, struct timeval *timeout)
{
	fd_set set;

	FD_ZERO(&set);
	if (fd >= 0)
		FD_SET(fd, &set);
	return select(count, which == 0 ? &set : NULL, which == 1 ? &set : NULL, which == 2 ? &set : NULL, timeout);
}

static long pselect_of(int fd, int which, const struct timespec *timeout, const sigset_t *mask)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return pselect(fd + 1, which == 0 ? &set : NULL, which == 1 ? &set : NULL, NULL, timeout, mask);
}

static struct timeval *tv(long seconds, long microseconds)
{
	static struct timeval value;

	value = (struct timeval){seconds, microseconds};
	return &value;
}

static long poll_interrupted(int flags, int fd, short events)
{
	struct pollfd entry = {.fd = fd, .events = events};

	alarm_soon(flags);
	return poll(&entry, 1, 1000);
}

static unsigned long too_many_files(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	return (unsigned long)limit.rlim_cur + 1;
}

static char room[65536 * 2];
static struct epoll_event events[4];

/* ---- where little may be done ------------------------------------------------------------------------------------ */

/* Each returns 0, or bits that say what went wrong. */
static long exchange_by_pipe(void)
{
	struct pollfd entry = {.fd = pipes[1], .events = POLLOUT};
	char got[8];
	long wrong = 0;

	wrong |= poll(&entry, 1, 1000) == 1 && select_of(pipes[1] + 1, pipes[1], 1, tv(1, 0)) == 1 ? 0 : 1;
	wrong |= write(pipes[1], "x", 1) == 1 && read(pipes[0], got, 1) == 1 ? 0 : 2;
	wrong |= close(dup(pipes[0])) == 0 && read(file_fd, got, 1) == 1 ? 0 : 4;
	return wrong;
}

static long exchange_by_tcp(void)
{
	struct iovec part = {room, 5};
	char got[32];
	long wrong = 0;

	wrong |= send(tcp[0], "12345", 5, 0) == 5 && write(tcp[0], "12345", 5) == 5 ? 0 : 1;
	wrong |= writev(tcp[0], &part, 1) == 5 && recv(tcp[1], got, 15, MSG_WAITALL) == 15 ? 0 : 2;
	wrong |= close(dup(tcp[0])) == 0 && socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 4;
	return wrong;
}

static long wait_for_tcp(void)
{
	struct pollfd entry = {.fd = tcp[0], .events = POLLOUT};
	long wrong = 0;

	wrong |= poll(&entry, 1, 1000) == 1 && select_of(tcp[0] + 1, tcp[0], 1, tv(1, 0)) == 1 ? 0 : 1;
	wrong |= epoll_wait(epoll_fd, events, 4, 1000) == 1 ? 0 : 2;
	return wrong;
}

/* Whoever asks for the time, which takes no system call, or reads the processor's counter dies of it. */
static long take_tsc_away(void)
{
	return prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
}

static long strict(int last)
{
	static const char word[] = "written in strict mode\n";

	fflush(stdout);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		return -1;
	if (write(1, word, sizeof word - 1) == sizeof word - 1 && write(pipes[1], "y", 1) == 1 &&
	    read(pipes[0], room, 1) == 1 && write(tcp[0], "z", 1) == 1 && read(tcp[1], room, 1) == 1 && last)
		close(pipes[0]);
	syscall(SYS_exit, 17);
	return 0;
}

/* Allows what a careful program's own filter would, and for others has the process killed, or answers EPERM. */
static long install(unsigned otherwise, int by_syscall)
{
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(write),
		ALLOW(read),
		ALLOW(exit),
		ALLOW(exit_group),
		BPF_STMT(BPF_RET | BPF_K, otherwise),
	};
	const struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return by_syscall ? syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)
	                  : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static long filtered(unsigned otherwise, int by_syscall, int last)
{
	if (install(otherwise, by_syscall) != 0)
		return -1;
	if (write(pipes[1], "y", 1) != 1 || read(pipes[0], room, 1) != 1 || write(tcp[0], "z", 1) != 1 ||
	    read(tcp[1], room, 1) != 1)
		return 64;
	if (last == 1)
		return close(pipes[0]);
	if (last == 2)
		return send(tcp[0], "z", 1, 0);
	return 0;
}

/* A filter that the kernel refuses switches nothing off, and is no reason to behave otherwise. */
static long refused(int how)
{
	const struct sock_fprog empty = {0, NULL};

	if (how == 0)
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, bad);
	if (how == 1)
		return prctl(PR_SET_SECCOMP, 77, 0);
	if (how == 2)
		return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, bad);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &empty);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

#define ROWS                                                                                           \
	ROW(poll(bad, 1, 0))                                                                           \
	ROW(poll(bad, 1, 1000))                                                                        \
	ROW(poll(bad, 0, 0))                                                                           \
	ROW(poll(bad, 0, 50))                                                                          \
	ROW(poll((void *)-1, 1, 0))                                                                    \
	ROW(poll(read_only, 1, 0))                                                                     \
	ROW(poll(NULL, 1, 0))                                                                          \
	ROW(poll(bad, too_many_files(), 0))                                                            \
	ROW(poll_interrupted(0, tcp[0], POLLIN))                                                       \
	ROW(poll_interrupted(SA_RESTART, tcp[0], POLLIN))                                              \
	ROW(poll_interrupted(SA_RESTART, tcp[0], POLLOUT))                                             \
	ROW(poll_interrupted(SA_RESTART, pipes[0], POLLIN))                                            \
	ROW(ppoll(bad, 1, &none, NULL))                                                                \
	ROW(ppoll(bad, 1, NULL, NULL))                                                                 \
	ROW(ppoll(read_only, 1, &none, NULL))                                                          \
	ROW(ppoll(NULL, 0, &none, NULL))                                                               \
	ROW(ppoll(NULL, 0, &none, bad))                                                                \
	ROW(ppoll(NULL, 0, bad, NULL))                                                                 \
	ROW(ppoll(bad, too_many_files(), &none, NULL))                                                 \
	ROW(ppoll_of(tcp[0], POLLOUT, &none, NULL))                                                    \
	ROW(ppoll_of(tcp[0], POLLOUT, NULL, NULL))                                                     \
	ROW(ppoll_of(tcp[0], POLLOUT, &negative, NULL))                                                \
	ROW(ppoll_of(tcp[0], POLLOUT, &too_many, NULL))                                                \
	ROW(ppoll_of(tcp[0], POLLIN, &below, NULL))                                                    \
	ROW(ppoll_of(tcp[0], POLLIN, &soon, NULL))                                                     \
	ROW(ppoll_of(tcp[0], POLLOUT, &soon, bad))                                                     \
	ROW(ppoll_of(tcp[0], POLLIN, &soon, bad))                                                      \
	ROW(ppoll_of(closed_fd, POLLOUT, &soon, NULL))                                                 \
	ROW(ppoll_of(-1, POLLOUT, &soon, NULL))                                                        \
	ROW(ppoll_pending(tcp[0], POLLIN))                                                             \
	ROW(ppoll_pending(tcp[0], POLLOUT))                                                            \
	ROW(ppoll_pending(pipes[0], POLLIN))                                                           \
	ROW(ppoll_blocked())                                                                           \
	ROW((alarm_soon(SA_RESTART), ppoll_of(tcp[0], POLLIN, NULL, NULL)))                            \
	ROW((alarm_soon(0), ppoll_of(pipes[0], POLLIN, NULL, NULL)))                                   \
	ROW(select_of(-1, tcp[0], 1, tv(0, 0)))                                                        \
	ROW(select_of(closed_fd + 1, closed_fd, 0, tv(0, 0)))                                          \
	ROW(select_of(closed_fd + 1, closed_fd, 1, tv(1, 0)))                                          \
	ROW(select_of(closed_fd + 1, closed_fd, 2, NULL))                                              \
	ROW(select_of(tcp[0] + 1, tcp[0], 1, tv(-1, 0)))                                               \
	ROW(select_of(tcp[0] + 1, tcp[0], 1, tv(0, -1)))                                               \
	ROW(select_of(tcp[0] + 1, tcp[0], 1, tv(0, 2000000)))                                          \
	ROW(select_of(tcp[0] + 1, tcp[0], 0, tv(0, 50000)))                                            \
	ROW(select_of(tcp[0] + 1, tcp[0], 1, NULL))                                                    \
	ROW(select(tcp[0] + 1, bad, NULL, NULL, tv(0, 0)))                                             \
	ROW(select(tcp[0] + 1, NULL, bad, NULL, tv(0, 0)))                                             \
	ROW(select(tcp[0] + 1, NULL, bad, NULL, tv(1, 0)))                                             \
	ROW(select(tcp[0] + 1, NULL, NULL, bad, NULL))                                                 \
	ROW(select(tcp[0] + 1, NULL, read_only, NULL, tv(0, 0)))                                       \
	ROW(select(0, bad, bad, bad, tv(0, 1)))                                                        \
	ROW(select(tcp[0] + 1, NULL, NULL, NULL, bad))                                                 \
	ROW((alarm_soon(SA_RESTART), select_of(tcp[0] + 1, tcp[0], 0, NULL)))                          \
	ROW(pselect_of(tcp[0], 1, &negative, NULL))                                                    \
	ROW(pselect_of(tcp[0], 1, &too_many, NULL))                                                    \
	ROW(pselect_of(tcp[0], 1, &soon, bad))                                                         \
	ROW(pselect_of(tcp[0], 0, &soon, NULL))                                                        \
	ROW(pselect_of(closed_fd, 0, &soon, NULL))                                                     \
	ROW(pselect(tcp[0] + 1, NULL, bad, NULL, &soon, NULL))                                         \
	ROW((alarm_soon(SA_RESTART), pselect_of(tcp[0], 0, NULL, NULL)))                               \
	ROW(epoll_wait(epoll_fd, bad, 1, 0))                                                           \
	ROW(epoll_wait(epoll_fd, bad, 1, 1000))                                                        \
	ROW(epoll_wait(epoll_fd, read_only, 1, 0))                                                     \
	ROW(epoll_wait(epoll_fd, events, 0, 0))                                                        \
	ROW(epoll_wait(epoll_fd, events, -1, 0))                                                       \
	ROW(epoll_wait(tcp[0], events, 1, 0))                                                          \
	ROW(epoll_wait(closed_fd, events, 1, 0))                                                       \
	ROW(epoll_pwait(epoll_fd, events, 1, 0, bad))                                                  \
	ROW(epoll_pwait(epoll_fd, events, 1, 1000, bad))                                               \
	ROW(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, tcp[0], bad))                                           \
	ROW(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, tcp[0], events))                                        \
	ROW(send(tcp[0], bad, 10, 0))                                                                  \
	ROW(send(tcp[0], bad, 0, 0))                                                                   \
	ROW(send(tcp[0], "x", 1, -1))                                                                  \
	ROW(send(closed_fd, "x", 1, 0))                                                                \
	ROW(send(pipes[1], "x", 1, 0))                                                                 \
	ROW(sendto(tcp[0], "x", 1, 0, bad, 16))                                                        \
	ROW(sendmsg(tcp[0], bad, 0))                                                                   \
	ROW(sendmsg(tcp[0], &(struct msghdr){.msg_iov = bad, .msg_iovlen = 2}, 0))                     \
	ROW(sendmsg(tcp[0], &(struct msghdr){.msg_iov = bad, .msg_iovlen = 2000}, 0))                  \
	ROW(sendmsg(tcp[0], &(struct msghdr){.msg_iov = &(struct iovec){bad, 9}, .msg_iovlen = 1}, 0)) \
	ROW(sendmsg(tcp[0], &(struct msghdr){.msg_control = bad, .msg_controllen = 20}, 0))            \
	ROW(sendmmsg(tcp[0], bad, 2, 0))                                                               \
	ROW(sendmmsg(tcp[0], bad, 0, 0))                                                               \
	ROW(write(tcp[0], bad, 10))                                                                    \
	ROW(write(tcp[0], room + sizeof room - 10, 10))                                                \
	ROW(writev(tcp[0], bad, 2))                                                                    \
	ROW(writev(tcp[0], &(struct iovec){bad, 2}, 1))                                                \
	ROW(writev(tcp[0], &(struct iovec){room, (size_t)-1}, 1))                                      \
	ROW(writev(tcp[0], &(struct iovec){room, 2}, -1))                                              \
	ROW(writev(tcp[0], ((struct iovec[]){{room, 10}, {bad, 10}}), 2))                              \
	ROW(sendfile(tcp[0], file_fd, bad, 10))                                                        \
	ROW(sendfile(tcp[0], closed_fd, NULL, 10))                                                     \
	ROW(sendfile(tcp[0], tcp[1], NULL, 10))                                                        \
	ROW(splice(pipes[0], bad, tcp[0], NULL, 10, 0))                                                \
	ROW(splice(file_fd, bad, pipes[1], NULL, 10, 0))                                               \
	ROW(splice(tcp[1], NULL, tcp[0], NULL, 10, 0))                                                 \
	ROW(connect(tcp[0], bad, 16))                                                                  \
	ROW(connect(tcp[0], bad, -1))                                                                  \
	ROW(connect(socket(AF_INET, SOCK_STREAM, 0), bad, 16))                                         \
	ROW(connect(socket(AF_INET, SOCK_STREAM, 0), bad, 2))                                          \
	ROW(connect(pipes[0], bad, 16))                                                                \
	ROW(accept(tcp[0], bad, bad))                                                                  \
	ROW(recv(tcp[0], bad, 10, MSG_DONTWAIT))                                                       \
	ROW((write(tcp[1], "abc", 3), recv(tcp[0], bad, 3, MSG_DONTWAIT)))                             \
	ROW((write(tcp[1], "abc", 3), read(tcp[0], bad, 3)))                                           \
	ROW(recvmsg(tcp[0], bad, MSG_DONTWAIT))                                                        \
	ROW(recvmmsg(tcp[0], bad, 1, MSG_DONTWAIT, NULL))                                              \
	ROW(setsockopt(tcp[0], SOL_SOCKET, SO_SNDTIMEO, bad, 16))                                      \
	ROW(setsockopt(tcp[0], SOL_SOCKET, SO_SNDTIMEO, room, 3))                                      \
	ROW(setsockopt(tcp[0], SOL_SOCKET, SO_LINGER, bad, 8))                                         \
	ROW(getsockopt(tcp[0], SOL_SOCKET, SO_ERROR, bad, bad))                                        \
	ROW(getsockopt(tcp[0], SOL_SOCKET, SO_ERROR, bad, (socklen_t[]){4}))                           \
	ROW(getsockopt(tcp[0], SOL_SOCKET, SO_SNDTIMEO, bad, (socklen_t[]){16}))                       \
	ROW(ioctl_nonblocking(bad))                                                                    \
	ROW(fcntl(tcp[0], F_GETLK, bad))                                                               \
	ROW(close(-1))                                                                                 \
	ROW(close(closed_fd))                                                                          \
	ROW(dup2(tcp[0], -1))                                                                          \
	ROW(dup3(tcp[0], tcp[0], 0))                                                                   \
	ROW(exchange_by_pipe())                                                                        \
	ROW(exchange_by_tcp())                                                                         \
	ROW(wait_for_tcp())                                                                            \
	ROW((take_tsc_away(), exchange_by_pipe()))                                                     \
	ROW((take_tsc_away(), exchange_by_tcp()))                                                      \
	ROW((take_tsc_away(), wait_for_tcp()))                                                         \
	ROW(strict(0))                                                                                 \
	ROW(strict(1))                                                                                 \
	ROW(filtered(SECCOMP_RET_KILL_PROCESS, 0, 0))                                                  \
	ROW(filtered(SECCOMP_RET_KILL_PROCESS, 1, 0))                                                  \
	ROW(filtered(SECCOMP_RET_KILL_PROCESS, 0, 1))                                                  \
	ROW(filtered(SECCOMP_RET_ERRNO | EPERM, 0, 1))                                                 \
	ROW(filtered(SECCOMP_RET_ERRNO | ENOSYS, 1, 2))                                                \
	ROW(refused(0))                                                                                \
	ROW(refused(1))                                                                                \
	ROW(refused(2))                                                                                \
	ROW(refused(3))

static long ioctl_nonblocking(void *value)
{
	return ioctl(tcp[0], FIONBIO, value);
}

static void tell(const char *call, int status)
{
	if (WIFSIGNALED(status))
		printf("%s: signal %d\n", call, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		printf("%s: exit %d\n", call, WEXITSTATUS(status));
	fflush(stdout);
}

#define ROW(call)                                                                              \
	if ((child = fork()) == 0) {                                                           \
		alarm(10);                                                                     \
		errno = 0;                                                                     \
		const long result = (long)(call);                                              \
		const int error = errno;                                                       \
		char line[256];                                                                \
		const int length = snprintf(line, sizeof line, "%s: %ld, %s\n", #call, result, \
		                            result < 0 ? strerror(error) : "-");               \
		_exit(write(1, line, (size_t)length) != length);                               \
	}                                                                                      \
	waitpid(child, &status, 0);                                                            \
	tell(#call, status);

int main(void)
{
	const struct rlimit no_core = {0, 0};
	pid_t child;
	int status;

	setrlimit(RLIMIT_CORE, &no_core);
	set_up();
	ROWS return 0;
}
