/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Runs the tester program under the library.
 */
#include "harness.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "protocol.h"

extern char **environ;

#define MOST_SETTINGS (8 + MOST_VARIABLES)
/* Under a sanitizer a test may find no processor for seconds. */
#define SANITIZED_GRACE_MS 8000

/** A text that grows as a pipe is read. */
struct gathered {
	int fd;
	size_t length;
	char *text;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *needed(const char *name)
{
	const char *value = getenv(name);

	cr_assert(value && *value, "%s is not set", name);
	return value;
}

char *text(const char *format, ...)
{
	char *made;
	va_list arguments;

	va_start(arguments, format);
	cr_assert(vasprintf(&made, format, arguments) >= 0);
	va_end(arguments);
	return made;
}

int count_of(const char *said, const char *sought)
{
	int count = 0;

	for (const char *found = said; (found = strstr(found, sought)); found += strlen(sought))
		count++;
	return count;
}

char *with_port(const char *from, unsigned port)
{
	char *made = strdup(""), *longer;

	for (const char *found; (found = strstr(from, "PORT")); from = found + strlen("PORT")) {
		longer = text("%s%.*s%u", made, (int)(found - from), from, port);
		free(made);
		made = longer;
	}
	longer = text("%s%s", made, from);
	free(made);
	return longer;
}

/* ---- the environment of a run ---------------------------------------------------------------------------------- */

static bool has_library(const struct setting *setting)
{
	return !setting->bare && !setting->outside && !setting->attached;
}

static char *preload_list(const struct setting *setting)
{
	const char *first = getenv("SNDTIMEO_TEST_PRELOAD_FIRST");
	const char *library = needed("SNDTIMEO_TEST_LIBRARY");

	/* ld.so only warns of a library it cannot find, and the test would run bare. */
	cr_assert(access(library, R_OK) == 0, "%s: %s", library, strerror(errno));
	/* A program built with a sanitizer brings its runtime along, and one that was not needs it for our library alone. */
	return text("LD_PRELOAD=%s:%s:%s", first && has_library(setting) ? first : "", has_library(setting) ? library : "",
		    setting->preload ? setting->preload : "");
}

/* Whether a variable of the test's own environment has no place in a run. */
static bool is_ours(const char *variable)
{
	return strncmp(variable, "SNDTIMEO_", 9) == 0 || strncmp(variable, "LD_PRELOAD=", 11) == 0;
}

static char **environment_of(const struct setting *setting)
{
	size_t inherited = 0, n = 0;

	while (environ[inherited])
		inherited++;
	char **made = calloc(inherited + MOST_SETTINGS, sizeof *made);

	cr_assert(made != NULL);
	for (char **variable = environ; *variable; variable++)
		if (!is_ours(*variable))
			made[n++] = *variable;
	made[n++] = preload_list(setting);
	if (setting->send_ms)
		made[n++] = text("SNDTIMEO_SEND=%dms", setting->send_ms);
	if (setting->connect_ms)
		made[n++] = text("SNDTIMEO_CONNECT=%dms", setting->connect_ms);
	/* The command has limits of its own where nobody sets any. */
	else if (setting->outside || setting->attached)
		made[n++] = strdup("SNDTIMEO_CONNECT=0");
	if (setting->policy)
		made[n++] = text("SNDTIMEO_POLICY=%s", setting->policy);
	for (const char *const *variable = setting->environment; *variable; variable++)
		made[n++] = (char *)*variable;
	return made;
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

/* The words of a command line for a shell: in single quotes, which no word of ours contains. */
static void quote(char **line, const char *word)
{
	char *longer = text("%s'%s' ", *line, word);

	free(*line);
	*line = longer;
}

static char *link_program(void)
{
	return text("%s/tests/peers/delayline.py", needed("SNDTIMEO_TEST_SRCDIR"));
}

/* What delayline.py starts in the near host: the tester with the run's own environment, which is not the link's. */
static char *near_command(const struct setting *setting, char *script)
{
	char *line = strdup("env "), **environment = environment_of(setting);

	for (char **variable = environment; *variable; variable++)
		if (is_ours(*variable))
			quote(&line, *variable);
	if (setting->outside) {
		quote(&line, needed("SNDTIMEO_TEST_LAUNCHER"));
		quote(&line, "--outside");
		quote(&line, "--");
	}
	quote(&line, needed("SNDTIMEO_TEST_TESTER"));
	quote(&line, script);
	return line;
}

/* The command line of a run: the tester, or the link with the tester at one end and serve.c's program at the other. */
static char **command_of(const struct setting *setting, char *script, const char *control)
{
	char **arguments = calloc(12, sizeof *arguments);
	size_t n = 0;

	cr_assert(arguments != NULL);
	if (!setting->far_peer) {
		if (setting->outside) {
			arguments[n++] = strdup(needed("SNDTIMEO_TEST_LAUNCHER"));
			arguments[n++] = strdup("--outside");
			arguments[n++] = strdup("--");
		}
		arguments[n++] = setting->program ? text("%s/%s", needed("SNDTIMEO_TEST_PROGRAMS"), setting->program)
						  : strdup(needed("SNDTIMEO_TEST_TESTER"));
		arguments[n++] = script;
		return arguments;
	}
	arguments[n++] = strdup(needed("PYTHON"));
	arguments[n++] = strdup("-I");
	arguments[n++] = link_program();
	arguments[n++] = strdup("--delay");
	arguments[n++] = text("%.3f", setting->delay_ms / 1000.0);
	arguments[n++] = strdup("--control");
	arguments[n++] = strdup(control);
	arguments[n++] = near_command(setting, script);
	arguments[n++] = text("%s %s %d %s", needed("SNDTIMEO_TEST_SERVE"), FAR_ADDRESS, FAR_PORT, setting->far_peer);
	return arguments;
}

static pid_t spawn(char **arguments, char **environment, unsigned closed, int results, int errors)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, errors, 1);
	posix_spawn_file_actions_adddup2(&actions, errors, 2);
	posix_spawn_file_actions_adddup2(&actions, results, RESULTS_FD);
	for (int fd = 0; fd <= 2; fd++)
		if (closed & 1u << fd)
			posix_spawn_file_actions_addclose(&actions, fd);
	int error = posix_spawn(&pid, arguments[0], &actions, NULL, arguments, environment);

	posix_spawn_file_actions_destroy(&actions);
	cr_assert(error == 0, "%s: %s", arguments[0], strerror(error));
	return pid;
}

/* An empty file that steers the link; the tester finds it in its environment. */
static char *make_control(void)
{
	char *path = strdup("link.XXXXXX");
	int fd = mkstemp(path);

	cr_assert(fd >= 0, "%s: %s", path, strerror(errno));
	close(fd);
	char *whole = realpath(path, NULL);

	cr_assert(whole != NULL);
	setenv("TESTER_LINK", whole, 1);
	return whole;
}

static pid_t start(const struct setting *setting, char *script, const char *control, int results, int errors)
{
	/* What delayline.py runs must not have our variables; what it starts gets them by near_command(). */
	static const struct setting none = { .bare = true };

	return spawn(command_of(setting, script, control), environment_of(setting->far_peer ? &none : setting),
		     setting->closed, results, errors);
}

static pid_t attach(const struct setting *setting, pid_t to, int results, int errors)
{
	char *arguments[] = { strdup(needed("SNDTIMEO_TEST_LAUNCHER")), strdup("--attach"), text("%d", (int)to), NULL };

	return spawn(arguments, environment_of(setting), 0, results, errors);
}

/* Each at a moment of its own, from before it looks for the first time to some looks later. */
static void kill_watchers(const struct setting *setting, pid_t to, int results, int errors)
{
	for (int i = 0; i < setting->killed; i++) {
		const pid_t watcher = attach(setting, to, results, errors);

		usleep((useconds_t)(i * 7919 % 97 + 3) * 1000);
		kill(watcher, SIGKILL);
		cr_assert(waitpid(watcher, NULL, 0) == watcher);
	}
}

void need_link(void)
{
	const char *python = getenv("PYTHON");
	int status = -1;

	if (!python || access(python, X_OK))
		cr_skip_test("no python3");
	char *arguments[] = { strdup(python), strdup("-I"), link_program(), strdup("--possible"), NULL };
	pid_t pid;

	if (posix_spawn(&pid, python, NULL, NULL, arguments, environ) || waitpid(pid, &status, 0) != pid || status)
		cr_skip_test("no delayed link can be made here");
}

/* Read what is there; at the end of file the descriptor is closed and becomes -1. */
static void gather(struct gathered *gathered)
{
	char buffer[4096];
	ssize_t count = read(gathered->fd, buffer, sizeof buffer);

	if (count <= 0) {
		close(gathered->fd);
		gathered->fd = -1;
		return;
	}
	gathered->text = realloc(gathered->text, gathered->length + (size_t)count + 1);
	cr_assert(gathered->text != NULL);
	memcpy(gathered->text + gathered->length, buffer, (size_t)count);
	gathered->length += (size_t)count;
	gathered->text[gathered->length] = '\0';
}

/* Read both pipes until the run has closed them. Returns false if the time is up first. */
static bool gather_all(struct gathered both[2], int64_t until_ms)
{
	while (both[0].fd >= 0 || both[1].fd >= 0) {
		struct pollfd fds[] = {
			{ .fd = both[0].fd, .events = POLLIN },
			{ .fd = both[1].fd, .events = POLLIN },
		};
		int64_t left = until_ms - now_ms();

		if (left <= 0)
			return false;
		poll(fds, 2, (int)left);
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				gather(&both[i]);
	}
	return true;
}

struct run *play(const struct setting *setting, const char *format, ...)
{
	struct run *run = calloc(1, sizeof *run);
	int results[2], errors[2];
	char *script;
	va_list arguments;

	va_start(arguments, format);
	cr_assert(run && vasprintf(&script, format, arguments) >= 0);
	va_end(arguments);
	char *control = setting->far_peer ? make_control() : NULL;

	cr_assert(pipe2(results, O_CLOEXEC) == 0);
	cr_assert((setting->socket_errors ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, errors)
					  : pipe2(errors, O_CLOEXEC)) == 0);
	int64_t until_ms = now_ms() + (setting->watchdog_ms ? setting->watchdog_ms : WATCHDOG_MS) +
			   (sanitized() ? SANITIZED_GRACE_MS : 0);
	pid_t pid = start(setting, script, control, results[1], errors[1]);

	kill_watchers(setting, pid, results[1], errors[1]);
	const pid_t watcher = setting->attached ? attach(setting, pid, results[1], errors[1]) : -1;

	run->script = script;
	close(results[1]);
	close(errors[1]);
	struct gathered both[] = { { .fd = results[0], .text = strdup("") }, { .fd = errors[0], .text = strdup("") } };

	if (!gather_all(both, until_ms)) {
		run->hung = true;
		/* The link takes what it started with it. */
		kill(pid, control ? SIGTERM : SIGKILL);
	}
	cr_assert(waitpid(pid, &run->status, 0) == pid);
	if (watcher >= 0)
		cr_assert(waitpid(watcher, &run->watcher_status, 0) == watcher);
	if (control)
		unlink(control);
	run->transcript = both[0].text;
	run->errors = both[1].text;
	return run;
}

/* ---- its results ----------------------------------------------------------------------------------------------- */

static const char *find_value(const struct run *run, const char *key)
{
	const size_t length = strlen(key);
	const char *found = NULL;

	for (const char *line = run->transcript; line && *line; line = strchr(line, '\n'), line += line != NULL)
		if (strncmp(line, key, length) == 0 && line[length] == '=')
			found = line + length + 1;
	return found;
}

bool has_value(const struct run *run, const char *key)
{
	return find_value(run, key) != NULL;
}

long value_of(const struct run *run, const char *key)
{
	const char *value = find_value(run, key);

	cr_assert(value != NULL, "the tester did not say %s%s\n%s%s", key, run->hung ? " (it hung)" : "",
		  run->transcript, run->errors);
	return strtol(value, NULL, 10);
}

/* Whether the line that starts here has the same value in every run. */
static bool is_repeatable(const char *line)
{
	static const char *const varying[] = { "ms=", ".stall_least=", ".stall_most=", ".longest=", ".pid=" };
	const char *equals = strchr(line, '=');

	for (size_t i = 0; i < sizeof varying / sizeof *varying; i++) {
		const size_t length = strlen(varying[i]);

		if (equals && equals - line + 1 >= (long)length && strncmp(equals + 1 - length, varying[i], length) == 0)
			return false;
	}
	return true;
}

char *comparable(const struct run *run)
{
	char *copy = strdup(run->transcript), *kept = calloc(1, strlen(run->transcript) + 2), *rest;

	cr_assert(copy && kept);
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (is_repeatable(line))
			strcat(strcat(kept, line), "\n");
	free(copy);
	return kept;
}

/* ---- how late is too late ---------------------------------------------------------------------------------------- */

bool sanitized(void)
{
	const char *runtime = getenv("SNDTIMEO_TEST_PRELOAD_FIRST");

	return (runtime && *runtime) || getenv("TESTER_UNDER_VALGRIND");
}

bool coverage_counted(void)
{
	return !sanitized() && strcmp(needed("SNDTIMEO_TEST_INSTRUMENTED"), "no") != 0;
}

static long within(long limit_ms, long least_ms)
{
	const long percent = limit_ms / 20;

	return limit_ms + (percent > least_ms ? percent : least_ms) + (sanitized() ? SANITIZED_GRACE_MS : GRACE_MS);
}

long latest_ms(long limit_ms)
{
	return within(limit_ms, 50);
}

long latest_in_epoll_ms(long limit_ms)
{
	return within(limit_ms, 1000);
}

long earliest_ms(long limit_ms)
{
	return sanitized() ? 0 : limit_ms - limit_ms / 50;
}
