/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The configuration: read once, by the library and by the launcher alike, and never changed afterwards.
 */
#ifndef SNDTIMEO_SETTINGS_H
#define SNDTIMEO_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits/limits.h"
#include "limits/rules.h"

#define SETTINGS_PREFIX "SNDTIMEO_"

/** Whatever has this variable is watched from outside; its value names the watcher. */
#define SETTINGS_WATCHED "_SNDTIMEO_WATCHER"

/** Instead of a path, what SNDTIMEO_CONFIG may be: the machine's file (machine.h), or none, not even that. */
#define CONFIG_DEFAULT "default"
#define CONFIG_OFF "off"

/** Whether @p config is one of them. */
bool settings_names_machine(const char *config);

/** The longest path a log may have, its NUL included (PATH_MAX). */
#define LOG_PATH_SIZE 4096

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_FILE, LOG_TO_NOTHING };
enum log_format { LOG_AS_TEXT, LOG_AS_JSON };

struct settings {
	struct limits limits;        /**< of what no rule is for */
	struct rules rules;
	enum log_target log;
	enum log_format log_format;
	bool verbose;                /**< tell of the start and of each armed connection */
	bool dry_run;                /**< nothing fails and no option is set: what would time out is told */
	bool summary;                /**< count what is seen, and tell at the end */
	const char *log_path;        /**< of LOG_TO_FILE; absolute. A copy: the environment is the program's to change */
	uint32_t given;              /**< which of setting_names (limits.h) somebody has set, by 1 << their number */
};

/** Room for the longest complaint, its NUL included. */
#define SETTINGS_COMPLAINT_SIZE 600

enum settings_fault {
	SETTINGS_BAD,      /**< a value */
	SETTINGS_UNKNOWN,  /**< a name */
	SETTINGS_RULE,     /**< a rule, or a file of rules */
};

/** One thing was not understood: @p what ("SNDTIMEO_SEND='3x'") and why ("expected ..."; NULL: what says it all). */
typedef void settings_complain(enum settings_fault fault, const char *what, const char *why, void *context);

/** For what was told before. */
void settings_unheard(enum settings_fault fault, const char *what, const char *why, void *context);

/** Make a line of it: "SNDTIMEO_SEND='3x': expected ...", or "SNDTIMEO_SEND='3x' ignored: expected ...". */
void settings_complaint(struct text *line, enum settings_fault fault, const char *what, const char *why, bool ignored);

/**
 * Set one thing by its environment name.
 *
 * @param shown how its user calls it in a complaint: the same name, or an option's
 * @param value an empty one is bad here
 * @param complain told of a bad value, or an unknown name; of each rule with a mistake, for rules
 * @return whether all of it was taken
 * Async-signal-safe if @p complain is.
 */
bool settings_set(struct settings *settings, const char *name, const char *shown, const char *value,
                  settings_complain *complain, void *context);

/** Whether anything in @p environment has a name of ours. */
bool settings_given(char *const *environment);

/**
 * Read every SNDTIMEO_* variable of @p environment (a NULL-terminated array of NAME=VALUE, as in environ(7); may be
 * NULL) into @p settings, which is zeroed first. An empty value means not given. What is bad or unknown is told of and
 * ignored; of rules, each one that is bad.
 *
 * @param machine_wide whether the machine's file counts where no other is named: machine_preloads_us()
 */
void settings_read(struct settings *settings, char *const *environment, bool machine_wide, settings_complain *complain,
                   void *context);

/** Whether somebody has set what has this environment name. */
bool settings_is_given(const struct settings *settings, const char *name);

/** The shortest connect deadline, send timeout and so on that there is for any destination; 0: there is none. */
struct limits settings_shortest(const struct settings *settings);

/** Whether anything is limited at all. */
bool settings_limit(const struct settings *settings);

#endif
