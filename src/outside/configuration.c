/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which settings count for each watched process, where rules name programs.
 */
#include "outside/configuration.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static struct configuration *add(const struct settings *found)
{
	struct configuration *one = malloc(sizeof *one);

	if (one) {
		*one = (struct configuration){*found, all};
		all = one;
	}
	return one;
}

static struct {
	char file[PATH_MAX], started_as[PATH_MAX];
} asked;

void configuration_of_program(const struct process *process)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/%d/exe", (int)process->id);
	const ssize_t length = readlink(path, asked.file, sizeof asked.file - 1);

	asked.file[length > 0 ? length : 0] = '\0';
	if (!process_started_as(process, asked.started_as, sizeof asked.started_as))
		asked.started_as[0] = '\0';
	program_assume(asked.file, asked.started_as);
}

/* By the text of the rules, as at the start: it was told then what is wrong with them. */
static const struct configuration *read_again(void)
{
	struct configuration *one = all;
	struct settings found;

	settings_read(&found, environ, machine_preloads_us(), settings_unheard, NULL);
	if (found.log_path)
		munmap((void *)(uintptr_t)found.log_path, LOG_PATH_SIZE);
	found.log_path = settings.log_path;
	while (one && !rules_same(&one->settings.rules, &found.rules))
		one = one->next;
	if (one)
		rules_free(&found.rules);
	return one ? one : add(&found);
}

const struct configuration *configuration_find(const struct process *process, char **program, const struct configuration *known)
{
	char *now;

	if (!settings.rules.names_programs)
		return NULL;
	configuration_of_program(process);
	if (asprintf(&now, "%s\n%s", asked.file, asked.started_as) < 0)
		now = NULL;
	if (now && (!*program || strcmp(now, *program) != 0)) {
		known = read_again();
		free(*program);
		*program = now;
		now = NULL;
	}
	free(now);
	program_assume_any();
	return known;
}

void configuration_assume(const struct configuration *configuration)
{
	if (configuration)
		settings = configuration->settings;
}
