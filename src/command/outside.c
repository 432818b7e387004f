/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Limits from outside: sndtimeo --attach and --outside.
 */
#include "outside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "fail.h"
#include "record.h"
#include "limits/configured.h"
#include "outside/configuration.h"
#include "outside/watcher.h"
#include "outside/watchers.h"
#include "tell/line.h"
#include "tell/report.h"
#include "tell/summary.h"

#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61
#endif

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/** The watcher's end of what it says to the launcher. */
#define TO_LAUNCHER 3
#define MOST_CLOSED 65536

#define EXIT_SOMETHING 1

/* ---- rights ------------------------------------------------------------------------------------------------------ */

static const char no_proc[] = "/proc is that of another pid namespace, or is not mounted (unshare --mount-proc)";

static const char *advice_for(int error)
{
	switch (error) {
	case ENOSYS: return "pidfd_getfd(2) takes Linux 5.6";
	case EPERM:
	case EACCES:
		return geteuid() == 0 ? "it takes CAP_SYS_PTRACE, which root lacks here (docker run --cap-add SYS_PTRACE)"
		                      : "another user's process, or one that is protected (Yama, PR_SET_DUMPABLE), takes "
		                        "CAP_SYS_PTRACE: run as that user, or as root";
	default: return strerror(error);
	}
}

/* ---- the watcher of a program ------------------------------------------------------------------------------------ */

static void start_telling(void)
{
	struct rlimit files;

	/* What has stalled is held on to. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
#ifdef M_MMAP_THRESHOLD
	/* What thousands of connections take is given back as soon as it is not needed. */
	mallopt(M_MMAP_THRESHOLD, 1 << 16);
#endif
	line_start();
	log_start();
	if (settings.summary) {
		summary_start();
		summary_on = true;
	}
}

/* It holds nothing of the program's but where lines go. The launcher's end may be a standard descriptor, if one was closed. */
static void leave_descriptors(int launcher, bool tells)
{
	dup2(launcher, TO_LAUNCHER);

	const int null = open("/dev/null", O_RDWR);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (!tells || settings.log != LOG_TO_STDERR)
		dup2(null, STDERR_FILENO);
	/* Linux 5.9, which is little younger than what is needed anyway. */
	if (syscall(SYS_close_range, TO_LAUNCHER + 1, ~0u, 0) != 0)
		for (int fd = TO_LAUNCHER + 1; fd < MOST_CLOSED; fd++)
			close(fd);
}

/* Yama lets a process be looked into by whom it names. */
static bool be_named(void)
{
	const pid_t own = getpid();
	char go;

	return write(TO_LAUNCHER, &own, sizeof own) == sizeof own && read(TO_LAUNCHER, &go, 1) == 1;
}

/* What a process beside the program is for. */
struct task {
	bool only_asked;        /* to say whether it can be done */
	const char *record;     /* to write samples into that file; NULL: to hold limits */
	const char *program;    /* what the program is going to be called */
};

static void do_task(const struct task *task, struct family *family)
{
	if (!task->record) {
		start_telling();
		watcher_run(family, NEVER_NS);
		return;
	}
	const int fd = open(task->record, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		record_run(family, task->program, false, fd, NEVER_NS);
}

/* Watch @p program, or only say whether that can be done. */
static _Noreturn void watch_program(pid_t program, int launcher, const struct task *task)
{
	static const int terminals[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGPIPE};
	struct family family = {0};
	char mark[80];

	setsid();
	for (size_t i = 0; i < sizeof terminals / sizeof *terminals; i++)
		signal(terminals[i], SIG_IGN);
	leave_descriptors(launcher, !task->record);
	prctl(PR_SET_NAME, task->record ? "sndtimeo-record" : WATCHERS_NAME);
	snprintf(mark, sizeof mark, SETTINGS_WATCHED "=%s", getenv(SETTINGS_WATCHED));
	family.mark = mark;
	if (!be_named())
		_exit(EXIT_OWN_FAILURE);
	const struct member *member = family_add(&family, program);
	const int error = member ? watcher_may(member) : errno;

	(void)!write(TO_LAUNCHER, &error, sizeof error);
	close(TO_LAUNCHER);
	if (!error && !task->only_asked)
		do_task(task, &family);
	_exit(error ? EXIT_OWN_FAILURE : EXIT_SUCCESS);
}

/* A child whose end no SIGCHLD tells of, and which no wait of the program's sees unless it asks for such (clone(2), __WALL). Neither
 * does who looks after the program: were its father to end here, the watcher would be that one's child. */
static pid_t fork_unheard(void)
{
	return (pid_t)syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L);
}

/* Returns NULL, or why it cannot be. */
static const char *hear_from_watcher(int end)
{
	pid_t watcher;
	int error;

	if (read(end, &watcher, sizeof watcher) != sizeof watcher)
		return "the watcher did not start";
	prctl(PR_SET_PTRACER, watcher, 0, 0, 0);
	if (send(end, "", 1, MSG_NOSIGNAL) != 1 || read(end, &error, sizeof error) != sizeof error)
		return "the watcher did not start";
	return error ? advice_for(error) : NULL;
}

static const char *begin(const struct task *task)
{
	int ends[2];
	char mark[64];

	if (!process_numbers_are_ours())
		return no_proc;
	/* One process for ever: its number, and when it began. */
	snprintf(mark, sizeof mark, "%d.%llu", (int)getpid(), (unsigned long long)process_began(getpid()));
	if (setenv(SETTINGS_WATCHED, mark, 1) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return strerror(errno);
	const pid_t own = getpid(), watcher = fork_unheard();
	const int error = errno;

	if (watcher == 0) {
		close(ends[0]);
		watch_program(own, ends[1], task);
	}
	close(ends[1]);
	const char *defect = watcher > 0 ? hear_from_watcher(ends[0]) : strerror(error);

	close(ends[0]);
	/* It has ended, or is about to. */
	if (watcher > 0 && (defect || task->only_asked))
		while (waitpid(watcher, NULL, __WALL) < 0 && errno == EINTR)
			;
	return defect;
}

const char *outside_defect(void)
{
	return begin(&(struct task){.only_asked = true});
}

const char *outside_start(void)
{
	return begin(&(struct task){.only_asked = false});
}

const char *outside_record(const char *file, const char *program)
{
	return begin(&(struct task){.record = file, .program = program});
}

/* ---- processes that run ------------------------------------------------------------------------------------------ */

static void say_watched(const struct member *member, bool recorded)
{
	char said[200];
	struct text text;

	configuration_assume(member->configuration);
	const struct limits *all = rules_for_all(&settings.rules);

	text_start(&text, said, sizeof said);
	text_add(&text, recorded ? "recording " : "watching ");
	text_add_foreign(&text, member->process.name, 40);
	text_add_format(&text, recorded ? "[%jd]" : "[%jd]: ", (intmax_t)member->process.id);
	if (!recorded)
		text_add_limits(&text, all ? all : &settings.limits);
	fprintf(stderr, "sndtimeo: %s%s\n", said, settings.dry_run ? ", dry run" : "");
	configuration_assume(NULL);
}

static bool add_one(struct family *family, const char *word, size_t length, bool recorded)
{
	char shown[40];
	struct text text;
	const pid_t id = process_number(word, length);

	if (!id) {
		char copy[24] = "";

		memcpy(copy, word, length < sizeof copy - 1 ? length : sizeof copy - 1);
		text_start(&text, shown, sizeof shown);
		text_add_foreign(&text, copy, 20);
		fprintf(stderr, "sndtimeo: --attach='%s': expected the number of a process\n", shown);
		return false;
	}
	const struct member *member = family_add(family, id);
	const pid_t other = member ? watchers_find(member->process.leader) : 0;
	int error = member ? watcher_may(member) : errno;

	/* Each would take the other's options for the program's own, and put them back. */
	if (other) {
		fprintf(stderr, "sndtimeo: process %d is limited from outside already, by process %d: end that first (kill %d)\n", (int)id, (int)other,
		        (int)other);
		return false;
	}
	if (!error) {
		say_watched(member, recorded && !settings_limit(&settings));
		return true;
	}
	if (error == ESRCH || error == ENOENT)
		fprintf(stderr, "sndtimeo: there is no process %d\n", (int)id);
	else
		fprintf(stderr, "sndtimeo: no rights to look into process %d: %s\n", (int)id, advice_for(error));
	return false;
}

/* Write samples of them. Where they have limits, too, this is a child of the one that holds those. */
static int record(struct family *family, const char *file, int64_t until_ns)
{
	const int fd = record_open(file), error = fd < 0 ? errno : record_run(family, family->all[0]->process.name, true, fd, until_ns);

	if (error)
		fprintf(stderr, "sndtimeo: %s: %s\n", file, strerror(error));
	return error ? EXIT_OWN_FAILURE : EXIT_SUCCESS;
}

int outside_attach(const char *ids, int64_t for_ms, const char *file)
{
	struct family family = {0};
	pid_t recorder = 0;

	if (!process_numbers_are_ours()) {
		fprintf(stderr, "sndtimeo: no process can be looked into: %s\n", no_proc);
		return EXIT_OWN_FAILURE;
	}
	while (true) {
		const size_t length = strcspn(ids, ",");

		if (!add_one(&family, ids, length, file))
			return EXIT_OWN_FAILURE;
		if (!ids[length])
			break;
		ids += length + 1;
	}
	/* Whoever is stopped holds no limits. */
	signal(SIGTSTP, SIG_IGN);
	const int64_t until_ns = for_ms ? clock_now_ns() + for_ms * NS_PER_MS : NEVER_NS;

	if (file && !settings_limit(&settings))
		return record(&family, file, until_ns);
	if (file && (recorder = fork()) == 0) {
		prctl(PR_SET_NAME, "sndtimeo-record");
		_exit(record(&family, file, until_ns));
	}
	prctl(PR_SET_NAME, WATCHERS_NAME);
	start_telling();
	const struct verdicts verdicts = watcher_run(&family, until_ns);

	if (recorder > 0 && kill(recorder, SIGTERM) == 0)
		waitpid(recorder, NULL, 0);
	fprintf(stderr, "sndtimeo: watched until %s: %u connect%s and %u send%s timed out\n",
	        family.count ? "the end" : "all had ended", verdicts.connects, verdicts.connects == 1 ? "" : "s", verdicts.sends,
	        verdicts.sends == 1 ? "" : "s");
	return verdicts.connects + verdicts.sends ? EXIT_SOMETHING : EXIT_SUCCESS;
}
