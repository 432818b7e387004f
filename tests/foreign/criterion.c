/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Runs the tests that were made with criterion/criterion.h, one after the other, each in a process. TAP.
 */
#include "criterion/criterion.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77
/** For a test that says nothing of it, in seconds: they are emulated. */
#define TIMEOUT 60

static struct test *tests;
static const struct test_options *current_suite, *current;
static bool failed;

void test_register(struct test *test)
{
	test->next = tests;
	tests = test;
}

static _Noreturn void end(int status)
{
	if (current->fini)
		current->fini();
	else if (current_suite && current_suite->fini)
		current_suite->fini();
	fflush(NULL);
	_exit(status);
}

static void say(const char *format, va_list arguments)
{
	fputs("# ", stdout);
	vprintf(format, arguments);
	putchar('\n');
	fflush(stdout);
}

void test_failed(bool ends, const char *file, int line, const char *condition, const char *format, ...)
{
	va_list arguments;

	printf("# %s:%d: %s\n", file, line, condition);
	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	failed = true;
	if (ends)
		end(1);
}

void test_skipped(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	end(SKIPPED);
}

static const struct test_options *suite_of(const struct test *test)
{
	for (const struct test *other = tests; other; other = other->next)
		if (!other->run && strcmp(other->suite, test->suite) == 0)
			return &other->options;
	return NULL;
}

static int run(const struct test *test)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		current = &test->options;
		current_suite = suite_of(test);
		alarm(current->timeout > TIMEOUT ? (unsigned)current->timeout : TIMEOUT);
		if (current_suite && current_suite->init)
			current_suite->init();
		if (current->init)
			current->init();
		test->run();
		end(failed);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 1;
	if (WIFSIGNALED(status))
		printf("# it ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void)
{
	int count = 0, failures = 0;

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	for (const struct test *test = tests; test; test = test->next) {
		if (!test->run)
			continue;
		int status = run(test);

		printf("%sok %d - %s::%s%s\n", status == 0 || status == SKIPPED ? "" : "not ", ++count, test->suite,
		       test->name, status == SKIPPED ? " # SKIP" : "");
		failures += status != 0 && status != SKIPPED;
	}
	printf("1..%d\n", count);
	return count == 0 || failures > 0;
}
