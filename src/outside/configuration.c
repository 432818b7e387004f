/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which settings count for each watched process, where rules name programs.
 */
#include "outside/configuration.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "limits/configured.h"
#include "limits/machine.h"
#include "limits/program.h"

struct configuration {
	struct settings settings;
	struct configuration *next;
};

/** There are no more than what is named in rules makes different. */
static struct configuration *all;

static void tell_nobody(enum settings_fault fault, const char *what, const char *why, void *context)
{
	/* It was told at the start. */
	(void)fault;
	(void)what;
	(void)why;
	(void)context;
}

static struct configuration *add(const struct settings *found)
{
	struct configuration *one = malloc(sizeof *one);

	if (one) {
		*one = (struct configuration){*found, all};
		all = one;
	}
	return one;
}

const struct configuration *configuration_find(const struct process *process)
{
	char path[32], file[PATH_MAX] = "", started_as[PATH_MAX];
	struct settings found;
	struct configuration *one = all;

	if (!settings.rules.names_programs)
		return NULL;
	snprintf(path, sizeof path, "/proc/%d/exe", (int)process->id);
	const ssize_t length = readlink(path, file, sizeof file - 1);

	program_assume(length > 0 ? file : NULL, process_started_as(process, started_as, sizeof started_as) ? started_as : NULL);
	settings_read(&found, environ, machine_preloads_us(), tell_nobody, NULL);
	program_assume_any();
	if (found.log_path)
		munmap((void *)(uintptr_t)found.log_path, LOG_PATH_SIZE);
	found.log_path = settings.log_path;
	while (one && !rules_same(&one->settings.rules, &found.rules))
		one = one->next;
	if (one)
		rules_free(&found.rules);
	return one ? one : add(&found);
}

void configuration_assume(const struct configuration *configuration)
{
	if (configuration)
		settings = configuration->settings;
}
