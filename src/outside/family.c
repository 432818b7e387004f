/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The processes that are watched from outside.
 */
#include "outside/family.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** The kernel's own limit on arguments and environment is 6 MiB. */
#define MOST_ENVIRONMENT_BYTES ((size_t)8 << 20)

static struct member *find(const struct family *family, pid_t id)
{
	for (size_t i = 0; i < family->count; i++)
		if (family->all[i]->process.id == id && !family->all[i]->ended)
			return family->all[i];
	return NULL;
}

static bool make_room(struct family *family)
{
	const size_t more = family->room ? 2 * family->room : 16;

	if (family->count < family->room)
		return true;
	struct member **all = reallocarray(family->all, more, sizeof(struct member *));

	if (!all)
		return false;
	family->all = all;
	family->room = more;
	return true;
}

static struct member *fail(struct member *member, int error)
{
	if (member && member->handle >= 0)
		close(member->handle);
	free(member);
	errno = error;
	return NULL;
}

struct member *family_add(struct family *family, pid_t id)
{
	struct member *member = find(family, id);

	if (member)
		return member;
	if (!make_room(family) || !(member = calloc(1, sizeof *member)))
		return fail(NULL, ENOMEM);
	member->handle = -1;
	int error = process_find(&member->process, id);

	if (error || member->process.ended)
		return fail(member, error ? error : ESRCH);
	/* The whole process, whichever of its threads was named. */
	if (member->process.leader != id) {
		const pid_t leader = member->process.leader;

		fail(member, 0);
		return family_add(family, leader);
	}
	member->handle = process_handle_of_all(&member->process);
	if (member->handle < 0)
		return fail(member, errno);
	/* After the handle was opened: what has that number now is what it is of. */
	member->began = process_began(id);
	if (!member->began)
		return fail(member, ESRCH);
	family->all[family->count++] = member;
	return member;
}

void family_rename(struct member *member)
{
	struct process now;

	if (process_find(&now, member->process.id) == 0 && process_began(now.id) == member->began)
		member->process = now;
}

/* ---- children ---------------------------------------------------------------------------------------------------- */

static void grow_by(struct family *family, pid_t id, void (*added)(const struct member *member, void *context),
                    void *context)
{
	if (find(family, id) || id == getpid())
		return;
	const struct member *member = family_add(family, id);

	if (member)
		added(member, context);
}

static void add_children(struct family *family, size_t of, void (*added)(const struct member *member, void *context),
                         void *context)
{
	const struct process process = family->all[of]->process;
	char path[64], name[64];
	int child;

	snprintf(path, sizeof path, "/proc/%d/task", (int)process.id);
	DIR *threads = opendir(path);

	for (struct dirent *entry; threads && (entry = readdir(threads));) {
		if (*entry->d_name == '.')
			continue;
		snprintf(name, sizeof name, "task/%.20s/children", entry->d_name);
		FILE *children = process_open(&process, name);

		while (children && fscanf(children, "%d", &child) == 1)
			grow_by(family, child, added, context);
		if (children)
			fclose(children);
	}
	if (threads)
		closedir(threads);
}

static bool has_mark(pid_t id, const char *mark)
{
	const struct process process = {.id = id};
	FILE *file = process_open(&process, "environ");
	char *variable = NULL;
	size_t size = 0, bytes = 0;
	ssize_t length;
	bool found = false;

	while (file && !found && bytes < MOST_ENVIRONMENT_BYTES && (length = getdelim(&variable, &size, '\0', file)) > 0) {
		bytes += (size_t)length;
		found = strcmp(variable, mark) == 0;
	}
	free(variable);
	if (file)
		fclose(file);
	return found;
}

/* Whoever is left of them was given to init, or to who calls itself a subreaper. */
static void add_orphans(struct family *family, void (*added)(const struct member *member, void *context), void *context)
{
	DIR *processes = opendir("/proc");

	for (struct dirent *entry; processes && (entry = readdir(processes));) {
		const pid_t id = isdigit((unsigned char)*entry->d_name) ? (pid_t)atoi(entry->d_name) : 0;

		if (id && !find(family, id) && has_mark(id, family->mark))
			grow_by(family, id, added, context);
	}
	if (processes)
		closedir(processes);
}

void family_grow(struct family *family, void (*added)(const struct member *member, void *context), void *context)
{
	/* Those that are found here have children, too. */
	for (size_t i = 0; i < family->count; i++)
		if (!family->all[i]->ended)
			add_children(family, i, added, context);
	if (family->mark && family->lost_any)
		add_orphans(family, added, context);
	family->lost_any = false;
}

void family_bury(struct family *family)
{
	size_t kept = 0;

	for (size_t i = 0; i < family->count; i++) {
		struct member *member = family->all[i];

		if (!member->ended) {
			family->all[kept++] = member;
			continue;
		}
		family->lost_any = true;
		close(member->handle);
		wishes_free(&member->wishes);
		free(member);
	}
	family->count = kept;
}
