/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What is known of a process, in words.
 */
#include "describe.h"

#include <errno.h>
#include <string.h>

#include "config.h"

#include "base/text.h"

/* Of a library's path, of a file's name, that is shown. */
#define MOST_SHOWN 1000

#define NEEDED_RIGHTS "(ptrace(2), PTRACE_MODE_ATTACH_REALCREDS)"

static void line(FILE *to, const char *string)
{
	fprintf(to, "%s\n", string);
}

static void print_foreign(FILE *to, const char *before, const char *foreign, const char *after)
{
	char buffer[MOST_SHOWN + sizeof "..."];
	struct text shown;

	text_start(&shown, buffer, sizeof buffer);
	text_add_foreign(&shown, foreign, MOST_SHOWN);
	fprintf(to, "%s%s%s", before, buffer, after);
}

static void print_verdict(FILE *to, const struct inspection *inspection)
{
	const struct process *process = &inspection->process;

	fprintf(to, "sndtimeo is %s in process %d", inspection->active ? "active" : "not active", (int)process->id);
	print_foreign(to, " (", process->name, ")");
	if (process->ended)
		line(to, process->threads > 1 ? ": this thread has ended; ask for another one of the process"
		                          : ": it has ended, and waits for its parent to hear of it (a zombie)");
	else if (!inspection->loaded)
		line(to, ": libsndtimeo.so is not loaded");
	else if (!inspection->limits)
		line(to, inspection->by_environment ? ": libsndtimeo.so is loaded, and the environment sets no limits"
		                            : ": libsndtimeo.so is loaded, and found nothing to limit");
	else
		line(to, "");
}

static void print_library(FILE *to, const struct held *held)
{
	print_foreign(to, "library: ", held->library, held->replaced ? " (the file was replaced or removed since)\n" : "\n");
}

static void print_why_not_read(FILE *to, const struct held *held)
{
	if (held->kind == HELD_OTHER)
		print_foreign(to, "those of version ", held->version, ", which this command (" PACKAGE_VERSION ") cannot read\n");
	else if (held->kind == HELD_STRANGE)
		line(to, "those it took were not found; it may be another version than this command (" PACKAGE_VERSION
		     "), or 32-bit beside 64-bit");
	else if (held->error == EPERM || held->error == EACCES)
		line(to, "no rights to read those it took from its memory " NEEDED_RIGHTS);
	else
		fprintf(to, "those it took cannot be read from its memory: %s\n", strerror(held->error));
}

static void print_settings(FILE *to, const struct inspection *inspection)
{
	const struct settings *settings = inspect_settings(inspection);
	char buffer[LIMITS_SIZE];
	struct text limits;

	text_start(&limits, buffer, sizeof buffer);
	text_add_limits(&limits, &settings->limits);
	fprintf(to, "%s%s\n", inspection->by_environment ? "        its environment says: " : "", buffer);
	if (settings->rules.count)
		fprintf(to, "rules: %zu; the first that is for a destination counts there instead\n", settings->rules.count);
	if (inspection->rules_file)
		print_foreign(to, "rules: those in '", inspection->rules_file, "'\n");
	if (settings->dry_run)
		line(to, "dry run: what would time out is told of, and nothing fails");
}

static void print_limits(FILE *to, const struct inspection *inspection)
{
	fputs("limits: ", to);
	if (inspection->held.kind != HELD_READ)
		print_why_not_read(to, &inspection->held);
	if (inspect_settings(inspection))
		print_settings(to, inspection);
	else if (inspection->held.kind != HELD_OTHER)
		line(to, "        its environment cannot be read, either");
}

void describe(FILE *to, const struct inspection *inspection)
{
	print_verdict(to, inspection);
	if (inspection->watcher)
		fprintf(to, "process %d (sndtimeo) limits it from outside\n", (int)inspection->watcher);
	if (inspection->loaded)
		print_library(to, &inspection->held);
	if (inspection->active || inspection->by_environment)
		print_limits(to, inspection);
}

void describe_gaps(FILE *to, const struct inspection *inspection, bool traffic)
{
	const char *what = traffic ? "rates, windows, round trips, sockets of MPTCP and unix(7)"
	                           : "what is armed on a socket, sockets of MPTCP and unix(7)";
	const int error = inspection->sockets.duplicate_error, list_error = inspection->sockets.list_error;

	if (inspection->active && !inspection->held.has_slots && !error)
		line(to, "not told below: the time without progress; what the library remembers cannot be read");
	if (error == EPERM || error == EACCES)
		fprintf(to, "not told below: %s, and the time without progress; no rights to duplicate its descriptors " NEEDED_RIGHTS "\n",
		        what);
	else if (error)
		fprintf(to, "not told below: %s, and the time without progress; pidfd_getfd(2), of Linux 5.6, says: %s\n", what,
		        strerror(error));
	if (list_error)
		fprintf(to, "connections: its descriptors cannot be listed: %s\n", strerror(list_error));
	else if (!inspection->sockets.count)
		line(to, "connections: none");
}
