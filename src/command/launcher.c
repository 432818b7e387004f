/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The sndtimeo command: checks the limits and the program, puts the library into LD_PRELOAD and becomes the
 * program.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "config.h"

#include "fail.h"
#include "given.h"
#include "outside.h"
#include "preload.h"
#include "reach.h"
#include "record.h"
#include "limits/configured.h"
#include "limits/program.h"
#include "limits/quantity.h"
#include "base/text.h"
#include "status.h"
#include "way.h"

enum { CHECK = 512, STATUS, FOLLOW, JSON, FORCE, ATTACH, FOR, RECORD, OUTSIDE, INSIDE };
/* Those that are no settings, and the end of the list. */
enum { N_OTHERS = 13 };

/* What is to be done. */
struct request {
	bool check;
	bool force;
	const char *status; /* the process to look at */
	bool follow;        /* once a second */
	bool json;          /* in JSON */
	const char *attach; /* the processes to watch, with commas in between */
	int32_t for_ms;     /* for so long; 0: any time */
	const char *record; /* the file for samples */
	enum way way;
};

static const char help[] =
	"Usage: sndtimeo [OPTION]... [--] COMMAND [ARG]...\n"
	"Run COMMAND with a connect deadline and a send timeout on its TCP sockets.\n"
	"  -c, --connect DUR     longest time to connect, each attempt (default 10s)\n"
	"  -s, --send DUR        longest time a send makes no progress (default 30s)\n"
	"      --send-total DUR  longest time one send may take, progress or not\n"
	"      --min-rate SIZE   least bytes a second while a send waits (64K, 1M)\n"
	"      --unacked DUR     TCP_USER_TIMEOUT; see sndtimeo(1) before using it\n"
	"      --policy replace|cap  whether the send timeout may also lengthen a wait\n"
	"      --rule RULE       limits for a destination: '10.0.0.0/8:443 send=5s'\n"
	"      --config FILE     a file of such rules; default: the machine's\n"
	"      --log stderr|syslog|/PATH|off, --log-format text|json, -v, --verbose\n"
	"      --dry-run         limit nothing, tell what would have timed out\n"
	"      --summary         tell at the end what was seen\n"
	"      --inside, --outside   by a preloaded library, or by a watcher beside it\n"
	"      --check           tell whether and how COMMAND can be limited, no more\n"
	"      --force           run COMMAND even if it cannot be limited\n"
	"      --record FILE     write how connections do into FILE, for sndtimeo-plot\n"
	"      --attach PID[,PID]... [--for DUR]  limit processes that run\n"
	"      --status PID [--follow] [--json]  tell of its limits and connections\n"
	"  -h, --help, -V, --version\n"
	"DUR is a number with ms, s, m or h (default s); 0 or off: no limit. What no\n"
	"option says is taken from SNDTIMEO_CONNECT, SNDTIMEO_SEND and so on.\n"
	"Exit status: 125 sndtimeo failed, 126, 127 as env(1), else COMMAND's own.\n"
	"Example: sndtimeo -c 3 -s 30 -- python3 client.py big.bin\n";

static _Noreturn void fail_usage(void)
{
	fputs("Try 'sndtimeo --help'.\n", stderr);
	exit(EXIT_OWN_FAILURE);
}

/* What was asked for was of use only if all of it was written. */
static _Noreturn void finish_output(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout) || fclose(stdout) != 0)
		fail("standard output", strerror(errno));
	exit(status);
}

/* ---- options -------------------------------------------------------------------------------------------------------- */

static _Noreturn void show_version(void)
{
	char *library = checked(library_path());
	const char *defect = library_defect(library);

	printf("%s\nlibrary: %s%s%s\n", PACKAGE_STRING, library, defect ? ": " : "", defect ? defect : "");
#ifdef __GLIBC__
	printf("libc: glibc %s\n", gnu_get_libc_version());
#else
	printf("libc: not glibc (musl?)\n");
#endif
	finish_output(EXIT_SUCCESS);
}

static void make_options(struct option options[GIVEN_COUNT + N_OTHERS])
{
	static const struct option others[] = {
		{"check", no_argument, NULL, CHECK},       {"force", no_argument, NULL, FORCE},
		{"status", required_argument, NULL, STATUS}, {"help", no_argument, NULL, 'h'},
		{"follow", no_argument, NULL, FOLLOW},     {"json", no_argument, NULL, JSON},
		{"attach", required_argument, NULL, ATTACH}, {"for", required_argument, NULL, FOR},
		{"record", required_argument, NULL, RECORD},
		{"outside", no_argument, NULL, OUTSIDE},   {"inside", no_argument, NULL, INSIDE},
		{"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0},
	};

	given_options(options);
	memcpy(options + GIVEN_COUNT, others, sizeof others);
}

static const char *with_comma(const char *before, const char *id)
{
	char *list;

	if (!before)
		return id;
	if (asprintf(&list, "%s,%s", before, id) < 0)
		fail_memory();
	return list;
}

static _Noreturn void fail_value(const char *option, const char *value, const char *accepted)
{
	char shown[64];
	struct text text;

	text_start(&text, shown, sizeof shown);
	text_add_foreign(&text, value, 60);
	fprintf(stderr, "sndtimeo: %s='%s': expected %s\n", option, shown, accepted);
	exit(EXIT_OWN_FAILURE);
}

/* Returns the command, with its arguments; empty if none is needed. */
static char **read_options(int argc, char **argv, struct request *request)
{
	struct option options[GIVEN_COUNT + N_OTHERS];
	int letter;

	make_options(options);
	/* "+": what follows the command's name is the command's. */
	while ((letter = getopt_long(argc, argv, "+c:s:vhV", options, NULL)) != -1) {
		switch (letter) {
		case 'h':
			fputs(help, stdout);
			finish_output(EXIT_SUCCESS);
		case 'V':
			show_version();
		case '?':
			fail_usage(); /* getopt_long() has said what is wrong */
		case CHECK:
			request->check = true;
			break;
		case FORCE:
			request->force = true;
			break;
		case STATUS:
			request->status = optarg;
			break;
		case FOLLOW:
			request->follow = true;
			break;
		case JSON:
			request->json = true;
			break;
		case ATTACH:
			request->attach = with_comma(request->attach, optarg);
			break;
		case FOR:
			if (!parse_duration(optarg, &request->for_ms))
				fail_value("--for", optarg, DURATION_ACCEPTED);
			break;
		case RECORD:
			request->record = *optarg ? optarg : NULL;
			break;
		case OUTSIDE:
		case INSIDE:
			request->way = letter == OUTSIDE ? WAY_OUTSIDE : WAY_INSIDE;
			break;
		default:
			given_take(letter, optarg);
		}
	}
	const char *running = request->status ? "--status" : request->attach ? "--attach" : NULL;

	if (running && optind < argc)
		fail(running, "looks at a process that runs, and takes no COMMAND");
	if (request->for_ms && !request->attach)
		fail("--for", "tells how long to watch, and goes with --attach");
	if ((request->follow || request->json) && !request->status)
		fail(request->follow ? "--follow" : "--json", "tells how to look at a process, and goes with --status");
	if (!running && optind >= argc) {
		fputs("sndtimeo: no COMMAND to run\n", stderr);
		fail_usage();
	}
	return argv + optind;
}

/* ---- the program ---------------------------------------------------------------------------------------------------- */

static void set_preload(const char *library, const struct finding *finding)
{
	char *value = checked(way_preload(library, finding));

	if (setenv("LD_PRELOAD", value, 1) != 0)
		fail("LD_PRELOAD", strerror(errno));
	if (finding->runtime && settings.verbose && settings.log == LOG_TO_STDERR)
		fprintf(stderr, "sndtimeo: the runtime of the program's sanitizer comes first: LD_PRELOAD=%s\n", value);
	free(value);
}

/* A recording that was asked for and is not made would be missed when it is too late. */
static void start_record(const char *file, const char *command)
{
	const char *slash = strrchr(command, '/');
	const int fd = record_open(file);

	if (fd < 0)
		fail(file, strerror(errno));
	close(fd);
	const char *defect = outside_record(file, slash ? slash + 1 : command);

	if (defect)
		fail("--record", defect);
}

/* No fork: the program keeps our pid, and its parent gets its exit status and may signal it. */
static _Noreturn void become(char **command)
{
	execvp(command[0], command);
	int error = errno;

	fprintf(stderr, "sndtimeo: cannot run '%s': %s\n", command[0], strerror(error));
	exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_INVOKE);
}

int main(int argc, char **argv)
{
	struct request request = {0};
	char **command = read_options(argc, argv, &request);

	/* Which one it is going to be is known to the library, and to the watcher. */
	program_assume_any();

	if (request.status)
		finish_output(status(request.status, request.json, request.follow));
	given_apply(request.record);
	if (request.attach)
		exit(outside_attach(request.attach, request.for_ms, request.record));
	if (request.record && !request.check) {
		start_record(request.record, command[0]);
		if (!settings_limit(&settings))
			become(command);
	}

	char *library = checked(library_path());
	const char *defect = library_defect(library);

	/* ld.so would only warn, and the program would run without its limits. */
	if (defect && request.way != WAY_OUTSIDE)
		fail(library, defect);

	const struct finding finding = reach_of(library, command);
	struct choice choice = way_choose(request.way, &finding);

	if (choice.way == WAY_OUTSIDE)
		choice.why_not = request.check ? outside_defect() : outside_start();
	given_read_for(finding.file, finding.started_as);
	if (request.check) {
		const bool limited = way_show(command[0], library, &finding, &choice);

		finish_output(limited ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	if (!choice.why_not || request.force)
		way_tell(&choice, &finding);
	else
		way_refuse(&choice, &finding, request.way);
	if (settings.rules.last && !settings_limit(&settings))
		fprintf(stderr, "sndtimeo: %s has no limits: rule %zu switches them off for this program\n", command[0], settings.rules.last);
	if (choice.way == WAY_INSIDE)
		set_preload(library, &finding);

	become(command);
}
