/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What can be known of a process that runs.
 */
#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "limits/machine.h"
#include "outside/configuration.h"
#include "outside/watchers.h"

/* The kernel's own limit on arguments and environment is 6 MiB; a process may point it elsewhere (prctl(2)). */
#define MOST_ENVIRONMENT_BYTES ((size_t)8 << 20)
#define MOST_VARIABLES 64

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

/* Of the variables, which are @p length bytes. */
static void take_environment(struct inspection *inspection, size_t length)
{
	static const char config[] = SETTINGS_PREFIX "CONFIG=";
	char *ours[MOST_VARIABLES + 1];
	size_t count = 0;

	for (char *at = inspection->variables; at < inspection->variables + length && count < MOST_VARIABLES; at += strlen(at) + 1) {
		/* A file that somebody else names may be anything. */
		if (strncmp(at, config, strlen(config)) == 0 && !settings_names_machine(at + strlen(config)))
			inspection->rules_file = at[strlen(config)] ? at + strlen(config) : NULL;
		else if (strncmp(at, SETTINGS_PREFIX, strlen(SETTINGS_PREFIX)) == 0)
			ours[count++] = at;
	}
	ours[count] = NULL;
	configuration_of_program(&inspection->process);
	settings_read(&inspection->environment, ours, !inspection->rules_file && machine_preloads_us(), settings_unheard, NULL);
	inspection->by_environment = true;
}

/* Find out what limits count, as far as we may. Returns whether there are any. */
static bool find_settings(struct inspection *inspection)
{
	const enum held_kind kind = inspection->held.kind;
	size_t length = 0;

	if (kind != HELD_FORBIDDEN && kind != HELD_STRANGE)
		return kind == HELD_READ || kind == HELD_OTHER;
	inspection->variables = read_environment(&inspection->process, &length);
	if (inspection->variables)
		take_environment(inspection, length);
	return !inspection->variables || inspection->rules_file || settings_limit(&inspection->environment);
}

int inspect(struct inspection *inspection, pid_t id)
{
	*inspection = (struct inspection){0};
	int error = process_find(&inspection->process, id);

	if (!error && !inspection->process.ended)
		error = held_find(&inspection->held, &inspection->process);
	if (error)
		return error;
	inspection->loaded = inspection->held.kind != HELD_ABSENT;
	inspection->limits = find_settings(inspection);
	inspection->active = inspection->loaded && inspection->limits && !inspection->process.ended;
	return 0;
}

const struct settings *inspect_settings(const struct inspection *inspection)
{
	if (inspection->held.kind == HELD_READ)
		return &inspection->held.settings;
	return inspection->by_environment ? &inspection->environment : NULL;
}

void inspect_watcher(struct inspection *inspection, pid_t known)
{
	const pid_t leader = inspection->process.leader;

	if (known)
		inspection->watcher = watchers_are(known, leader) ? known : 0;
	else
		inspection->watcher = watchers_find(leader);
}

void inspect_sockets(struct inspection *inspection)
{
	const struct settings *settings = inspect_settings(inspection);

	inspection->sockets = sockets_of(&inspection->process, settings && settings->rules.names_unix);
}

void inspect_end(struct inspection *inspection)
{
	rules_free(&inspection->environment.rules);
	if (inspection->environment.log_path)
		munmap((void *)(uintptr_t)inspection->environment.log_path, LOG_PATH_SIZE);
	free(inspection->variables);
	free(inspection->held.slots);
	free(inspection->sockets.all);
	*inspection = (struct inspection){0};
}
