/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What --status says of a process that runs.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <elf.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config.h"

#include "run.h"
#include "src/base/anchor.h"
#include "tests/peers/peer.h"

#define NOBODY 65534

static const struct invocation plain;
static const struct peer_script never_reads = {.stop = PEER_STALLS};

static void rest(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* For a child, which may come to this only after the test is gone. */
static void end_with(pid_t test)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != test)
		_exit(97);
}

static void drop_our_variables(void)
{
	for (char **variable = environ; *variable;) {
		if (strncmp(*variable, "SNDTIMEO_", 9) == 0)
			unsetenv(strndup(*variable, strcspn(*variable, "=")));
		else
			variable++;
	}
}

/* The tester, with a script, by the command with @p options, or without it (NULL). It ends with the test. */
static pid_t start(const char *const *options, const char *script)
{
	const char *argv[20] = {needed("SNDTIMEO_TEST_LAUNCHER")};
	size_t count = 1;

	for (; options && options[count - 1]; count++)
		argv[count] = options[count - 1];
	argv[count] = needed("SNDTIMEO_TEST_TESTER");
	argv[count + 1] = script;
	const pid_t test = getpid(), pid = fork();

	cr_assert(pid >= 0);
	if (pid == 0) {
		end_with(test);
		drop_our_variables();
		execv(argv[options ? 0 : count], (char **)argv + (options ? 0 : count));
		_exit(98);
	}
	return pid;
}

/* Sends to a peer that never reads, for ever. */
static const char *endless_send(const struct peer *peer)
{
	return text("sock tcp4; connect %u; send send 60000000", peer_port(peer));
}

static const char *address_of(const struct peer *peer)
{
	return text("127.0.0.1:%u", peer_port(peer));
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct outcome status_of(pid_t pid)
{
	return run(&plain, ARGUMENTS("--status", text("%d", (int)pid)));
}

/* The status once its output has @p part, which it has to have within five seconds. */
static struct outcome status_with(pid_t pid, const char *part)
{
	struct outcome outcome = status_of(pid);

	for (int i = 0; !strstr(outcome.out, part) && i < 50; i++) {
		rest(100);
		outcome = status_of(pid);
	}
	cr_assert(strstr(outcome.out, part), "no '%s' in\n%s%s", part, outcome.out, outcome.err);
	return outcome;
}

/* A line of a table, cut at two spaces or more. */
struct line {
	char fd[8], peer[80], state[20], no_progress[20], unacknowledged[20], armed[120];
};

static struct line line_with(const struct outcome *outcome, const char *part)
{
	struct line line;
	const char *at = strstr(outcome->out, part);

	cr_assert(at, "no '%s' in\n%s", part, outcome->out);
	while (at > outcome->out && at[-1] != '\n')
		at--;
	char *cells[6] = {line.fd, line.peer, line.state, line.no_progress, line.unacknowledged, line.armed};
	const size_t sizes[6] = {sizeof line.fd, sizeof line.peer, sizeof line.state, sizeof line.no_progress,
	                         sizeof line.unacknowledged, sizeof line.armed};

	for (size_t i = 0; i < 6; i++) {
		const char *gap = i < 5 ? strstr(at, "  ") : strchr(at, '\n');

		cr_assert(gap, "%s", outcome->out);
		snprintf(cells[i], sizes[i], "%.*s", (int)(gap - at), at);
		at = gap + strspn(gap, " ");
	}
	return line;
}

static void expect_error(const struct outcome *outcome, const char *line)
{
	cr_expect_eq(outcome->exit_status, 125, "%d", outcome->exit_status);
	cr_expect_str_eq(outcome->err, line);
	cr_expect_str_empty(outcome->out);
}

/* ---- active ------------------------------------------------------------------------------------------------------ */

/* The build may be behind a link, and in a folder of any name: the kernel's name is told, in ASCII. */
static const char *library_as_told(void)
{
	char *name = realpath(needed("SNDTIMEO_TEST_LIBRARY"), NULL);

	cr_assert(name);
	for (char *at = name; *at; at++) {
		if (*at < ' ' || *at > '~')
			*at = '?';
	}
	return name;
}

Test(status, tells_limits_and_connections)
{
	struct peer *peer = peer_start(&never_reads);
	const pid_t pid = start(ARGUMENTS("-c", "3", "-s", "20", "--policy=cap"), endless_send(peer));
	struct outcome outcome = status_with(pid, " s  ");

	/* The first window probes still fill what room there is. */
	rest(700);
	outcome = status_of(pid);
	const struct line line = line_with(&outcome, address_of(peer));

	cr_expect_eq(outcome.exit_status, 0);
	cr_expect_str_empty(outcome.err);
	cr_expect(strstr(outcome.out, text("sndtimeo is active in process %d (tester)\n", (int)pid)), "%s", outcome.out);
	cr_expect(strstr(outcome.out, text("\nlibrary: %s\n", library_as_told())), "%s", outcome.out);
	cr_expect(strstr(outcome.out, "\nlimits: connect=3s send=20s policy=cap\n"), "%s", outcome.out);
	cr_expect_str_eq(line.peer, address_of(peer));
	cr_expect_str_eq(line.state, "ESTABLISHED");
	cr_expect(strstr(line.unacknowledged, "iB"), "%s", line.unacknowledged);
	cr_expect_str_eq(line.armed, "send=20s");

	rest(1000);
	struct outcome later = status_of(pid);
	const double grown = atof(line_with(&later, address_of(peer)).no_progress) - atof(line.no_progress);

	cr_expect(grown >= 0.9, "%s%s", outcome.out, later.out);
	end(pid);
}

Test(status, a_healthy_connection_does_not_wait)
{
	struct peer *peer = peer_start(&(struct peer_script){0});
	const pid_t pid = start(ARGUMENTS("-s", "20"), text("sock tcp4; connect %u; send send 10; sleep 30000",
	                                                    peer_port(peer)));

	status_with(pid, address_of(peer));
	rest(200);
	struct outcome outcome = status_of(pid);
	const struct line line = line_with(&outcome, address_of(peer));

	cr_expect_str_eq(line.no_progress, "-");
	cr_expect_str_eq(line.unacknowledged, "0 bytes");
	end(pid);
}

Test(status, tells_what_timed_out)
{
	struct peer *peer = peer_start(&never_reads);
	const pid_t pid = start(ARGUMENTS("-s", "600ms"), text("%s; sleep 30000", endless_send(peer)));
	struct outcome outcome = status_with(pid, "timed out");

	/* The kernel forgets the peer of a connection that is reset. */
	cr_expect_str_eq(line_with(&outcome, "timed out").state, "CLOSED");
	end(pid);
}

Test(status, one_socket_is_one_row)
{
	const pid_t pid = start(ARGUMENTS("-s", "20"), "sock tcp4; listen; dup 1; dup 2; sleep 30000");

	/* A moment later it has all of them. */
	status_with(pid, "(listening at 127.0.0.1:");
	rest(200);
	struct outcome outcome = status_of(pid);
	const struct line line = line_with(&outcome, "(listening at ");
	const char *first = strstr(outcome.out, "(listening at ");

	cr_expect_null(strstr(first + 1, "(listening at "), "%s", outcome.out);
	cr_expect_str_eq(line.state, "LISTEN");
	cr_expect_str_eq(line.armed, "send=20s");
	end(pid);
}

Test(status, tells_of_a_connect)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	const pid_t pid = start(ARGUMENTS("-c", "20"), text("sock tcp4; nonblock 1; connect %u; sleep 30000",
	                                                    blackhole_port(hole)));
	struct outcome outcome = status_with(pid, "connect=20s\n");

	cr_expect_str_eq(line_with(&outcome, "SYN-SENT").armed, "connect=20s");
	cr_expect_str_eq(line_with(&outcome, "SYN-SENT").peer, text("127.0.0.1:%u", blackhole_port(hole)));
	end(pid);
}

Test(status, names_limits_of_the_program)
{
	struct peer *peer = peer_start(&never_reads);
	const pid_t pid = start(ARGUMENTS("-s", "20", "--unacked=40"),
	                        text("sock tcp4; connect %u; setopt user_timeout 5000; setopt sndtimeo 3000; sleep 30000",
	                             peer_port(peer)));
	struct outcome outcome = status_with(pid, "3.0 s too");

	cr_expect_str_eq(line_with(&outcome, address_of(peer)).armed,
	                 "send=20s (own SO_SNDTIMEO of 3.0 s too, own TCP_USER_TIMEOUT of 5.0 s)");
	end(pid);
}

Test(status, limits_by_rule)
{
	struct peer *peer = peer_start(&never_reads);
	const char *rule = text("--rule=127.0.0.1:%u send=15s", peer_port(peer));
	/* With a limit of its own the socket is remembered before it waits, and so is its rule. */
	const pid_t pid = start(ARGUMENTS("-s", "20", rule),
	                        text("sock tcp4; connect %u; setopt sndtimeo 30000; send send 60000000", peer_port(peer)));
	struct outcome outcome = status_with(pid, "send=15s (");

	cr_expect(strstr(outcome.out, "\nrules: 1;"), "%s", outcome.out);
	cr_expect_str_eq(line_with(&outcome, address_of(peer)).armed, "send=15s (own SO_SNDTIMEO of 30.0 s too)");
	end(pid);
}

/* ---- limited from outside ---------------------------------------------------------------------------------------- */

/* Two would take each other's options for the program's. */
Test(status, of_what_is_watched)
{
	if (strcmp(needed("SNDTIMEO_TEST_INSTRUMENTED"), "no") != 0 ||
	    run(&plain, ARGUMENTS("--outside", "--check", "--", "true")).exit_status != 0)
		cr_skip_test("no process can be looked into here");
	const pid_t pid = start(ARGUMENTS("--outside", "-s", "20"), "sleep 30000");
	struct outcome outcome = status_with(pid, "(sndtimeo) limits it from outside\n");

	cr_expect_eq(outcome.exit_status, 1);
	outcome = run(&plain, ARGUMENTS("--attach", text("%d", (int)pid)));
	cr_expect_eq(outcome.exit_status, 125);
	cr_expect(strstr(outcome.err, text("sndtimeo: process %d is limited from outside already, by process ", (int)pid)), "%s", outcome.err);
	end(pid);
}

/* ---- not active -------------------------------------------------------------------------------------------------- */

Test(status, without_the_library)
{
	struct outcome outcome = status_of(getpid());

	cr_expect_eq(outcome.exit_status, 1);
	cr_expect_str_eq(outcome.out, text("sndtimeo is not active in process %d (launcher): libsndtimeo.so is not loaded\n",
	                                   (int)getpid()));
	cr_expect_str_empty(outcome.err);
}

Test(status, without_limits)
{
	const pid_t pid = start(ARGUMENTS("-c", "off", "-s", "off"), "sock tcp4; sleep 30000");
	struct outcome outcome = status_with(pid, "found nothing to limit\n");

	cr_expect_eq(outcome.exit_status, 1);
	end(pid);
}

Test(status, of_a_zombie)
{
	const pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	struct outcome outcome = status_with(pid, "(a zombie)\n");

	cr_expect_eq(outcome.exit_status, 1);
}

/* ---- hostile ----------------------------------------------------------------------------------------------------- */

/* Map a file that looks like the library to whoever looks only at names, with @p anchor in its data. */
static void pretend(const struct anchor *anchor)
{
	enum { SIZE = 65536, PLACE = 4096 };
	char folder[] = "status-test-XXXXXX";

	cr_assert(mkdtemp(folder));
	const char *name = text("%s/libsndtimeo.so", folder);
	const int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	cr_assert(fd >= 0 && ftruncate(fd, SIZE) == 0);
	char *data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	cr_assert(data != MAP_FAILED);
	memcpy(data, (const void *)getauxval(AT_SYSINFO_EHDR), EI_NIDENT);
	memcpy(data + PLACE, anchor, sizeof *anchor);
	/* Last: by this the test knows that all is there. */
	cr_assert(unlink(name) == 0 && rmdir(folder) == 0);
}

/* The last bytes before memory that is not there: behind the end of a file, because libc puts something of its own where
 * there is nothing (glibc 2.41 does, for random numbers). */
static const void *edge(void)
{
	int file = memfd_create("edge", MFD_CLOEXEC);
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);

	cr_assert(file >= 0 && ftruncate(file, 4096) == 0 && pages != MAP_FAILED);
	close(file);
	return pages + 4096 - 8;
}

Test(status, of_a_process_that_pretends)
{
	static unsigned char noise[4 << 20];
	const void *const places[] = {NULL, (void *)8, (void *)UINTPTR_MAX, noise, edge(), noise + 4096};
	const size_t count = sizeof places / sizeof places[0];
	struct sockaddr_in here = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(bind(listener, (struct sockaddr *)&here, sizeof here) == 0 && listen(listener, 1) == 0);
	srand(1);
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (unsigned char)rand();
	for (size_t i = 0; i < count * count; i++) {
		const pid_t test = getpid(), pid = fork();

		if (pid == 0) {
			struct anchor anchor = {.magic = ANCHOR_MAGIC, .version = PACKAGE_VERSION, .settings = places[i % count],
			                        .memories = (void *)places[i / count], .rules = SIZE_MAX};

			end_with(test);
			pretend(&anchor);
			pause();
		}
		struct outcome outcome = status_with(pid, "(the file was replaced or removed since)\n");
		const bool taken = i % count >= 3 && i % count != 4;

		/* Where it has no settings its environment counts, which has none. */
		cr_expect_eq(outcome.exit_status, taken ? 0 : 1, "%zu: %d\n%s", i, outcome.exit_status, outcome.out);
		cr_expect_eq(strstr(outcome.out, "LISTEN") != NULL, taken, "%zu: %s", i, outcome.out);
		end(pid);
	}
}

Test(status, of_another_version)
{
	pretend(&(struct anchor){.magic = ANCHOR_MAGIC, .version = "99\n", .settings = (void *)8});
	struct outcome outcome = status_of(getpid());

	cr_expect_eq(outcome.exit_status, 0);
	cr_expect(strstr(outcome.out, "\nlimits: those of version 99?, which this command ("), "%s", outcome.out);
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

Test(status, what_is_no_process)
{
	static const char *const cases[] = {"x", "", "0", "-1", "1x", " 1", "99999999999999999999"};
	const pid_t gone = fork();

	if (gone == 0)
		_exit(0);
	cr_assert(waitpid(gone, NULL, 0) == gone);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome = run(&plain, ARGUMENTS(text("--status=%s", cases[i])));

		expect_error(&outcome, text("sndtimeo: --status='%s': expected the number of a process\n", cases[i]));
	}
	struct outcome outcome = status_of(gone);

	expect_error(&outcome, text("sndtimeo: there is no process %d\n", (int)gone));
}

Test(status, output_that_cannot_be_written_is_a_failure)
{
	const struct invocation full = {.output = "/dev/full"};
	struct outcome outcome = run(&full, ARGUMENTS("--status", text("%d", (int)getpid())));

	expect_error(&outcome, "sndtimeo: standard output: No space left on device\n");
}

/* ---- rights ------------------------------------------------------------------------------------------------------ */

/* A copy that everybody may run: the build tree may be where nobody else may look, and umask 077 have made the command. */
static int in_memory(const char *path)
{
	const int file = open(path, O_RDONLY), copy = memfd_create("sndtimeo", 0);
	struct stat is;

	cr_assert(file >= 0 && copy >= 0 && fstat(file, &is) == 0);
	while (sendfile(copy, file, NULL, 1 << 20) > 0)
		;
	cr_assert(lseek(copy, 0, SEEK_CUR) == is.st_size);
	close(file);
	return copy;
}

Test(status, of_another_users_process)
{
	const char *runtime = getenv("SNDTIMEO_TEST_PRELOAD_FIRST");

	if (geteuid() != 0)
		cr_skip_test("only root can become another user");
	if (strcmp(needed("SNDTIMEO_TEST_INSTRUMENTED"), "no") != 0 && (!runtime || !*runtime))
		cr_skip_test("another user cannot write what coverage counts, and says so");
	const pid_t pid = start(ARGUMENTS("-s", "20"), "sleep 30000");
	const int launcher = in_memory(needed("SNDTIMEO_TEST_LAUNCHER"));
	int ends[2], result;
	char said[200] = "";

	status_with(pid, "is active");
	cr_assert(pipe(ends) == 0);
	const pid_t child = fork();

	if (child == 0) {
		char *argv[] = {(char *)"sndtimeo", (char *)"--status", text("%d", (int)pid), NULL};

		if (dup2(ends[1], STDERR_FILENO) < 0 || dup2(ends[1], STDOUT_FILENO) < 0 || setgid(NOBODY) != 0 ||
		    setuid(NOBODY) != 0)
			_exit(99);
		fexecve(launcher, argv, environ);
		_exit(98);
	}
	cr_assert(waitpid(child, &result, 0) == child);
	close(ends[1]);
	cr_assert(read(ends[0], said, sizeof said - 1) > 0, "0x%x", (unsigned)result);
	cr_expect_str_eq(said, text("sndtimeo: no rights to look into process %d (it is another user's): run as that user or "
	                            "as root\n", (int)pid));
	cr_expect_eq(WEXITSTATUS(result), 125);
	end(pid);
}

/* As Yama does (ptrace_scope), from here on and in what is run. */
static void lose_rights(void)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_getfd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof code / sizeof code[0], (struct sock_filter *)code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		cr_skip_test("seccomp(2) is not to be had here");
}

Test(status, what_needs_rights_is_named)
{
	struct peer *peer = peer_start(&never_reads);
	const pid_t pid = start(ARGUMENTS("-c", "3", "-s", "20"), endless_send(peer));

	status_with(pid, " s  ");
	lose_rights();
	struct outcome outcome = status_of(pid);
	const struct line line = line_with(&outcome, address_of(peer));

	cr_expect_eq(outcome.exit_status, 0);
	cr_expect(strstr(outcome.out, "\nlimits: no rights to read those it took from its memory (ptrace(2), "
	                              "PTRACE_MODE_ATTACH_REALCREDS)\n        its environment says: connect=3s send=20s "
	                              "policy=replace\n"), "%s", outcome.out);
	cr_expect(strstr(outcome.out, "\nnot told below: what is armed"), "%s", outcome.out);
	cr_expect_str_eq(line.state, "ESTABLISHED");
	cr_expect_str_eq(line.no_progress, "?");
	cr_expect(strstr(line.unacknowledged, "iB"), "%s", line.unacknowledged);
	cr_expect_str_eq(line.armed, "?");
	end(pid);
}
