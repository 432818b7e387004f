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
#include <sys/stat.h>
#include <unistd.h>

#include "limits/configured.h"
#include "limits/machine.h"
#include "limits/program.h"
#include "tell/report.h"

/* Mistakes in a file. */
#define MOST_TOLD 32

struct configuration {
	struct settings settings;
	uint16_t number;              /* from 1 */
	uint64_t files;               /* files_now() when it was read */
	struct configuration *next;
};

/** There are no more than what is named in rules makes different. */
static struct configuration *all;

/** The settings as they were at first, for any program: what counts where there is no configuration. */
static struct settings first;

static void begin(void)
{
	static bool begun;

	if (!begun)
		first = settings;
	begun = true;
}

static struct configuration *add(const struct settings *found, uint64_t files)
{
	struct configuration *one = malloc(sizeof *one);

	if (one) {
		*one = (struct configuration){*found, (uint16_t)(all ? all->number + 1 : 1), files, all};
		all = one;
	}
	return one;
}

/* ---- which program it is ------------------------------------------------------------------------------------------ */

static struct {
	char file[PATH_MAX], started_as[PATH_MAX];
} asked;

/* Whether they are one file. */
static bool is_same(const char *path, const char *other)
{
	struct stat one, two;

	return stat(path, &one) == 0 && stat(other, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

void configuration_of_program(const struct process *process)
{
	static const char gone[] = " (deleted)";
	char path[32];

	snprintf(path, sizeof path, "/proc/%d/exe", (int)process->id);
	const ssize_t length = readlink(path, asked.file, sizeof asked.file - 1);

	asked.file[length > 0 ? length : 0] = '\0';
	if (length >= (ssize_t)sizeof gone && strcmp(asked.file + length - strlen(gone), gone) == 0 && !is_same(asked.file, path))
		asked.file[length - (ssize_t)strlen(gone)] = '\0';
	if (!process_started_as(process, asked.started_as, sizeof asked.started_as))
		asked.started_as[0] = '\0';
	program_assume(asked.file, asked.started_as);
}

/* What execve(2) changes, and nothing else does: names may change while a program runs. */
static char *identity_of(const struct process *process)
{
	char path[32], *identity;
	struct stat file = {0};

	snprintf(path, sizeof path, "/proc/%d/exe", (int)process->id);
	if (stat(path, &file) != 0)
		return NULL;
	if (asprintf(&identity, "%jx:%jx:%jx", (uintmax_t)file.st_dev, (uintmax_t)file.st_ino, (uintmax_t)process_image(process)) < 0)
		return NULL;
	return identity;
}

/* ---- what counts for it ------------------------------------------------------------------------------------------- */

/* What was wrong at the start was told then: this is a file that was changed since. */
static void complain(enum settings_fault fault, const char *what, const char *why, void *context)
{
	static char told[MOST_TOLD][SETTINGS_COMPLAINT_SIZE];
	static size_t count;
	char line[SETTINGS_COMPLAINT_SIZE];
	struct text text;

	(void)context;
	text_start(&text, line, sizeof line);
	settings_complaint(&text, fault, what, why, true);
	for (size_t i = 0; i < count; i++)
		if (strcmp(told[i], line) == 0)
			return;
	if (fault != SETTINGS_RULE || count == MOST_TOLD)
		return;
	memcpy(told[count++], line, sizeof line);
	report_complaint(line);
}

/* A number that changes when a file that rules may be in does. */
static uint64_t files_now(void)
{
	const char *const paths[] = {getenv(SETTINGS_PREFIX "CONFIG"), machine_config};
	uint64_t hash = 0;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct stat file = {0};
		const bool is_there = paths[i] && stat(paths[i], &file) == 0;
		const uint64_t parts[] = {is_there, file.st_ino, (uint64_t)file.st_size, (uint64_t)file.st_mtim.tv_sec, (uint64_t)file.st_mtim.tv_nsec};

		/* As FNV-1a does. */
		for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
			hash = (hash ^ parts[k]) * UINT64_C(0x100000001b3);
	}
	return hash;
}

static const struct configuration *read_again(void)
{
	const uint64_t files = files_now();
	struct configuration *one = all;
	struct settings found;

	settings_read(&found, environ, machine_preloads_us(), complain, NULL);
	if (found.log_path)
		munmap((void *)(uintptr_t)found.log_path, LOG_PATH_SIZE);
	found.log_path = first.log_path;
	while (one && !(one->files == files && rules_same(&one->settings.rules, &found.rules)))
		one = one->next;
	if (one)
		rules_free(&found.rules);
	return one ? one : add(&found, files);
}

const struct configuration *configuration_find(const struct process *process, char **program, const struct configuration *known)
{
	begin();
	if (!first.rules.names_programs)
		return NULL;
	char *now = identity_of(process);

	if (now && (!*program || strcmp(now, *program) != 0)) {
		configuration_of_program(process);
		known = read_again();
		program_assume_any();
		free(*program);
		*program = now;
		now = NULL;
	}
	free(now);
	return known;
}

unsigned configuration_number(const struct configuration *configuration)
{
	return configuration ? configuration->number : 0;
}

unsigned configuration_assume(const struct configuration *configuration)
{
	begin();
	settings = configuration ? configuration->settings : first;
	return configuration_number(configuration);
}
