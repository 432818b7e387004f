/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Limits per destination: a list of rules, of which the first that matches counts.
 *
 *     10.0.0.0/8 send=5s                    every host in that network, every port
 *     192.0.2.7:8000-8999 connect=1s        one host, a range of ports
 *     [2001:db8::]/32:443 connect=1s send=1m
 *     *:5432 off                            that port of every host, IPv4 and IPv6: no limits at all
 *     unix:/run/app.sock send=5s            unix:@name for an abstract one
 *     program=sshd off                      every destination of a program: of several rules, the last that it looks at
 *     program=/usr/bin/rsync *:873 send=2m  one of a program's
 *     # a comment, to the end of its line
 *
 * One rule a line, or several with ';' in between. What a rule does not name counts as it does without rules; "off" is
 * no limit of any kind. A file may hold settings, too: in a line without a destination, or as the first rule for "*".
 *
 * The table is mapped, once, before main; it is never changed afterwards, so everything else here is
 * async-signal-safe and needs no lock.
 */
#ifndef SNDTIMEO_RULES_H
#define SNDTIMEO_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits/destination.h"
#include "limits/limits.h"

struct rule;

/** All zero: no rules. */
struct rules {
	struct rule *all;    /**< in order; what is in them is rules.c's alone */
	size_t count;
	size_t room;
	size_t last;         /**< the one for all that a program connects to, from 1; 0: none. Those behind it never count */
	bool names_unix;     /**< whether any of them is for a unix socket */
	bool names_programs;
	uint8_t named;       /**< what a file has set for all that no rule is for, by 1 << enum limit, */
	struct limits otherwise; /**< and to what */
};

/** A setting that a file has beside limits, "log=syslog". @return what is accepted instead; NULL: it was taken; "": it is none */
typedef const char *rules_set(const char *name, size_t length, const char *value, void *context);

/** One line about a rule that was not understood, without newline:
 * "/etc/sndtimeo.conf:3:12: '10.0.0.0/33': expected a prefix length from 0 to 32". */
typedef void rules_complain(const char *line, void *context);

/**
 * Append the rules in @p text of @p length bytes (NULs and all; it need not end with one). A rule with a mistake is told
 * of and left out, the others are taken.
 *
 * @param origin where the text is from, for complaints: a file's name, or "SNDTIMEO_RULES"
 * @return how many had a mistake
 */
size_t rules_add(struct rules *rules, const char *text, size_t length, const char *origin, rules_complain *complain,
                 void *context);

/** The same with what is in a file, of 16 MiB at most. A file that cannot be read is one mistake. @p set, with the same context,
 * is given the settings. */
size_t rules_add_file(struct rules *rules, const char *path, rules_complain *complain, rules_set *set, void *context);

/** Fill in what the rules do not name. Once, when all are there. */
void rules_complete(struct rules *rules, const struct limits *otherwise);

/** The limits of the last one that counts, if it is for all that a program connects to, once they are complete; else NULL. */
const struct limits *rules_for_all(const struct rules *rules);

/**
 * The limits of the first rule that matches; NULL if none does, or the destination is unknown.
 *
 * @param[out] number where it stands, from 1; may be NULL
 */
const struct limits *rules_find(const struct rules *rules, const struct destination *destination, size_t *number);

/** Once they are complete: the first rule with a least rate of its own, not @p otherwise, and no send timeout, which limits nothing;
 * from 1, 0: none.
 * @param[out] counts whether any rule has both */
size_t rules_idle_rate(const struct rules *rules, int64_t otherwise, bool *counts);

/** Make the durations in @p shortest as short as any rule's; 0 is none. */
void rules_shorten(const struct rules *rules, struct limits *shortest);

/** Whether the same rules count in both, which were read from one text, for two programs. */
bool rules_same(const struct rules *one, const struct rules *other);

void rules_free(struct rules *rules);

/** Whether any rule sets any limit, once they are complete. */
bool rules_limit(const struct rules *rules);

#endif
