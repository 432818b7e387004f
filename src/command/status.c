/* SPDX-License-Identifier: MIT */
/** @file
 * @brief sndtimeo --status: whether the library is active in a process, with which limits, on which connections.
 */
#include "status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "describe.h"
#include "follow.h"
#include "inspect.h"
#include "object.h"
#include "outside/process.h"
#include "table.h"

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

/* ---- what is said ------------------------------------------------------------------------------------------------ */

/* Returns false if there is no memory. */
static bool print_table(struct inspection *inspection)
{
	inspect_sockets(inspection);
	describe_gaps(stdout, inspection, false);
	if (!inspection->sockets.count)
		return true;
	puts("");
	return table_print(inspection);
}

static bool print_object(struct inspection *inspection)
{
	inspect_watcher(inspection, 0);
	inspect_sockets(inspection);
	object_print(stdout, inspection, NULL, clock_now_ns());
	return true;
}

static bool print_words(struct inspection *inspection)
{
	inspect_watcher(inspection, 0);
	describe(stdout, inspection);
	return !inspection->active || print_table(inspection);
}

int status(const char *pid, bool as_json, bool following)
{
	struct inspection inspection;
	const pid_t id = process_number(pid, strlen(pid));

	if (!id)
		return fail_pid(pid);
	const int error = following ? follow(&inspection, id, as_json) : inspect(&inspection, id);
	int result = following || inspection.active ? STATUS_ACTIVE : STATUS_NOT_ACTIVE;

	if (error)
		result = error == ENOMEM ? fail("out of memory") : fail_process(&inspection.process, error);
	else if (!following && !(as_json ? print_object(&inspection) : print_words(&inspection)))
		result = fail("out of memory");
	inspect_end(&inspection);
	return result;
}
