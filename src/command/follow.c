/* SPDX-License-Identifier: MIT */
/** @file
 * @brief sndtimeo --status --follow: how the connections of a process are doing, once a second.
 */
#include "follow.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "describe.h"
#include "object.h"
#include "past.h"
#include "terminal.h"
#include "view.h"

#define PERIOD_NS NS_PER_S

struct following {
	struct inspection *inspection;
	struct past past;
	uint64_t began;        /* process_began(): a number that is used again is another process */
	int64_t now_ns;
	bool as_json, on_screen, looked_once;
	char *shown;           /* what stands on the screen, or above the lines; allocated */
	size_t length;
};

/* Look at it anew; what was known stays if it has ended. Returns an errno. */
static int look(struct following *f, pid_t id)
{
	struct inspection now;

	if (process_began(id) != f->began)
		return ESRCH;
	int error = inspect(&now, id);

	/* Its first thread may end before the others; and who waits for its parent is told of once. */
	if (!error && now.process.ended && now.process.threads <= 1 && f->looked_once)
		error = ESRCH;
	if (error) {
		inspect_end(&now);
		return error;
	}
	/* It is looked for once, which takes some time where there are many processes. */
	if (!f->looked_once || f->inspection->watcher)
		inspect_watcher(&now, f->inspection->watcher);
	f->looked_once = true;
	inspect_sockets(&now);
	inspect_end(f->inspection);
	*f->inspection = now;
	f->now_ns = clock_now_ns();
	return past_note(&f->past, &now.sockets, f->now_ns) ? 0 : ENOMEM;
}

static const char *wall_clock(void)
{
	static char text[16];
	const time_t now = time(NULL);
	struct tm local;

	strftime(text, sizeof text, "%H:%M:%S", localtime_r(&now, &local));
	return text;
}

/* Returns the description; allocated, NULL: there is no memory. */
static char *head_of(const struct inspection *inspection)
{
	char *text = NULL;
	size_t size;
	FILE *all = open_memstream(&text, &size);

	if (!all)
		return NULL;
	describe(all, inspection);
	describe_gaps(all, inspection, true);
	fclose(all);
	return text;
}

/* Print it, with each line cut to what fits. Returns how many lines there are. */
static size_t print_head(FILE *to, const struct inspection *inspection, size_t columns)
{
	char *text = head_of(inspection);
	size_t lines = 0;

	for (char *line = text ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n"), lines++)
		fprintf(to, "%.*s\n", (int)columns, line);
	free(text);
	return lines;
}

/* Returns whether it can go on. */
static bool draw(struct following *f)
{
	struct view view = {f->inspection, &f->past, f->now_ns, 0, 0, NULL};
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	if (!to)
		return true;
	terminal_size(&view.columns, &view.lines);
	const size_t head = print_head(to, f->inspection, view.columns) + 2;

	fputc('\n', to);
	view.lines = view.lines > head ? view.lines - head : 0;
	view_screen(to, &view);
	fprintf(to, "%.*s", (int)view.columns, wall_clock());
	fclose(to);
	free(f->shown);
	f->shown = text;
	f->length = length;
	return terminal_show(text, length);
}

/* What is above them again whenever it changes. Returns whether it can go on. */
static bool print_lines(struct following *f)
{
	const struct view view = {f->inspection, &f->past, f->now_ns, 0, 0, wall_clock()};
	char *head = head_of(f->inspection);
	const bool anew = head && (!f->shown || strcmp(head, f->shown) != 0);

	if (anew) {
		fputs(head, stdout);
		free(f->shown);
		f->shown = head;
	} else
		free(head);
	if (f->inspection->sockets.count)
		view_lines(stdout, &view, anew);
	return fflush(stdout) == 0;
}

static bool tell(struct following *f)
{
	if (f->on_screen)
		return draw(f);
	if (!f->as_json)
		return print_lines(f);
	object_print(stdout, f->inspection, &f->past, f->now_ns);
	return fflush(stdout) == 0;
}

/* Returns false if nobody wants to see more. */
static bool wait_for(struct following *f, int64_t until_ns)
{
	enum terminal_event event;

	if (!f->on_screen) {
		const int64_t left_ns = until_ns - clock_now_ns();
		const struct timespec left = clock_timespec(left_ns > 0 ? left_ns : 0);
		struct pollfd reader = {.fd = STDOUT_FILENO};

		/* A pipe that nobody reads is told of at once, and is no file that may be written to. */
		return ppoll(&reader, 1, &left, NULL) <= 0;
	}
	while ((event = terminal_wait(until_ns)) == TERMINAL_REDRAW)
		if (!draw(f))
			return false;
	return event == TERMINAL_TIME;
}

int follow(struct inspection *inspection, pid_t id, bool as_json)
{
	struct following f = {.inspection = inspection, .began = process_began(id), .as_json = as_json};

	*inspection = (struct inspection){.process.id = id};
	int error = look(&f, id);

	if (error) {
		/* For the one who says why. */
		process_find(&inspection->process, id);
		return error;
	}
	f.on_screen = !as_json && terminal_open();
	bool going = tell(&f);
	int64_t next_ns = f.now_ns + PERIOD_NS;

	while (going && wait_for(&f, next_ns) && (error = look(&f, id)) == 0) {
		going = tell(&f);
		next_ns = next_ns + PERIOD_NS > f.now_ns ? next_ns + PERIOD_NS : f.now_ns + PERIOD_NS;
	}
	if (f.on_screen) {
		terminal_close();
		/* The last of it stays to be read. */
		printf("%.*s\n", (int)f.length, f.shown);
	}
	if (error == ESRCH && !as_json)
		printf("process %d has ended\n", (int)id);
	free(f.shown);
	past_end(&f.past);
	return error == ESRCH ? 0 : error;
}
