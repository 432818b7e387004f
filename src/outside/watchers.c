/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which other watcher limits a process from outside.
 */
#include "outside/watchers.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "outside/process.h"

static bool is_called_so(const struct process *process)
{
	char name[16] = "";
	FILE *file = process_open(process, "comm");
	const bool is = file && fgets(name, sizeof name, file) && strcmp(name, WATCHERS_NAME "\n") == 0;

	if (file)
		fclose(file);
	return is;
}

/* fdinfo of a pidfd has the number of its process, in the pid namespace that /proc is of. */
static bool is_handle_of(const struct process *process, const char *fd, pid_t watched)
{
	char name[40], line[80];
	int id = 0;

	snprintf(name, sizeof name, "fdinfo/%.20s", fd);
	FILE *info = process_open(process, name);

	while (info && id == 0 && fgets(line, sizeof line, info))
		if (sscanf(line, "Pid: %d", &id) != 1)
			id = 0;
	if (info)
		fclose(info);
	return id == watched;
}

bool watchers_are(pid_t watcher, pid_t watched)
{
	const struct process process = {.id = watcher};
	char path[40];
	bool found = false;

	if (!is_called_so(&process))
		return false;
	snprintf(path, sizeof path, "/proc/%d/fdinfo", (int)watcher);
	DIR *descriptors = opendir(path);

	for (struct dirent *entry; descriptors && !found && (entry = readdir(descriptors));)
		found = *entry->d_name != '.' && is_handle_of(&process, entry->d_name, watched);
	if (descriptors)
		closedir(descriptors);
	return found;
}

pid_t watchers_find(pid_t watched)
{
	DIR *processes = opendir("/proc");
	pid_t found = 0;

	for (struct dirent *entry; processes && !found && (entry = readdir(processes));) {
		const pid_t id = process_number(entry->d_name, strlen(entry->d_name));

		if (id && id != getpid() && watchers_are(id, watched))
			found = id;
	}
	if (processes)
		closedir(processes);
	return found;
}
