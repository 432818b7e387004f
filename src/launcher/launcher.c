/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The sndtimeo command: checks the limits, puts the library into LD_PRELOAD and becomes the program.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#include "preload.h"
#include "src/limits.h"
#include "src/text.h"

/* As env(1) has them. */
enum {
	EXIT_OWN_FAILURE = 125,
	EXIT_CANNOT_INVOKE = 126,
	EXIT_NOT_FOUND = 127,
};

#define PREFIX "SNDTIMEO_"

/* The limits that have an option, and what they are if nobody says. */
static struct limit {
	const char *variable;
	const char *option;
	const char *fallback;
	const char *given; /* the option's value; NULL or empty: not given */
} limits[] = {
	{PREFIX "CONNECT", "--connect", "10s", NULL},
	{PREFIX "SEND", "--send", "30s", NULL},
	{PREFIX "POLICY", "--policy", NULL, NULL},
};

enum { CONNECT, SEND, POLICY, N_LIMITS };

static const char help[] =
	"Usage: sndtimeo [OPTION]... [--] COMMAND [ARG]...\n"
	"Run COMMAND with a connect deadline and a send timeout on its TCP sockets.\n"
	"\n"
	"  -c, --connect DUR   longest time one attempt to connect may take (default 10s)\n"
	"  -s, --send DUR      longest time a send may go without progress (default 30s)\n"
	"      --policy replace|cap\n"
	"                      replace (default): the send timeout counts instead of\n"
	"                      the program's own; cap: it only ever shortens\n"
	"  -h, --help          show this and exit\n"
	"  -V, --version       show the version and the library's path, and exit\n"
	"\n"
	"DUR is a decimal number with ms, s, m or h (default s); 0 or off: no limit.\n"
	"What no option says is taken from SNDTIMEO_CONNECT, SNDTIMEO_SEND and\n"
	"SNDTIMEO_POLICY.\n"
	"\n"
	"Exit status: 125 if sndtimeo itself fails, 126 if COMMAND cannot be invoked,\n"
	"127 if it cannot be found, else COMMAND's own.\n"
	"\n"
	"Example: sndtimeo -c 3 -s 30 -- python3 client.py big.bin\n";

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "sndtimeo: %s: %s\n", what, why);
	exit(EXIT_OWN_FAILURE);
}

static _Noreturn void fail_usage(void)
{
	fputs("Try 'sndtimeo --help'.\n", stderr);
	exit(EXIT_OWN_FAILURE);
}

/* @p complaint is limits_set()'s. */
static _Noreturn void fail_value(const char *name, const char *complaint)
{
	fprintf(stderr, "sndtimeo: %s=%s\n", name, complaint);
	exit(EXIT_OWN_FAILURE);
}

static void *checked(void *memory)
{
	if (!memory)
		fail("out of memory", strerror(ENOMEM));
	return memory;
}

/* --help and --version were of use only if all of it was written. */
static _Noreturn void finish_output(void)
{
	if (fflush(stdout) != 0 || ferror(stdout) || fclose(stdout) != 0)
		fail("standard output", strerror(errno));
	exit(EXIT_SUCCESS);
}

static _Noreturn void show_version(void)
{
	char *library = checked(library_path());
	const char *defect = library_defect(library);

	printf("%s\nlibrary: %s%s%s\n", PACKAGE_STRING, library, defect ? ": " : "", defect ? defect : "");
	finish_output();
}

/* Fill in limits[].given. Returns the command, with its arguments. */
static char **read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"connect", required_argument, NULL, 'c'}, {"send", required_argument, NULL, 's'},
		{"policy", required_argument, NULL, 'p'},  {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0},
	};
	int option;

	/* "+": what follows the command's name is the command's. */
	while ((option = getopt_long(argc, argv, "+c:s:hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			limits[CONNECT].given = optarg;
			break;
		case 's':
			limits[SEND].given = optarg;
			break;
		case 'p':
			limits[POLICY].given = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			finish_output();
		case 'V':
			show_version();
		default:
			fail_usage(); /* getopt_long() has said what is wrong */
		}
	}
	if (optind >= argc) {
		fputs("sndtimeo: no COMMAND to run\n", stderr);
		fail_usage();
	}
	return argv + optind;
}

static void set_variable(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		fail(name, strerror(errno));
}

/* Check the options' values and put them, or what counts without them, into the environment. */
static void apply_options(void)
{
	struct limits scratch;
	char complaint[LIMITS_COMPLAINT_SIZE];

	for (const struct limit *limit = limits; limit < limits + N_LIMITS; limit++) {
		const char *inherited = getenv(limit->variable);

		if (limit->given && *limit->given) {
			if (limits_set(&scratch, limit->variable, limit->given, complaint, sizeof complaint) != 1)
				fail_value(limit->option, complaint);
			set_variable(limit->variable, limit->given);
		} else if (limit->fallback && (!inherited || *inherited == '\0')) {
			set_variable(limit->variable, limit->fallback);
		}
	}
}

/* Check what the library is going to find. An unknown name may be meant for a newer version, so it is no error. */
static void check_environment(void)
{
	struct limits scratch;
	char complaint[LIMITS_COMPLAINT_SIZE];

	for (char **variable = environ; *variable; variable++) {
		const char *equals = strchr(*variable, '=');

		if (!equals || equals[1] == '\0' || strncmp(*variable, PREFIX, strlen(PREFIX)) != 0)
			continue;

		char *name = checked(strndup(*variable, (size_t)(equals - *variable)));
		int result = limits_set(&scratch, name, equals + 1, complaint, sizeof complaint);

		if (result == 0)
			fail_value(name, complaint);
		if (result < 0) {
			char shown[80];
			struct text line;

			text_start(&line, shown, sizeof shown);
			text_add_foreign(&line, name, 60);
			fprintf(stderr, "sndtimeo: %s %s: ignored\n", shown, complaint);
		}
		free(name);
	}
}

static void set_preload(void)
{
	char *library = checked(library_path());
	const char *defect = library_defect(library);

	/* ld.so would only warn, and the program would run without its limits. */
	if (defect)
		fail(library, defect);

	char *value = checked(preload_with(library, getenv("LD_PRELOAD")));

	set_variable("LD_PRELOAD", value);
	free(value);
	free(library);
}

int main(int argc, char **argv)
{
	char **command = read_options(argc, argv);

	apply_options();
	check_environment();
	set_preload();

	/* No fork: the program keeps our pid, and its parent gets its exit status and may signal it. */
	execvp(command[0], command);
	int error = errno;

	fprintf(stderr, "sndtimeo: cannot run '%s': %s\n", command[0], strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_INVOKE;
}
