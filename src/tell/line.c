/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A line that is under way, in text or in JSON: what all of them begin and end with.
 */
#include "tell/line.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/libc.h"
#include "limits/configured.h"

/** Characters of the program's name; a longer one is cut off visibly. */
#define NAME_MOST 40
/** Bytes of a destination as text: a unix path and what is before it. */
#define DESTINATION_SIZE 160

/** The name at the start: libc points into the arguments, where programs write what they are about. */
static char program[NAME_MOST + 2];
/** Whose lines these are; 0: this process' own. */
static pid_t subject;

void line_start(void)
{
	memcpy(program, program_invocation_short_name, strnlen(program_invocation_short_name, sizeof program - 1));
}

void line_about(const char *name, pid_t pid)
{
	memset(program, 0, sizeof program);
	memcpy(program, name, strnlen(name, sizeof program - 1));
	subject = pid;
}

static intmax_t pid_told(void)
{
	return subject ? subject : libc.getpid();
}

void line_begin_text(struct line *line, const char *what)
{
	text_start(&line->text, line->buffer, sizeof line->buffer - 1);
	const intmax_t pid = pid_told();
	text_add_format(&line->text, settings.log == LOG_TO_SYSLOG ? "sndtimeo[%jd]: " : "sndtimeo: ", pid);
	text_add_foreign(&line->text, program, NAME_MOST);
	text_add_format(&line->text, "[%jd]: %s", pid, what);
}

/** Append @p number with @p digits digits, and what follows it. */
static void add_padded(struct text *t, int64_t number, int digits, const char *after)
{
	char padded[] = "0000";
	for (int i = digits; i-- > 0; number /= 10)
		padded[i] = (char)('0' + number % 10);
	padded[digits] = '\0';
	text_add_format(t, "%s%s", padded, after);
}

/** The time as RFC 3339 has it, in UTC: gmtime(3) is not for signal handlers. */
static void add_time(struct text *t)
{
	struct timespec now;
	libc.clock_gettime(CLOCK_REALTIME, &now);
	/* Days and years counted from March, in eras of 400 years, so that leap days come last. */
	const int64_t days = now.tv_sec / 86400 + 719468, era = days / 146097, day = days % 146097;
	const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	const int64_t day_of_year = day - (365 * year + year / 4 - year / 100), month = (5 * day_of_year + 2) / 153;
	add_padded(t, era * 400 + year + (month >= 10), 4, "-");
	add_padded(t, month < 10 ? month + 3 : month - 9, 2, "-");
	add_padded(t, day_of_year - (153 * month + 2) / 5 + 1, 2, "T");
	add_padded(t, now.tv_sec / 3600 % 24, 2, ":");
	add_padded(t, now.tv_sec / 60 % 60, 2, ":");
	add_padded(t, now.tv_sec % 60, 2, ".");
	add_padded(t, now.tv_nsec / 1000000, 3, "Z");
}

__attribute__((cold)) void line_begin_json(struct line *line, const char *event)
{
	char time[40];
	struct text at;
	text_start(&at, time, sizeof time);
	add_time(&at);
	text_start(&line->text, line->buffer, sizeof line->buffer - 1);
	json_begin(&line->text);
	json_string(&line->text, "time", time, sizeof time);
	json_string(&line->text, "program", program, NAME_MOST);
	json_number(&line->text, "pid", pid_told());
	json_string(&line->text, "event", event, SIZE_MAX);
}

void line_json_destination(struct line *line, const char *key, const struct destination *d)
{
	char buffer[DESTINATION_SIZE];
	struct text t;
	text_start(&t, buffer, sizeof buffer);
	text_add_destination(&t, d);
	json_string(&line->text, key, d->kind == DESTINATION_UNKNOWN ? NULL : buffer, sizeof buffer);
}

bool line_as_json(void)
{
	return settings.log_format == LOG_AS_JSON;
}

void line_end(struct line *line)
{
	if (line_as_json())
		json_end(&line->text);
	log_line(&line->text);
}
