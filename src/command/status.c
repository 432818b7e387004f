/* SPDX-License-Identifier: MIT */
/** @file
 * @brief sndtimeo --status: whether the library is active in a process, with which limits, on which connections.
 */
#include "status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#include "held.h"
#include "outside/configuration.h"
#include "outside/process.h"
#include "sockets.h"
#include "base/text.h"
#include "limits/machine.h"
#include "table.h"

/* The kernel's own limit on arguments and environment is 6 MiB; a process may point it elsewhere (prctl(2)). */
#define MOST_ENVIRONMENT_BYTES ((size_t)8 << 20)
#define MOST_VARIABLES 64

/* Of a library's path, of a file's name, that is shown. */
#define MOST_SHOWN 1000

#define NEEDED_RIGHTS "(ptrace(2), PTRACE_MODE_ATTACH_REALCREDS)"

struct report {
	struct process process;
	struct held held;
	const struct settings *settings;   /* NULL: not known */
	bool by_environment;               /* ... but what its environment says of them, which is here: */
	struct settings environment;
	const char *rules_file;            /* SNDTIMEO_CONFIG, which we do not open; NULL: none */
};

__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...)
{
	va_list arguments;

	fputs("sndtimeo: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs("\n", stderr);
	return STATUS_FAILED;
}

static void print_foreign(const char *before, const char *foreign, const char *after)
{
	char buffer[MOST_SHOWN + sizeof "..."];
	struct text shown;

	text_start(&shown, buffer, sizeof buffer);
	text_add_foreign(&shown, foreign, MOST_SHOWN);
	printf("%s%s%s", before, buffer, after);
}

/* ---- the process ------------------------------------------------------------------------------------------------- */

static int fail_pid(const char *string)
{
	char buffer[80];
	struct text shown;

	text_start(&shown, buffer, sizeof buffer);
	text_add_foreign(&shown, string, 60);
	return fail("--status='%s': expected the number of a process", buffer);
}

static int fail_process(const struct process *process, int error)
{
	const int id = (int)process->id;

	if (error == ESRCH || error == ENOENT)
		return fail("there is no process %d", id);
	if (error != EACCES && error != EPERM)
		return fail("process %d: %s", id, strerror(error));
	if (geteuid() == 0)
		return fail("no rights to look into process %d: root lacks CAP_SYS_PTRACE over it, see capabilities(7)", id);
	/* Without its status we do not know whose it is. */
	if (process->threads && process->user == getuid())
		return fail("no rights to look into process %d (it is protected, see PR_SET_DUMPABLE in prctl(2)): run as root",
		            id);
	return fail("no rights to look into process %d (it is another user's): run as that user or as root", id);
}

/* ---- what its environment says ----------------------------------------------------------------------------------- */

static char *read_environment(const struct process *process, size_t *length)
{
	FILE *file = process_open(process, "environ");
	char *bytes = file ? malloc(MOST_ENVIRONMENT_BYTES + 1) : NULL;

	if (bytes) {
		*length = fread(bytes, 1, MOST_ENVIRONMENT_BYTES, file);
		bytes[*length] = '\0';
	}
	if (file)
		fclose(file);
	return bytes;
}

/* @p bytes stay in use. */
static void take_environment(struct report *report, char *bytes, size_t length)
{
	static const char config[] = SETTINGS_PREFIX "CONFIG=";
	char *variables[MOST_VARIABLES + 1];
	size_t count = 0;

	for (char *at = bytes; at < bytes + length && count < MOST_VARIABLES; at += strlen(at) + 1) {
		/* A file that somebody else names may be anything. */
		if (strncmp(at, config, strlen(config)) == 0 && !settings_names_machine(at + strlen(config)))
			report->rules_file = at[strlen(config)] ? at + strlen(config) : NULL;
		else if (strncmp(at, SETTINGS_PREFIX, strlen(SETTINGS_PREFIX)) == 0)
			variables[count++] = at;
	}
	variables[count] = NULL;
	configuration_of_program(&report->process);
	settings_read(&report->environment, variables, !report->rules_file && machine_preloads_us(), settings_unheard, NULL);
	report->settings = &report->environment;
	report->by_environment = true;
}

/* Find out what limits count, as far as we may. Returns whether there are any. */
static bool find_settings(struct report *report)
{
	const enum held_kind kind = report->held.kind;
	size_t length = 0;

	if (kind == HELD_READ)
		report->settings = &report->held.settings;
	if (kind != HELD_FORBIDDEN && kind != HELD_STRANGE)
		return kind == HELD_READ || kind == HELD_OTHER;
	char *bytes = read_environment(&report->process, &length);

	if (bytes)
		take_environment(report, bytes, length);
	return !bytes || report->rules_file || settings_limit(report->settings);
}

/* ---- what is said ------------------------------------------------------------------------------------------------ */

/* Returns the exit status. */
static int print_verdict(const struct report *report, bool limits)
{
	const struct process *process = &report->process;
	const bool loaded = report->held.kind != HELD_ABSENT, active = loaded && limits && !process->ended;

	printf("sndtimeo is %s in process %d", active ? "active" : "not active", (int)process->id);
	print_foreign(" (", process->name, ")");
	if (process->ended)
		puts(process->threads > 1 ? ": this thread has ended; ask for another one of the process"
		                          : ": it has ended, and waits for its parent to hear of it (a zombie)");
	else if (!loaded)
		puts(": libsndtimeo.so is not loaded");
	else if (!limits)
		puts(report->by_environment ? ": libsndtimeo.so is loaded, and the environment sets no limits"
		                            : ": libsndtimeo.so is loaded, and found nothing to limit");
	else
		puts("");
	return active ? STATUS_ACTIVE : STATUS_NOT_ACTIVE;
}

static void print_library(const struct held *held)
{
	print_foreign("library: ", held->library, held->replaced ? " (the file was replaced or removed since)\n" : "\n");
}

static void print_why_not_read(const struct held *held)
{
	if (held->kind == HELD_OTHER)
		print_foreign("those of version ", held->version, ", which this command (" PACKAGE_VERSION ") cannot read\n");
	else if (held->kind == HELD_STRANGE)
		puts("those it took were not found; it may be another version than this command (" PACKAGE_VERSION
		     "), or 32-bit beside 64-bit");
	else if (held->error == EPERM || held->error == EACCES)
		puts("no rights to read those it took from its memory " NEEDED_RIGHTS);
	else
		printf("those it took cannot be read from its memory: %s\n", strerror(held->error));
}

static void print_settings(const struct report *report)
{
	const struct settings *settings = report->settings;
	char buffer[LIMITS_SIZE];
	struct text limits;

	text_start(&limits, buffer, sizeof buffer);
	text_add_limits(&limits, &settings->limits);
	printf("%s%s\n", report->by_environment ? "        its environment says: " : "", buffer);
	if (settings->rules.count)
		printf("rules: %zu; the first that is for a destination counts there instead\n", settings->rules.count);
	if (report->rules_file)
		print_foreign("rules: those in '", report->rules_file, "'\n");
	if (settings->dry_run)
		puts("dry run: what would time out is told of, and nothing fails");
}

static void print_limits(const struct report *report)
{
	fputs("limits: ", stdout);
	if (report->held.kind != HELD_READ)
		print_why_not_read(&report->held);
	if (report->settings)
		print_settings(report);
	else if (report->held.kind != HELD_OTHER)
		puts("        its environment cannot be read, either");
}

/* What the table does not have, and why. */
static void print_gaps(const struct report *report, const struct sockets *sockets)
{
	static const char what[] = "not told below: what is armed on a socket, sockets of MPTCP and unix(7)";
	const int error = sockets->duplicate_error;

	if (!report->held.has_slots && !error)
		puts("not told below: the time without progress; what the library remembers cannot be read");
	if (error == EPERM || error == EACCES)
		printf("%s, and the time without progress; no rights to duplicate its descriptors " NEEDED_RIGHTS "\n", what);
	else if (error)
		printf("%s, and the time without progress; pidfd_getfd(2), of Linux 5.6, says: %s\n", what, strerror(error));
}

/* Returns false if there is no memory. */
static bool print_sockets(const struct report *report)
{
	const struct table table = {&report->process, &report->held, report->settings};
	struct sockets sockets = sockets_of(&report->process, report->settings && report->settings->rules.names_unix);
	bool printed = true;

	print_gaps(report, &sockets);
	if (sockets.list_error)
		printf("connections: its descriptors cannot be listed: %s\n", strerror(sockets.list_error));
	else if (!sockets.count)
		puts("connections: none");
	if (sockets.count) {
		puts("");
		printed = table_print(&table, &sockets);
	}
	free(sockets.all);
	return printed;
}

int status(const char *pid)
{
	struct report report = {0};
	const pid_t id = process_number(pid, strlen(pid));
	int error = id ? process_find(&report.process, id) : 0;

	if (!id)
		return fail_pid(pid);
	if (!error && !report.process.ended)
		error = held_find(&report.held, &report.process);
	if (error)
		return fail_process(&report.process, error);

	const int verdict = print_verdict(&report, find_settings(&report));
	bool complete = true;

	if (report.held.kind != HELD_ABSENT)
		print_library(&report.held);
	if (verdict == STATUS_ACTIVE || report.by_environment)
		print_limits(&report);
	if (verdict == STATUS_ACTIVE)
		complete = print_sockets(&report);
	return complete ? verdict : fail("out of memory");
}
