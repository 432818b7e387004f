/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Programs that are started from here and that the library does not reach.
 */
#include "preload/unreached.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/libc.h"
#include "base/signals.h"
#include "limits/configured.h"
#include "tell/report.h"

/** What a program says of itself is in its first page, but for the dynamic section. */
#define HEAD_SIZE 4096
#define DYNAMIC_ENTRIES 64
/** So many programs are told of. */
#define SAID_MOST 64

union head {
	ElfW(Ehdr) header;
	char bytes[HEAD_SIZE];
};

/* ---- what was said ----------------------------------------------------------------------------------------------- */

/** Of each program its file; 0: a free place. Shared with all that is forked from here on. */
static _Atomic(_Atomic uint64_t *) said;

void unreached_share(void)
{
	const int before = errno;
	_Atomic uint64_t *none = NULL;
	if (atomic_load(&said))
		return;
	void *made = libc.mmap(NULL, SAID_MOST * sizeof *none, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (made != MAP_FAILED && !atomic_compare_exchange_strong(&said, &none, made))
		libc.munmap(made, SAID_MOST * sizeof *none);
	errno = before;
}

static bool is_first_time(const struct statx *file)
{
	const uint64_t device = (uint64_t)file->stx_dev_major << 32 | file->stx_dev_minor;
	const uint64_t which = (file->stx_ino ^ device << 44) | 1;
	/* In a vfork child, whose memory is its parent's. */
	unreached_share();
	_Atomic uint64_t *places = atomic_load(&said);
	for (size_t i = 0; places && i < SAID_MOST; i++) {
		uint64_t there = 0;
		if (atomic_compare_exchange_strong(&places[i], &there, which))
			return true;
		if (there == which)
			return false;
	}
	return !places;
}

/* ---- what a program says of itself ------------------------------------------------------------------------------- */

/** A note's name, "Go", is behind the sizes of it and of what it says, and its type. */
static bool has_go_note(const union head *head, const ElfW(Phdr) *segment)
{
	const size_t header_size = sizeof(ElfW(Nhdr));
	size_t at = segment->p_offset;
	const size_t end = at + segment->p_filesz;
	while (end <= HEAD_SIZE && at < end && end - at > header_size + 4) {
		ElfW(Nhdr) note;
		memcpy(&note, head->bytes + at, sizeof note);
		if (note.n_namesz == 4 && memcmp(head->bytes + at + header_size, "Go\0", 4) == 0)
			return true;
		if (note.n_namesz > HEAD_SIZE || note.n_descsz > HEAD_SIZE)
			break;
		at += header_size + ((note.n_namesz + 3u) & ~3u) + ((note.n_descsz + 3u) & ~3u);
	}
	return false;
}

/** A program that is linked statically may be moved, too; a loader that is started as one is none. */
static bool is_static_pie(int fd, const ElfW(Phdr) *dynamic)
{
	ElfW(Dyn) entries[DYNAMIC_ENTRIES];
	const size_t size = dynamic->p_filesz < sizeof entries ? dynamic->p_filesz : sizeof entries;
	const ssize_t got = libc.pread(fd, entries, size, (off_t)dynamic->p_offset);
	for (size_t i = 0; got > 0 && i < (size_t)got / sizeof *entries; i++)
		if (entries[i].d_tag == DT_FLAGS_1 && (entries[i].d_un.d_val & DF_1_PIE))
			return true;
	return false;
}

/** @return why the library is not loaded into it; NULL: it is, or it is for another machine, or it is no program. */
__attribute__((cold)) static const char *why_unreached(int fd)
{
	union head head;
	const ssize_t got = libc.pread(fd, &head, sizeof head, 0);
	const unsigned char class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	const ElfW(Ehdr) *header = &head.header;
	if (got < (ssize_t)sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != class ||
	    header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phoff > HEAD_SIZE)
		return NULL;
	bool is_loaded = false, is_go = false, is_static = header->e_type == ET_EXEC;
	for (size_t i = 0; i < header->e_phnum; i++) {
		ElfW(Phdr) segment;
		const size_t at = header->e_phoff + i * sizeof segment;
		if (at + sizeof segment > (size_t)got)
			return NULL;
		memcpy(&segment, head.bytes + at, sizeof segment);
		is_loaded |= segment.p_type == PT_INTERP;
		is_go |= segment.p_type == PT_NOTE && segment.p_offset < HEAD_SIZE && segment.p_filesz < HEAD_SIZE &&
		         has_go_note(&head, &segment);
		is_static |= segment.p_type == PT_DYNAMIC && is_static_pie(fd, &segment);
	}
	return is_go ? "it is a Go program" : is_static && !is_loaded ? "it is statically linked" : NULL;
}

/* ---- about to be executed ---------------------------------------------------------------------------------------- */

static const char *value_of(const char *name, char *const *environment)
{
	const size_t length = strlen(name);
	for (; environment && *environment; environment++)
		if (strnlen(*environment, length + 1) > length && memcmp(*environment, name, length) == 0 &&
		    (*environment)[length] == '=')
			return *environment + length + 1;
	return NULL;
}

/** Valgrind's tools are static, and load into themselves what the loader would: their launcher sets a variable for them. */
static bool is_asked_for(char *const *environment)
{
	return active && settings_given(environment) && !value_of(SETTINGS_WATCHED, environment) &&
	       !value_of("VALGRIND_LAUNCHER", environment);
}

static void judge(int fd, const char *shown)
{
	struct statx file;
	const char *why;
	if (libc_status(fd, STATX_INO | STATX_TYPE | STATX_MODE, &file) == 0 && S_ISREG(file.stx_mode) && (file.stx_mode & 0111) &&
	    (why = why_unreached(fd)) && is_first_time(&file))
		report_unreached(shown, why);
}

/** @return whether there is such a file */
static bool judge_path(const char *path)
{
	/* exec is no cancellation point. */
	const int cancelled = signals_hold_cancellation();
	const int fd = libc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0) {
		judge(fd, path);
		libc.close(fd);
	}
	signals_release_cancellation(cancelled);
	return fd >= 0;
}

void unreached_exec(const char *path, char *const *environment)
{
	if (!path || !is_asked_for(environment))
		return;
	const int before = errno;
	judge_path(path);
	errno = before;
}

__attribute__((cold)) void unreached_exec_by_name(const char *name, char *const *environment)
{
	char path[PATH_MAX];
	if (!name || !is_asked_for(environment))
		return;
	const int before = errno;
	const char *folders = value_of("PATH", environ);
	if (memchr(name, '/', strlen(name)) || !folders) {
		unreached_exec(name, environment);
		return;
	}
	for (bool found = false; folders && !found;) {
		const char *end = memchr(folders, ':', strlen(folders));
		const size_t length = end ? (size_t)(end - folders) : strlen(folders), size = strlen(name) + 1;
		if (length + 1 + size <= sizeof path) {
			memcpy(path, folders, length);
			path[length] = '/';
			memcpy(path + length + 1, name, size);
			/* No name of a folder is the current one. */
			found = judge_path(length ? path : name);
		}
		folders = end ? end + 1 : NULL;
	}
	errno = before;
}

void unreached_exec_of(int fd, char *const *environment)
{
	if (!is_asked_for(environment))
		return;
	const int before = errno;
	judge(fd, "a file");
	errno = before;
}
