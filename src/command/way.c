/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which way limits reach a program.
 */
#include "way.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "preload.h"
#include "limits/configured.h"

#define EXIT_OWN_FAILURE 125

char *way_preload(const char *library, const struct finding *finding)
{
	char *name = finding->is_literal ? strdup(library) : abi_name_in_preload(library), *first = NULL, *value = NULL;

	if (name && (!finding->runtime || asprintf(&first, "%s:%s", finding->runtime, name) >= 0))
		value = preload_with(first ? first : name, getenv("LD_PRELOAD"));
	free(first);
	free(name);
	return value;
}

struct choice way_choose(enum way asked, const struct finding *finding)
{
	struct choice choice = {.way = asked};

	if (asked == WAY_ANY)
		choice.way = finding->reach == NOT_REACHED ? WAY_OUTSIDE : WAY_INSIDE;
	if (choice.way == WAY_INSIDE && finding->reach == NOT_REACHED)
		choice.why_not = finding->why;
	return choice;
}

static void show_settings(void)
{
	static const char *const targets[] = {[LOG_TO_STDERR] = "stderr", [LOG_TO_SYSLOG] = "syslog", [LOG_TO_NOTHING] = "off"};
	char limits[LIMITS_SIZE], log[LOG_PATH_SIZE];
	struct text text;

	text_start(&text, limits, sizeof limits);
	text_add_limits(&text, &settings.limits);
	printf("limits: %s\n", limits);
	printf("rules: %zu\n", settings.rules.count);
	text_start(&text, log, sizeof log);
	text_add_foreign(&text, settings.log == LOG_TO_FILE ? settings.log_path : targets[settings.log], sizeof log);
	printf("log: %s%s%s%s%s\n", log,
	       settings.log_format == LOG_AS_JSON ? ", json" : "", settings.verbose ? ", verbose" : "",
	       settings.dry_run ? ", dry run" : "", settings.summary ? ", summary" : "");
}

bool way_show(const char *command, const char *library, const struct finding *finding, const struct choice *choice)
{
	const bool unknown = choice->way == WAY_INSIDE && finding->reach == CANNOT_TELL;
	const bool limited = !choice->why_not && !unknown;

	printf("%s: %s", finding->chain && *finding->chain ? finding->chain : command,
	       unknown ? "cannot be judged" : !limited ? "cannot be limited"
	               : choice->way == WAY_OUTSIDE ? "can be limited from outside" : "can be limited");
	if (finding->why)
		printf(": %s", finding->why);
	if (choice->way == WAY_OUTSIDE && choice->why_not)
		printf("; and from outside: %s", choice->why_not);
	else if (finding->advice && choice->way == WAY_INSIDE)
		printf("; %s", finding->advice);
	if (finding->reach == REACHED && finding->runtime && choice->way == WAY_INSIDE) {
		char *value = way_preload(library, finding);

		printf("; the runtime of its sanitizer comes first: LD_PRELOAD=%s", value ? value : "");
		free(value);
	}
	putchar('\n');
	show_settings();
	return limited;
}

void way_tell(const struct choice *choice, const struct finding *finding)
{
	if (choice->why_not)
		fprintf(stderr, "sndtimeo: %s: run all the same (--force), without limits\n", choice->why_not);
	else if (choice->way == WAY_OUTSIDE && finding->why && settings.verbose && settings.log == LOG_TO_STDERR)
		fprintf(stderr, "sndtimeo: limited from outside: %s\n", finding->why);
}

_Noreturn void way_refuse(const struct choice *choice, const struct finding *finding, enum way asked)
{
	if (choice->way == WAY_INSIDE)
		fprintf(stderr, "sndtimeo: %s; %s, or run it without limits (--force)\n", finding->why,
		        asked == WAY_INSIDE ? "limit it from outside (--outside)" : finding->advice);
	else if (finding->why)
		fprintf(stderr, "sndtimeo: %s, and it cannot be limited from outside: %s; or run it without limits (--force)\n",
		        finding->why, choice->why_not);
	else
		fprintf(stderr, "sndtimeo: it cannot be limited from outside: %s\n", choice->why_not);
	exit(EXIT_OWN_FAILURE);
}
