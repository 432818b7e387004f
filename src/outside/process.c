/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Looks into another process.
 */
#include "outside/process.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"

/* The same on every architecture; headers may be older than the kernel. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

/** A look takes a duplicate, and the files that tell what its program waits for; a scan takes some more. */
#define LEFT_FREE 16

/** Of an auxiliary vector, which has some 20 entries. */
#define MOST_VECTOR 1024

FILE *process_open(const struct process *process, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)process->id, name);
	return fopen(path, "re");
}

pid_t process_number(const char *digits, size_t length)
{
	long long number = 0;

	if (!length || length > 10)
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return 0;
		number = 10 * number + digits[i] - '0';
	}
	return number > INT_MAX ? 0 : (pid_t)number;
}

bool process_numbers_are_ours(void)
{
	char own[16];
	const ssize_t length = readlink("/proc/self", own, sizeof own);

	return length > 0 && process_number(own, (size_t)length) == getpid();
}

static void take_status_line(struct process *process, const char *line)
{
	char state;
	int number;
	unsigned user;

	if (sscanf(line, "State: %c", &state) == 1)
		process->ended = state == 'Z' || state == 'X';
	else if (sscanf(line, "Tgid: %d", &number) == 1)
		process->leader = number;
	else if (sscanf(line, "Uid: %u", &user) == 1)
		process->user = user;
	else if (sscanf(line, "Threads: %d", &number) == 1)
		process->threads = number;
	else if (strncmp(line, "Name:\t", 6) == 0)
		snprintf(process->name, sizeof process->name, "%.*s", (int)strcspn(line + 6, "\n"), line + 6);
}

int process_find(struct process *process, pid_t id)
{
	char *line = NULL;
	size_t size = 0;

	*process = (struct process){.id = id, .leader = id};
	FILE *status = process_open(process, "status");

	if (!status) {
		/* With hidepid, or without /proc, what exists is not there. */
		const int error = errno;
		const bool exists = kill(id, 0) == 0 || errno == EPERM;

		return error != ENOENT ? error : exists ? EACCES : ESRCH;
	}
	while (getline(&line, &size, status) > 0)
		take_status_line(process, line);
	const int error = ferror(status) ? errno : 0;

	free(line);
	fclose(status);
	return error;
}

ssize_t process_read(const struct process *process, uintptr_t address, void *to, size_t size)
{
	const struct iovec local = {to, size}, remote = {(void *)address, size};

	return process_vm_readv(process->id, &local, 1, &remote, 1, 0);
}

ssize_t process_peek(const struct process *process, uintptr_t address, void *to, size_t size)
{
	char path[64];

	/* Its upper half would be below zero. */
	if (sizeof(off_t) <= sizeof(int32_t))
		return process_read(process, address, to, size);
	snprintf(path, sizeof path, "/proc/%d/mem", (int)process->id);
	const int memory = open(path, O_RDONLY | O_CLOEXEC);

	if (memory < 0)
		return -1;
	const ssize_t got = pread(memory, to, size, (off_t)address);
	const int error = errno;

	close(memory);
	errno = error;
	return got;
}

/* Bytes of one entry of its auxiliary vector; 0: it cannot be told. */
static size_t vector_entry(const struct process *process)
{
	unsigned char head[EI_CLASS + 1] = {0};
	FILE *file = process_open(process, "exe");
	const bool read = file && fread(head, sizeof head, 1, file) == 1 && memcmp(head, ELFMAG, SELFMAG) == 0;

	if (file)
		fclose(file);
	return !read ? 0 : head[EI_CLASS] == ELFCLASS32 ? 2 * sizeof(uint32_t) : 2 * sizeof(uint64_t);
}

static size_t read_vector(const struct process *process, unsigned char *bytes, size_t size)
{
	FILE *vector = process_open(process, "auxv");
	const size_t length = vector ? fread(bytes, 1, size, vector) : 0;

	if (vector)
		fclose(vector);
	return length;
}

/* One half of an entry. */
static uint64_t word_at(const unsigned char *at, size_t size)
{
	uint32_t word;
	uint64_t wide;

	if (size == sizeof word) {
		memcpy(&word, at, sizeof word);
		return word;
	}
	memcpy(&wide, at, sizeof wide);
	return wide;
}

bool process_started_as(const struct process *process, char *path, size_t size)
{
	unsigned char vector[MOST_VECTOR];
	const size_t length = read_vector(process, vector, sizeof vector), entry = vector_entry(process), half = entry / 2;
	uint64_t address = 0;

	for (size_t at = 0; entry && at + entry <= length && !address; at += entry)
		if (word_at(vector + at, half) == AT_EXECFN)
			address = word_at(vector + at + half, half);
	const ssize_t got = address && address <= UINTPTR_MAX ? process_peek(process, (uintptr_t)address, path, size) : -1;

	return got > 0 && memchr(path, '\0', (size_t)got);
}

uint64_t process_image(const struct process *process)
{
	unsigned char vector[MOST_VECTOR];
	const size_t length = read_vector(process, vector, sizeof vector);
	uint64_t hash = 0;

	/* As FNV-1a does. */
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ vector[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static int64_t clock_offset_ns(const struct process *process)
{
	int64_t seconds, ns, offset_ns = 0;
	char clock[16];
	FILE *offsets = process_open(process, "timens_offsets");

	if (!offsets)
		return 0;
	while (fscanf(offsets, "%15s %" SCNd64 " %" SCNd64, clock, &seconds, &ns) == 3)
		if (strcmp(clock, "monotonic") == 0)
			offset_ns = seconds * NS_PER_S + ns;
	fclose(offsets);
	return offset_ns;
}

int64_t process_clock_ahead_ns(const struct process *process)
{
	const struct process own = {.id = getpid()};

	return clock_offset_ns(process) - clock_offset_ns(&own);
}

static bool parse_mapping(char *line, struct mapping *mapping)
{
	char rights[5];
	int path = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %*s %*s %n", &mapping->start, &mapping->end, rights,
	           &mapping->offset, &path) != 4)
		return false;
	mapping->writable = strcmp(rights, "rw-p") == 0;
	mapping->path = line + path;
	return mapping->start < mapping->end;
}

int process_mappings(const struct process *process, void (*visit)(const struct mapping *mapping, void *context),
                     void *context)
{
	struct mapping mapping;
	char *line = NULL;
	size_t size = 0;
	FILE *maps = process_open(process, "maps");

	if (!maps)
		return errno;
	while (getline(&line, &size, maps) > 0)
		if (parse_mapping(line, &mapping))
			visit(&mapping, context);
	const int error = ferror(maps) ? errno : 0;

	free(line);
	fclose(maps);
	return error;
}

int process_handle(const struct process *process)
{
	/* Linux 6.9; only a thread's own answers once the first thread of its process has ended. */
	const int handle = (int)syscall(SYS_pidfd_open, process->id, PIDFD_THREAD);

	return handle >= 0 || errno != EINVAL ? handle : (int)syscall(SYS_pidfd_open, process->leader, 0);
}

int process_handle_of_all(const struct process *process)
{
	return (int)syscall(SYS_pidfd_open, process->leader, 0);
}

int process_duplicate(int handle, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, handle, fd, 0);
}

bool process_may_keep(int fd)
{
	struct rlimit files;

	/* The lowest number that is free is given. */
	return getrlimit(RLIMIT_NOFILE, &files) != 0 || (rlim_t)fd + LEFT_FREE < files.rlim_cur;
}

static bool is_socket(int folder, const char *name, int *fd, uint64_t *inode)
{
	char target[64];
	const ssize_t length = readlinkat(folder, name, target, sizeof target - 1);

	if (length < 0)
		return false;
	target[length] = '\0';
	return sscanf(name, "%d", fd) == 1 && sscanf(target, "socket:[%" SCNu64 "]", inode) == 1;
}

int process_sockets(const struct process *process, bool (*visit)(int fd, uint64_t inode, void *context), void *context)
{
	char path[64];
	uint64_t inode;
	int fd, error = 0;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)process->id);
	DIR *folder = opendir(path);

	if (!folder)
		return errno;
	for (struct dirent *entry; !error && (entry = readdir(folder));) {
		errno = 0;
		if (is_socket(dirfd(folder), entry->d_name, &fd, &inode)) {
			if (!visit(fd, inode, context))
				error = ECANCELED;
		}
		/* Root may list them, and without CAP_SYS_PTRACE see no more. */
		else if (errno == EACCES)
			error = errno;
	}
	closedir(folder);
	return error;
}

uint64_t process_began(pid_t id)
{
	const struct process process = {.id = id};
	char text[1024] = "";
	uint64_t ticks = 0;
	FILE *file = process_open(&process, "stat");

	/* The name may be anything, lines and brackets too; 18 fields are after the state, which is behind it. */
	if (file)
		text[fread(text, 1, sizeof text - 1, file)] = '\0';
	const char *end = strrchr(text, ')');

	if (end)
		sscanf(end + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64, &ticks);
	if (file)
		fclose(file);
	return ticks;
}
