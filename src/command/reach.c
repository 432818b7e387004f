/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Whether a preloaded library acts in a program, judged before the program is run.
 *
 * A walk along what the kernel, execvp(3), env(1) and the loader are going to do, one file a step. Each step either
 * ends in a conclusion or sets what is run next.
 *
 * Longer than 400 lines, because every step reads and changes the state of the one walk, which nobody else sees.
 */
#include "reach.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "abi.h"
#include "elf.h"
#include "base/text.h"

/* The kernel's limits: of scripts whose interpreter is a script, and of what it reads of a file to see its kind. */
#define MOST_SCRIPTS 5
#define HEAD_SIZE 256

/* Of files followed, and of strings that env splits. More of either is a loop. */
#define MOST_STEPS 40
#define MOST_SPLITS 40

/* Of a file's name that is shown. */
#define MOST_SHOWN 300

/* What separates the entries of LD_PRELOAD. */
#define SEPARATORS ": \t\n\v\f\r"

/* Memory that lasts as long as the walk. */
struct kept {
	struct kept *next;
	void *memory;
};

struct walk {
	const char *library;
	struct elf library_elf;
	struct finding finding;
	char *const *argv; /* what is run next */
	bool search;       /* argv[0] is looked for in PATH */
	bool by_loader;    /* the loader maps it, the kernel does not see it */
	int scripts;       /* one after the other, up to here */
	int splits;
	const char *path;   /* the value of PATH; NULL: it is not set */
	const char *folder; /* where env -C goes; NULL: nowhere */
	const char *taker;  /* the env that took LD_PRELOAD away; NULL: it is there */
	struct text chain;
	char shown[MOST_SHOWN + sizeof "..."]; /* the name of the file of this step */
	char chain_buffer[MOST_STEPS * (MOST_SHOWN + sizeof "... -> ")];
	struct kept *kept;
};

static char *printable(const char *foreign, char shown[static MOST_SHOWN + sizeof "..."])
{
	struct text line;

	text_start(&line, shown, MOST_SHOWN + sizeof "...");
	text_add_foreign(&line, foreign, MOST_SHOWN);
	return shown;
}

/* Returns false: there is no next step. @p advice may be NULL. */
__attribute__((format(printf, 4, 5))) static bool conclude(struct walk *walk, enum reach reach, const char *advice,
                                                           const char *format, ...)
{
	struct finding *finding = &walk->finding;
	va_list arguments;

	finding->reach = reach;
	va_start(arguments, format);
	if (vasprintf(&finding->why, format, arguments) < 0)
		finding->why = NULL;
	va_end(arguments);
	finding->advice = advice ? strdup(advice) : NULL;
	return false;
}

static bool conclude_no_memory(struct walk *walk)
{
	return conclude(walk, CANNOT_TELL, NULL, "there is no memory to find out");
}

/* Takes over @p memory. Returns it, or NULL if it is NULL or there is no memory to remember it. */
static void *keep(struct walk *walk, void *memory)
{
	struct kept *kept = memory ? malloc(sizeof *kept) : NULL;

	if (!kept) {
		free(memory);
		return NULL;
	}
	*kept = (struct kept){walk->kept, memory};
	walk->kept = kept;
	return memory;
}

static size_t count_of(char *const *argv)
{
	size_t count = 0;

	while (argv[count])
		count++;
	return count;
}

/* @p first and then @p rest, as an argv that lasts as long as the walk. Returns NULL if there is no memory. */
static char **joined(struct walk *walk, char *const *first, size_t n_first, char *const *rest)
{
	const size_t n_rest = count_of(rest);
	char **argv = keep(walk, calloc(n_first + n_rest + 1, sizeof *argv));

	for (size_t i = 0; argv && i < n_first + n_rest; i++)
		argv[i] = i < n_first ? first[i] : rest[i - n_first];
	return argv;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- finding the file -------------------------------------------------------------------------------------------- */

/* @p directory, @p name and, if we were to be elsewhere by then, where that is. Kept by the walk; NULL: no memory. */
static char *path_to(struct walk *walk, const char *directory, size_t length, const char *name)
{
	const char *start = length > 0 ? directory : name;
	const char *folder = walk->folder && *start != '/' ? walk->folder : "";
	char *path;

	if (asprintf(&path, "%s%s%.*s%s%s", folder, *folder ? "/" : "", (int)length, directory, length > 0 ? "/" : "",
	             name) < 0)
		return NULL;
	return keep(walk, path);
}

/* Whether execve(2) would begin with it. If not, errno says why. */
static bool can_execute(const char *path)
{
	struct stat file;

	if (stat(path, &file) != 0)
		return false;
	if (!S_ISREG(file.st_mode)) {
		errno = EACCES;
		return false;
	}
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* The first of that name in PATH that can be executed, like execvp(3). NULL, with errno: there is none. */
static char *search_path(struct walk *walk, const char *name)
{
	char fallback[PATH_MAX] = "";
	const char *at = walk->path;
	int error = ENOENT;

	if (!at) {
		confstr(_CS_PATH, fallback, sizeof fallback);
		at = fallback;
	}
	for (;; at++) {
		const size_t length = strcspn(at, ":");
		char *path = length < PATH_MAX ? path_to(walk, at, length, name) : NULL;

		errno = 0;
		if (path && can_execute(path))
			return path;
		if (errno == EACCES)
			error = EACCES;
		at += length;
		if (*at == '\0')
			break;
	}
	errno = error;
	return NULL;
}

/* The file that argv[0] stands for, kept by the walk. NULL: concluded that there is none. */
static char *locate(struct walk *walk)
{
	const char *name = walk->argv[0];
	char *path = NULL;

	errno = ENOENT;
	if (walk->search && name && *name && !strchr(name, '/')) {
		path = search_path(walk, name);
	} else if (name && *name) {
		path = path_to(walk, "", 0, name);
		/* The loader only reads what it runs. */
		if (path && (walk->by_loader ? access(path, R_OK) != 0 : !can_execute(path)))
			path = NULL;
	}
	if (!path)
		conclude(walk, CANNOT_TELL, NULL, "'%s' cannot be run: %s", printable(name ? name : "", walk->shown),
		         strerror(errno));
	return path;
}

/* Returns -1 if it cannot be read. Neither a FIFO nor a device is opened, so that there is nothing to wait for. */
static int open_file(const char *path, struct stat *file)
{
	if (stat(path, file) != 0 || !S_ISREG(file->st_mode))
		return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 && (fstat(fd, file) != 0 || !S_ISREG(file->st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

/* A program that gains privileges is started with AT_SECURE, and its loader ignores LD_PRELOAD. */
static const char secure[] = "so its loader ignores LD_PRELOAD";

/* Whether the kernel is going to raise the capabilities of who is not root: see capabilities(7), and
 * cap_bprm_creds_from_file() for no_new_privs, under which the effective bit still counts. */
static bool raises_capabilities(int fd, bool no_new_privileges)
{
	/* A word with the flags in its first byte and the version in its last, then pairs of words: permitted, inheritable. */
	enum { EFFECTIVE = 1, FLAGS = 0, VERSION = 3, LONGEST = 24 };
	unsigned char value[LONGEST] = {0};
	const ssize_t size = fgetxattr(fd, "security.capability", value, sizeof value);

	/* The third version is shown only to those for whom it does not count: who is in another user namespace. */
	if (size < 4 || value[VERSION] > 2)
		return false;
	if (value[FLAGS] & EFFECTIVE)
		return true;
	for (size_t i = 4; i < sizeof value; i++)
		if (!no_new_privileges && (i - 4) % 8 < 4 && value[i] != 0)
			return true;
	return false;
}

/* Whether the program of @p fd gains privileges, concluded. */
static bool gains_privileges(struct walk *walk, int fd, const struct stat *file)
{
	struct statvfs system;
	const bool no_new = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	const bool nosuid = fstatvfs(fd, &system) == 0 && (system.f_flag & ST_NOSUID);
	const bool set_uid = !no_new && !nosuid && (file->st_mode & S_ISUID);
	/* Without the execute bit it stands for mandatory locking. */
	const bool set_gid = !no_new && !nosuid && (file->st_mode & S_ISGID) && (file->st_mode & S_IXGRP);

	if (set_uid && file->st_uid != getuid())
		conclude(walk, NOT_REACHED, "run sndtimeo as the user the file belongs to, or the program from a copy",
		         "'%s' is set-user-ID, %s", walk->shown, secure);
	else if (set_gid && file->st_gid != getgid())
		conclude(walk, NOT_REACHED, "run sndtimeo with the file's group, or the program from a copy",
		         "'%s' is set-group-ID, %s", walk->shown, secure);
	else if ((!set_uid && geteuid() != getuid()) || (!set_gid && getegid() != getgid()))
		conclude(walk, NOT_REACHED, "make real and effective user and group the same",
		         "sndtimeo's real and effective user or group differ, and so do those of '%s', %s", walk->shown,
		         secure);
	else if (!nosuid && getuid() != 0 && raises_capabilities(fd, no_new))
		conclude(walk, NOT_REACHED, "run sndtimeo as root, or the program from a copy, which has none",
		         "'%s' has file capabilities, %s", walk->shown, secure);
	else
		return false;
	return true;
}

static const char *bits(const struct elf *elf)
{
	return elf->is_64_bit ? "64-bit" : "32-bit";
}

static const char *byte_order(const struct elf *elf)
{
	return elf->is_big_endian ? "big-endian" : "little-endian";
}

static const char *machine(const struct elf *elf, char buffer[static 20])
{
	const char *name = elf_machine_name(elf->machine);

	snprintf(buffer, 20, "ELF machine %u", elf->machine);
	return name ? name : buffer;
}

/* Whether both are at home on the same machines, with more or fewer bits. */
static bool is_sibling(uint16_t one, uint16_t other)
{
	static const uint16_t siblings[][2] = {
		{EM_386, EM_X86_64}, {EM_ARM, EM_AARCH64}, {EM_PPC, EM_PPC64}, {EM_SPARC, EM_SPARCV9}};

	for (size_t i = 0; i < sizeof siblings / sizeof siblings[0]; i++)
		if ((one == siblings[i][0] && other == siblings[i][1]) ||
		    (one == siblings[i][1] && other == siblings[i][0]))
			return true;
	return one == other;
}

/* Whether both are for the same programs. */
static bool is_same_kind(const struct elf *one, const struct elf *other)
{
	return one->is_64_bit == other->is_64_bit && one->machine == other->machine && one->is_big_endian == other->is_big_endian;
}

/* Whether the loader at the path @p loader, which gets the program @p elf, finds a library for it beside ours. */
static bool has_library_beside(const struct walk *walk, const struct elf *elf, const char *loader)
{
	char *path = abi_library_for(walk->library, loader);
	struct elf library;
	struct stat file;
	int fd = path ? open_file(path, &file) : -1;
	const bool found = fd >= 0 && elf_read(fd, &library) && is_same_kind(&library, elf);

	if (fd >= 0)
		close(fd);
	free(path);
	return found;
}

/* Whether the program that @p loader loads is of another kind than the library, concluded. */
static bool is_foreign(struct walk *walk, const struct elf *elf, const char *loader)
{
	const struct elf *ours = &walk->library_elf;
	char its[20], own[20];

	if (is_same_kind(elf, ours) || has_library_beside(walk, elf, loader))
		return false;
	if (elf->is_64_bit != ours->is_64_bit && is_sibling(elf->machine, ours->machine))
		conclude(walk, NOT_REACHED,
		         elf->is_64_bit ? "install the library of 64-bit programs, too"
		                        : "install the library of 32-bit programs, too",
		         "'%s' is a %s program, the library is %s", walk->shown, bits(elf), bits(ours));
	else if (elf->machine != ours->machine)
		conclude(walk, NOT_REACHED, "run it, and a sndtimeo, on a machine of its kind",
		         "'%s' is for another machine (%s) than the library (%s)", walk->shown, machine(elf, its),
		         machine(ours, own));
	else
		conclude(walk, NOT_REACHED, "run it, and a sndtimeo, on a machine of its kind",
		         "'%s' is a %s program, the library is %s", walk->shown, byte_order(elf), byte_order(ours));
	return true;
}

static bool is_our_loader(const struct stat *file)
{
	struct elf own;
	struct stat program, loader;
	int fd = open_file("/proc/self/exe", &program);

	if (fd < 0)
		return false;
	bool known = elf_read(fd, &own) && *own.interpreter && stat(own.interpreter, &loader) == 0;

	close(fd);
	return known && loader.st_dev == file->st_dev && loader.st_ino == file->st_ino;
}

/* A loader asks for no loader, like a program that is statically linked, but honours LD_PRELOAD. musl's need have no
 * name inside. */
static bool is_loader(const struct elf *elf, const char *path, const struct stat *file)
{
	static const char *const names[] = {"ld-linux", "ld-musl", "ld-uClibc", "ld.so", "ld64.so", "libc.musl"};

	if (elf->type != ET_DYN || *elf->interpreter)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const size_t length = strlen(names[i]);

		if (strncmp(elf->soname, names[i], length) == 0 || strncmp(base_name(path), names[i], length) == 0)
			return true;
	}
	return is_our_loader(file);
}

/* The end of the walk at a program that the library can be loaded into, unless LD_PRELOAD is gone by then. */
static bool conclude_reached(struct walk *walk)
{
	if (walk->taker)
		return conclude(walk, NOT_REACHED, "let env run sndtimeo, and sndtimeo the program",
		                "'%s' takes LD_PRELOAD away from '%s'", walk->taker, walk->shown);
	walk->finding.reach = REACHED;
	return false;
}

/* Go on to the program that a loader, at argv[0], is told to run. */
static bool follow_loader(struct walk *walk)
{
	static const char *const with_value[] = {
		"--library-path",      "--inhibit-rpath",        "--audit", "--preload", "--argv0",
		"--glibc-hwcaps-mask", "--glibc-hwcaps-prepend", "--rpath"};
	char *const *argument = walk->argv + 1;

	while (*argument && strncmp(*argument, "--", 2) == 0) {
		const char *option = *argument++;

		if (strcmp(option, "--") == 0)
			break;
		for (size_t i = 0; *argument && i < sizeof with_value / sizeof with_value[0]; i++) {
			if (strcmp(option, with_value[i]) == 0) {
				argument++;
				break;
			}
		}
	}
	if (!*argument)
		return conclude_reached(walk);
	walk->argv = argument;
	walk->search = false;
	walk->by_loader = true;
	return true;
}

/* A program that the kernel runs together with the loader that it asks for. */
static bool judge_dynamic(struct walk *walk, const struct elf *elf)
{
	char interpreter[MOST_SHOWN + sizeof "..."];
	const char *path = path_to(walk, "", 0, elf->interpreter);

	if (!path)
		return conclude_no_memory(walk);
	if (access(path, F_OK) != 0)
		return conclude(walk, CANNOT_TELL, NULL, "'%s' cannot be run, its loader '%s' is missing: %s",
		                walk->shown, printable(elf->interpreter, interpreter), strerror(errno));
	return conclude_reached(walk);
}

static bool judge_program(struct walk *walk, const char *path, int fd, const struct stat *file, const struct elf *elf)
{
	const bool loader = is_loader(elf, path, file);

	if (is_foreign(walk, elf, loader ? path : elf->interpreter))
		return false;
	walk->finding.is_literal = !abi_knows_lib(loader ? path : elf->interpreter);
	if (elf->is_go)
		return conclude(walk, NOT_REACHED, "use the program's own timeouts",
		                "'%s' is a Go program, which calls the kernel itself and not libc", walk->shown);
	if (!*elf->interpreter && !loader)
		return conclude(
			walk, NOT_REACHED, "use a dynamically linked one, or the program's own timeouts",
			"'%s' is statically linked, so the dynamic loader that would load the library never runs",
			walk->shown);
	if (!walk->by_loader && gains_privileges(walk, fd, file))
		return false;
	if (loader)
		return follow_loader(walk);
	/* It calls syscall(), which we replace, before we are relocated; code on x86-64 can do with that, on i386 it dies. */
	if (*elf->runtime && elf->machine == EM_386)
		return conclude(walk, NOT_REACHED, "use a program without it, or of 64 bits",
		                "'%s' has AddressSanitizer, whose runtime calls the library before the loader has bound it on i386",
		                walk->shown);
	if (*elf->runtime && !(walk->finding.runtime = strdup(elf->runtime)))
		return conclude_no_memory(walk);
	return walk->by_loader ? conclude_reached(walk) : judge_dynamic(walk, elf);
}

/* ---- env(1) ------------------------------------------------------------------------------------------------------ */

struct env {
	char *const *argv;
	bool ignores;
	bool unsets_preload;
	bool unsets_path;
	bool runs_nothing;
	const char *folder;
};

/* Cut @p string as env -S does, into @p words, whose bytes go to @p bytes: as many as @p string has, at most half as
 * many words. Returns how many; -1 if there is an escape, a variable or an open quote, which are left to env. */
static ptrdiff_t split(const char *string, char *bytes, char **words)
{
	ptrdiff_t count = 0;
	bool in_word = false;
	char quote = '\0';

	for (; *string; string++) {
		const char c = *string;
		const bool blank = !quote && isspace((unsigned char)c);
		const bool is_quote = quote ? c == quote : c == '"' || c == '\'';

		if (c == '\\' || (c == '$' && quote != '\''))
			return -1;
		if (c == '#' && !quote && !in_word)
			break;
		if (!blank && !in_word)
			words[count++] = bytes;
		if (is_quote)
			quote = quote ? '\0' : c;
		else if (!blank || in_word)
			*bytes++ = blank ? '\0' : c;
		in_word = !blank;
	}
	*bytes = '\0';
	return quote ? -1 : count;
}

/* Put the words of @p string in the place of the arguments before optind. Returns false if that is not to be done. */
static bool insert_split(struct walk *walk, struct env *env, const char *string)
{
	const size_t length = strlen(string);
	char *bytes = keep(walk, malloc(length + 1));
	char **words = keep(walk, calloc(length / 2 + 2, sizeof *words));
	char *const *rest = env->argv + optind;

	if (!bytes || !words)
		return false;
	*words = env->argv[0];

	const ptrdiff_t count = split(string, bytes, words + 1);

	if (count < 0 || walk->splits++ == MOST_SPLITS)
		return false;
	env->argv = joined(walk, words, (size_t)count + 1, rest);
	optind = 0; /* from the start */
	return env->argv != NULL;
}

/* Returns false if env itself would not know it, or we do not. */
static bool apply_option(struct walk *walk, struct env *env, int option)
{
	switch (option) {
	case 'i':
		env->ignores = true;
		return true;
	case 'u':
		env->unsets_preload |= strcmp(optarg, "LD_PRELOAD") == 0;
		env->unsets_path |= strcmp(optarg, "PATH") == 0;
		return true;
	case 'C':
		env->folder = optarg;
		return true;
	case 'S':
		return insert_split(walk, env, optarg);
	case 'h':
		env->runs_nothing = true;
		return true;
	case '?':
		return false;
	default:
		return true;
	}
}

/* With the options of GNU's, which has those of all others. Leaves optind at the first argument that is none. */
static bool read_env_options(struct walk *walk, struct env *env)
{
	enum { NEUTRAL = 256 };
	static const struct option options[] = {
		{"argv0", required_argument, NULL, 'a'},
		{"block-signal", optional_argument, NULL, NEUTRAL},
		{"chdir", required_argument, NULL, 'C'},
		{"debug", no_argument, NULL, 'v'},
		{"default-signal", optional_argument, NULL, NEUTRAL},
		{"help", no_argument, NULL, 'h'},
		{"ignore-environment", no_argument, NULL, 'i'},
		{"ignore-signal", optional_argument, NULL, NEUTRAL},
		{"list-signal-handling", no_argument, NULL, NEUTRAL},
		{"null", no_argument, NULL, '0'},
		{"split-string", required_argument, NULL, 'S'},
		{"unset", required_argument, NULL, 'u'},
		{"version", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	opterr = 0;
	optind = 0;
	while ((option = getopt_long((int)count_of(env->argv), env->argv, "+a:C:iS:u:v0", options, NULL)) != -1)
		if (!apply_option(walk, env, option))
			return false;
	return true;
}

/* Whether @p value, of LD_PRELOAD, has the library in it. */
static bool holds(const char *value, const char *library)
{
	const size_t length = strlen(library);

	for (; *value; value += strcspn(value, SEPARATORS)) {
		value += strspn(value, SEPARATORS);
		if (strncmp(value, library, length) == 0 &&
		    (value[length] == '\0' || strchr(SEPARATORS, value[length])))
			return true;
	}
	return false;
}

/* Whether @p value, of LD_PRELOAD, has the library in it by one of its names. */
static bool hands_on(const struct walk *walk, const char *value)
{
	char *name = abi_name_in_preload(walk->library);
	const bool has = holds(value, walk->library) || (name && holds(value, name));

	free(name);
	return has;
}

/* Change the walk's environment as env does. Returns the program and its arguments. */
static char *const *apply_env(struct walk *walk, const struct env *env, char *const *argument)
{
	const bool lone_dash = *argument && strcmp(*argument, "-") == 0;

	if (env->ignores || lone_dash)
		walk->taker = "env -i";
	else if (env->unsets_preload && !walk->taker)
		walk->taker = "env -u LD_PRELOAD";
	if (env->ignores || lone_dash || env->unsets_path)
		walk->path = NULL;
	for (argument += lone_dash; *argument && strchr(*argument, '='); argument++) {
		if (strncmp(*argument, "PATH=", 5) == 0)
			walk->path = *argument + 5;
		if (strncmp(*argument, "LD_PRELOAD=", 11) == 0)
			walk->taker = hands_on(walk, *argument + 11) ? NULL : "env LD_PRELOAD=";
	}
	return argument;
}

/* Go on to the program that env, at argv[0], runs; if there is none, @p itself is judged. */
static bool follow_env(struct walk *walk, const char *path, int fd, const struct stat *file, const struct elf *itself)
{
	const int old_opterr = opterr, old_optind = optind;
	struct env env = {.argv = walk->argv};
	bool known = read_env_options(walk, &env);
	char *const *arguments = env.argv ? env.argv + optind : NULL;
	const char *taker = walk->taker;

	opterr = old_opterr;
	optind = old_optind;
	if (!known)
		return conclude(walk, CANNOT_TELL, NULL, "what '%s' is told to do is not understood", walk->shown);
	if (!env.runs_nothing)
		arguments = apply_env(walk, &env, arguments);
	if (env.runs_nothing || !*arguments) {
		walk->taker = taker; /* what it does to its environment is not for itself */
		return judge_program(walk, path, fd, file, itself);
	}
	/* Even one that is not reached hands LD_PRELOAD on, unless its loader has removed it. */
	if (!walk->by_loader && gains_privileges(walk, fd, file))
		return false;
	if (env.folder && !(walk->folder = path_to(walk, "", 0, env.folder)))
		return conclude_no_memory(walk);
	walk->argv = arguments;
	walk->search = true;
	walk->by_loader = false;
	walk->scripts = 0;
	return true;
}

/* ---- scripts ----------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t blanks(const char *at)
{
	return strspn(at, " \t");
}

/* Find interpreter and argument in @p head, HEAD_SIZE bytes of a file and a NUL, as the kernel's load_script() does.
 * Cuts @p head up. Returns false if it is not one that the kernel runs. @p argument is NULL if there is none. */
static bool parse_script(char *head, char **interpreter, char **argument)
{
	char *end = strchr(head, '\n');

	if (strncmp(head, "#!", 2) != 0)
		return false;
	*interpreter = head + 2 + blanks(head + 2);
	*argument = *interpreter + strcspn(*interpreter, " \t\n");
	if (end) {
		while (is_blank(end[-1]))
			end--;
		*end = '\0';
	} else {
		/* A name that goes on past the head would be cut. Without a newline, blanks at the end stay. */
		if (*argument == head + HEAD_SIZE)
			return false;
		head[HEAD_SIZE - 1] = '\0';
		end = head + strlen(head);
	}
	if (*interpreter >= end)
		return false;
	if (**argument) {
		*(*argument)++ = '\0';
		*argument += blanks(*argument);
	}
	if (!**argument)
		*argument = NULL;
	return true;
}

/* Go on to @p interpreter, which is run with @p argument (may be NULL) and then @p path and our arguments. */
static bool follow_interpreter(struct walk *walk, const char *interpreter, const char *argument, const char *path)
{
	char *name = keep(walk, strdup(interpreter));
	char *kept = argument ? keep(walk, strdup(argument)) : NULL;
	char *first[] = {name, kept ? kept : (char *)path, (char *)path};
	char **argv = joined(walk, first, kept ? 3 : 2, walk->argv + 1);

	if (!name || (argument && !kept) || !argv)
		return conclude_no_memory(walk);
	walk->argv = argv;
	walk->search = false;
	return true;
}

static bool follow_script(struct walk *walk, const char *interpreter, const char *argument, const char *path)
{
	if (walk->scripts++ == MOST_SCRIPTS)
		return conclude(walk, CANNOT_TELL, NULL, "'%s' cannot be run: too many scripts run by scripts",
		                walk->shown);
	return follow_interpreter(walk, interpreter, argument, path);
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static bool judge_elf(struct walk *walk, const char *path, int fd, const struct stat *file)
{
	struct elf elf;

	if (!elf_read(fd, &elf))
		return conclude(walk, CANNOT_TELL, NULL, "'%s' is a damaged ELF file", walk->shown);
	/* busybox and its like are many programs: the name says which. */
	if (strcmp(base_name(path), "env") == 0)
		return follow_env(walk, path, fd, file, &elf);
	return judge_program(walk, path, fd, file, &elf);
}

static bool judge_file(struct walk *walk, const char *path, int fd, const struct stat *file)
{
	char head[HEAD_SIZE + 1] = "", *interpreter, *argument;
	ssize_t size = pread(fd, head, HEAD_SIZE, 0);

	if (size < 0)
		return conclude(walk, CANNOT_TELL, NULL, "'%s' cannot be read: %s", walk->shown, strerror(errno));
	if (size >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
		return judge_elf(walk, path, fd, file);
	if (walk->by_loader)
		return conclude(walk, CANNOT_TELL, NULL, "'%s' is not a program that a loader runs", walk->shown);

	const bool is_text = !memchr(head, '\0', (size_t)size);

	if (parse_script(head, &interpreter, &argument))
		return follow_script(walk, interpreter, argument, path);
	if (!is_text)
		return conclude(walk, CANNOT_TELL, NULL, "'%s' is neither a program nor a script", walk->shown);
	/* The kernel refuses it, and execvp() has the shell run it. */
	walk->scripts = 0;
	return follow_interpreter(walk, "/bin/sh", NULL, path);
}

static void show_step(struct walk *walk, const char *path)
{
	if (walk->chain.length > 0)
		text_add(&walk->chain, " -> ");
	text_add(&walk->chain, printable(path, walk->shown));
	free(walk->finding.file);
	walk->finding.file = strdup(path);
	/* An interpreter is begun as its script is, and one call of execve(2) is for both. */
	if (!walk->scripts && !walk->by_loader) {
		free(walk->finding.started_as);
		walk->finding.started_as = strdup(path);
	}
}

/* Returns whether there is another step to take; if not, walk->finding has the conclusion. */
static bool take_step(struct walk *walk)
{
	char *path = locate(walk);
	struct stat file;

	if (!path)
		return false;
	show_step(walk, path);
	errno = EACCES;
	int fd = open_file(path, &file);

	if (fd < 0)
		return conclude(walk, CANNOT_TELL, NULL, "'%s' cannot be read: %s", walk->shown, strerror(errno));
	bool more = judge_file(walk, path, fd, &file);

	close(fd);
	return more;
}

static bool read_library(struct walk *walk)
{
	struct stat file;
	int fd = open_file(walk->library, &file);
	bool is_elf = fd >= 0 && elf_read(fd, &walk->library_elf);

	if (fd >= 0)
		close(fd);
	if (!is_elf)
		conclude(walk, CANNOT_TELL, NULL, "'%s' is not a library", printable(walk->library, walk->shown));
	return is_elf;
}

static void finish(struct walk *walk)
{
	walk->finding.chain = strdup(walk->chain_buffer);
	for (struct kept *kept = walk->kept, *next; kept; kept = next) {
		next = kept->next;
		free(kept->memory);
		free(kept);
	}
}

struct finding reach_of(const char *library, char *const *command)
{
	struct walk walk = {
		.library = library,
		.argv = command,
		.search = true,
		.path = getenv("PATH"),
	};
	int steps = 0;

	text_start(&walk.chain, walk.chain_buffer, sizeof walk.chain_buffer);
	if (read_library(&walk)) {
		while (steps < MOST_STEPS && take_step(&walk))
			steps++;
		if (steps == MOST_STEPS)
			conclude(&walk, CANNOT_TELL, NULL, "'%s' leads back to itself", walk.shown);
	}
	finish(&walk);
	return walk.finding;
}

void finding_free(struct finding *finding)
{
	free(finding->file);
	free(finding->started_as);
	free(finding->chain);
	free(finding->why);
	free(finding->advice);
	free(finding->runtime);
	*finding = (struct finding){0};
}
