/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Runs the sndtimeo command and keeps what came of it.
 */
#include "run.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_ARGUMENTS 20

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

static void drop_our_variables(void)
{
	for (char **variable = environ; *variable;) {
		char *name = strndup(*variable, strcspn(*variable, "="));

		if (strncmp(name, "SNDTIMEO_", 9) == 0 || strcmp(name, "LD_PRELOAD") == 0)
			unsetenv(name);
		else
			variable++;
	}
}

/* A file for the output of a run: it needs nobody to read it meanwhile. */
static int scratch_file(void)
{
	char name[] = "launcher-test-XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	cr_assert(fd >= 0 && unlink(name) == 0);
	return fd;
}

static char *contents(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *string = calloc(1, (size_t)size + 1);

	cr_assert(string && pread(fd, string, (size_t)size, 0) == size);
	close(fd);
	return string;
}

static _Noreturn void become(const struct invocation *how, const char *program, const char *const *arguments, int out,
                             int err)
{
	const char *argv[MOST_ARGUMENTS + 2] = {program};

	for (int i = 0; arguments[i]; i++)
		argv[i + 1] = arguments[i];
	drop_our_variables();
	for (const char *const *variable = how->environment; variable && *variable; variable++)
		putenv((char *)*variable);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0 || (how->directory && chdir(how->directory)))
		_exit(99);
	execv(program, (char **)argv);
	_exit(98);
}

struct outcome run(const struct invocation *how, const char *const *arguments)
{
	const char *program = how->program ? how->program : needed("SNDTIMEO_TEST_LAUNCHER");
	int kept = scratch_file(), err = scratch_file();
	int out = how->output ? open(how->output, O_WRONLY | O_CLOEXEC) : kept;
	int status;

	cr_assert(out >= 0);
	pid_t pid = fork();

	cr_assert(pid >= 0);
	if (pid == 0)
		become(how, program, arguments, out, err);
	cr_assert(waitpid(pid, &status, 0) == pid);
	return (struct outcome){
		.pid = pid,
		.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.out = contents(kept),
		.err = contents(err),
	};
}
