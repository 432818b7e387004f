/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The processes that are watched from outside.
 */
#include "outside/family.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "tell/report.h"

/** The kernel's own limit on arguments and environment is 6 MiB. */
#define MOST_ENVIRONMENT_BYTES ((size_t)8 << 20)
/** Orphans are looked for so far apart, while none of the family ends. */
#define SWEEP_SLICE_NS NS_PER_S

/** Descriptors up to this are where shells put standard error (exec 3>&2). */
#define MOST_STANDARD 9

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

static void close_handles(const struct member *member)
{
	if (member->handle >= 0)
		close(member->handle);
	if (member->through >= 0)
		close(member->through);
}

static struct member *fail(struct member *member, int error)
{
	if (member)
		close_handles(member);
	free(member);
	errno = error;
	return NULL;
}

/** Find a thread of it that has not ended: /proc shows nothing of one that has, and no descriptor can be had from it. */
static bool find_living(struct process *living, const struct process *process)
{
	char path[64];
	bool found = false;

	snprintf(path, sizeof path, "/proc/%d/task", (int)process->id);
	DIR *threads = opendir(path);

	for (struct dirent *entry; threads && !found && (entry = readdir(threads));) {
		const pid_t id = process_number(entry->d_name, strlen(entry->d_name));

		found = id && process_find(living, id) == 0 && living->leader == process->id && !living->ended;
	}
	if (threads)
		closedir(threads);
	return found;
}

/** @return false, with errno: it has ended, or there are too many descriptors */
static bool see_through(struct member *member, const struct process *process)
{
	struct process living = *process;

	if (process->ended && !find_living(&living, process)) {
		errno = ESRCH;
		return false;
	}
	const int through = process_handle(&living);

	if (through < 0)
		return false;
	if (member->through >= 0)
		close(member->through);
	member->through = through;
	member->seen = living;
	return true;
}

struct member *family_add(struct family *family, pid_t id)
{
	struct member *member = find(family, id);

	if (member)
		return member;
	if (!make_room(family) || !(member = calloc(1, sizeof *member)))
		return fail(NULL, ENOMEM);
	member->handle = member->through = -1;
	int error = process_find(&member->process, id);

	if (error || (member->process.ended && member->process.threads <= 1))
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
	if (family->count && !process_may_keep(member->handle))
		return fail(member, EMFILE);
	/* After the handle was opened: what has that number now is what it is of. */
	member->began = process_began(id);
	if (!member->began)
		return fail(member, ESRCH);
	if (!see_through(member, &member->process))
		return fail(member, errno);
	member->machine = machine_of(&member->seen);
	member->configuration = configuration_find(&member->seen, &member->program, NULL);
	family->all[family->count++] = member;
	return member;
}

void family_refresh(struct member *member)
{
	struct process now;

	if (process_find(&now, member->process.id) != 0 || process_began(now.id) != member->began)
		return;
	member->process = now;
	if (process_find(&now, member->seen.id) != 0 || now.leader != member->process.id || now.ended)
		see_through(member, &member->process);
	member->machine = machine_of(&member->seen);
	member->configuration = configuration_find(&member->seen, &member->program, member->configuration);
}

/* ---- children ---------------------------------------------------------------------------------------------------- */

static void complain_once(struct family *family, pid_t id, int error)
{
	char said[120];
	struct text text;

	if (family->full || (error != EMFILE && error != ENFILE && error != ENOMEM))
		return;
	family->full = true;
	text_start(&text, said, sizeof said);
	text_add_format(&text, "cannot look into process %jd or any more (", (intmax_t)id);
	text_add_error(&text, error);
	text_add(&text, "): they have no limits");
	report_complaint(said);
}

/** Whether it runs our own program: another watcher beside the first process, whose end each of us would wait for; or a command that
 * is about to become something else. */
static bool is_one_of_us(pid_t id)
{
	struct stat own, its;
	char path[32];

	snprintf(path, sizeof path, "/proc/%d/exe", (int)id);
	return stat("/proc/self/exe", &own) == 0 && stat(path, &its) == 0 && own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

static void grow_by(struct family *family, pid_t id, void (*added)(const struct member *member, void *context),
                    void *context)
{
	if (find(family, id) || id == getpid())
		return;
	if (is_one_of_us(id)) {
		/* Look again. */
		family->newest = -1;
		return;
	}
	const struct member *member = family_add(family, id);

	if (member)
		added(member, context);
	else
		complain_once(family, id, errno);
}

static void add_children(struct family *family, size_t of, void (*added)(const struct member *member, void *context),
                         void *context)
{
	const struct process process = family->all[of]->process;
	char path[64], name[64];
	int child;

	snprintf(path, sizeof path, "/proc/%d/task", (int)process.id);
	DIR *threads = opendir(path);

	if (!threads)
		complain_once(family, process.id, errno);
	for (struct dirent *entry; threads && (entry = readdir(threads));) {
		if (*entry->d_name == '.')
			continue;
		snprintf(name, sizeof name, "task/%.20s/children", entry->d_name);
		FILE *children = process_open(&process, name);

		if (!children)
			complain_once(family, process.id, errno);
		while (children && fscanf(children, "%d", &child) == 1)
			grow_by(family, child, added, context);
		if (children)
			fclose(children);
	}
	if (threads)
		closedir(threads);
}

enum mark { MARK_THERE, MARK_ABSENT, MARK_UNKNOWN };

static enum mark look_for_mark(pid_t id, const char *mark)
{
	const struct process process = {.id = id};
	FILE *file = process_open(&process, "environ");
	char *variable = NULL;
	size_t size = 0, bytes = 0;
	ssize_t length;
	bool found = false;

	if (!file)
		return MARK_ABSENT;
	while (!found && bytes < MOST_ENVIRONMENT_BYTES && (length = getdelim(&variable, &size, '\0', file)) > 0) {
		bytes += (size_t)length;
		found = strcmp(variable, mark) == 0;
	}
	free(variable);
	fclose(file);
	/* There is none for a moment in the middle of an exec. */
	return found ? MARK_THERE : bytes ? MARK_ABSENT : MARK_UNKNOWN;
}

/** The process that began last: the last field of /proc/loadavg (proc(5)). -1: not known. */
static pid_t newest(void)
{
	FILE *file = fopen("/proc/loadavg", "re");
	int id;
	const bool known = file && fscanf(file, "%*s %*s %*s %*s %d", &id) == 1;

	if (file)
		fclose(file);
	return known ? id : -1;
}

static int by_number(const void *one, const void *other)
{
	const pid_t first = *(const pid_t *)one, second = *(const pid_t *)other;

	return (first > second) - (first < second);
}

static bool is_stranger(const struct family *family, pid_t id)
{
	return family->n_strangers && bsearch(&id, family->strangers, family->n_strangers, sizeof id, by_number);
}

/** Whoever is left of those that ended was given to init, or to who calls itself a subreaper; and one that was started by a child
 * which ended at once was never a child of those that are known. Its environment tells. */
static void add_orphans(struct family *family, void (*added)(const struct member *member, void *context), void *context)
{
	DIR *processes = opendir("/proc");
	pid_t *strangers = NULL;
	size_t count = 0, room = 0;

	for (struct dirent *entry; processes && (entry = readdir(processes));) {
		const pid_t id = process_number(entry->d_name, strlen(entry->d_name));

		if (!id || find(family, id))
			continue;
		/* After one of the family has ended, a number may have been used again. */
		const enum mark mark = !family->lost_any && is_stranger(family, id) ? MARK_ABSENT : look_for_mark(id, family->mark);

		if (mark == MARK_THERE)
			grow_by(family, id, added, context);
		if (mark != MARK_ABSENT)
			continue;
		if (count == room) {
			const size_t more = room ? 2 * room : 256;
			pid_t *grown = reallocarray(strangers, more, sizeof *grown);

			if (!grown)
				continue;
			strangers = grown;
			room = more;
		}
		strangers[count++] = id;
	}
	if (processes)
		closedir(processes);
	if (count)
		qsort(strangers, count, sizeof *strangers, by_number);
	free(family->strangers);
	family->strangers = strangers;
	family->n_strangers = count;
}

/** Nothing is to be found where nothing has begun. */
static bool is_sweep_due(struct family *family)
{
	const int64_t now_ns = clock_now_ns();

	if (!family->mark || (!family->lost_any && now_ns < family->sweep_ns))
		return false;
	const pid_t before = family->newest;

	family->newest = newest();
	family->sweep_ns = now_ns + SWEEP_SLICE_NS;
	return family->lost_any || before < 0 || family->newest < 0 || family->newest != before;
}

void family_grow(struct family *family, void (*added)(const struct member *member, void *context), void *context)
{
	/* Those that are found here have children, too. */
	for (size_t i = 0; i < family->count; i++)
		if (!family->all[i]->ended)
			add_children(family, i, added, context);
	if (is_sweep_due(family))
		add_orphans(family, added, context);
	family->lost_any = false;
}

static bool has_file(const struct family *family, const struct stat *file)
{
	for (size_t i = 0; i < family->count; i++) {
		for (int fd = 0; fd <= MOST_STANDARD && !family->all[i]->ended; fd++) {
			struct stat its;
			char path[64];

			snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)family->all[i]->seen.id, fd);
			if (stat(path, &its) == 0 ? its.st_dev == file->st_dev && its.st_ino == file->st_ino : errno != ENOENT)
				return true;
		}
	}
	return false;
}

void family_leave_standard_error(const struct family *family)
{
	struct stat file;

	if (!family->mark || fstat(STDERR_FILENO, &file) != 0 || !(S_ISFIFO(file.st_mode) || S_ISSOCK(file.st_mode)) ||
	    has_file(family, &file))
		return;
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	dup2(null, STDERR_FILENO);
	close(null);
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
		close_handles(member);
		wishes_free(&member->wishes);
		free(member->program);
		free(member);
	}
	family->count = kept;
}
