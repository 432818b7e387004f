/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The table of connections that sndtimeo --status --follow shows.
 */
#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "connection/why.h"
#include "grid.h"
#include "judge.h"

enum { FD, PEER, STATE, RATE, IN_FLIGHT, WAITING, WINDOW, RTT, RETRANSMITTED, LIMITS, SCREEN_COLUMNS };
/* In lines: the clock before all, and the time without progress before the limits. */
enum { LINE_CLOCK = 0, LINE_SHIFT = 1, LINE_NO_PROGRESS = LIMITS + LINE_SHIFT, LINE_LIMITS, LINE_COLUMNS };

static const char *const heading[SCREEN_COLUMNS] = {"FD", "PEER", "STATE", "RATE/S", "FLIGHT", "WAITING", "WINDOW", "RTT", "RETR", "LIMITS"};

/* So that lines of one second stand below those of the one before. */
static const int line_widths[LINE_COLUMNS] = {8, 3, 21, 11, 6, 6, 7, 6, 5, 4, 16};

/* A bar is there for what waits longer than programs do all the time. */
#define BAR_FROM_MS 1000
#define BAR_LEAST 10
#define BAR_MOST 40

/* ---- numbers that are short --------------------------------------------------------------------------------------- */

static void add_short_bytes(struct text *to, int64_t bytes)
{
	static const char units[][2] = {"", "K", "M", "G", "T", "P", "E"};
	size_t unit = 0;
	int64_t whole = bytes, rest = 0;

	while (whole >= 1024) {
		rest = whole % 1024;
		whole /= 1024;
		unit++;
	}
	text_add_number(to, whole);
	if (unit && whole < 100) {
		text_add(to, ".");
		text_add_number(to, rest * 10 / 1024);
	}
	text_add(to, units[unit]);
}

static void add_short_time(struct text *to, int64_t us)
{
	if (us < 1000) {
		text_add_number(to, us);
		text_add(to, "us");
	} else if (us < 10 * 1000 * 1000) {
		text_add_number(to, us / 1000);
		text_add(to, "ms");
	} else {
		text_add_number(to, us / 1000 / 1000);
		text_add(to, "s");
	}
}

/* ---- a row -------------------------------------------------------------------------------------------------------- */

/* A connection, and what there is to say of it. */
struct shown {
	const struct socket_facts *facts;
	struct judged judged;
	int64_t unmoved_ms;     /* nothing was acknowledged for so long; -1: that is not so, or not known */
	bool is_told;           /* whether its program waits */
};

static struct shown show(const struct view *view, const struct socket_facts *facts)
{
	struct shown shown = {facts, judge(view->inspection, facts, view->now_ns), -1, false};

	shown.is_told = shown.judged.no_progress_ms != NOT_TOLD;
	shown.unmoved_ms = shown.is_told ? shown.judged.no_progress_ms : past_no_progress_ms(view->past, facts, view->now_ns);
	return shown;
}

static void add_traffic(struct text *cells, const struct view *view, const struct socket_facts *facts)
{
	const int64_t rate = past_rate(view->past, facts);

	if (rate < 0)
		text_add(&cells[RATE], "-");
	else
		add_short_bytes(&cells[RATE], rate);
	if (facts->is_mptcp) {
		text_add(&cells[IN_FLIGHT], "?");
		text_add(&cells[WAITING], "?");
	} else {
		add_short_bytes(&cells[IN_FLIGHT], sockets_in_flight(facts));
		add_short_bytes(&cells[WAITING], sockets_not_sent(facts));
	}
	add_short_bytes(&cells[WINDOW], facts->look.window);
	add_short_time(&cells[RTT], facts->look.rtt_ns / NS_PER_US);
	text_add_number(&cells[RETRANSMITTED], facts->retransmitted);
}

/* Without @p shown: what stands above. */
static void fill(struct text *cells, const struct view *view, const struct shown *shown)
{
	for (size_t column = 0; !shown && column < SCREEN_COLUMNS; column++)
		text_add(&cells[column], heading[column]);
	if (!shown)
		return;
	const struct socket_facts *facts = shown->facts;

	text_add_number(&cells[FD], facts->fd);
	judge_peer(&cells[PEER], facts);
	text_add(&cells[STATE], judge_state(facts));
	text_add(&cells[LIMITS], shown->judged.armed);
	if (facts->has_traffic)
		add_traffic(cells, view, facts);
	else
		for (size_t column = RATE; column <= RETRANSMITTED; column++)
			text_add(&cells[column], facts->asked && !facts->outstanding ? "-" : "?");
}

static struct text cell_of(const struct grid *grid, size_t row, size_t column)
{
	struct text cell;

	text_start(&cell, grid_cell(grid, row, column), GRID_CELL_SIZE);
	return cell;
}

/* ---- on a screen -------------------------------------------------------------------------------------------------- */

static bool has_bar(const struct shown *shown)
{
	return shown->unmoved_ms >= BAR_FROM_MS;
}

/* "12.0 s of 30.0 s: the peer is connected but has not opened its window". */
static void add_why(struct text *to, const struct shown *shown)
{
	text_add_seconds(to, shown->unmoved_ms);
	if (shown->judged.send_ms) {
		text_add(to, " of ");
		text_add_seconds(to, shown->judged.send_ms);
	} else
		text_add(to, " without progress");
	if (shown->facts->has_traffic) {
		text_add(to, ": ");
		text_add(to, reason_text(why_stalled(&shown->facts->look, STALL_NO_PROGRESS, shown->unmoved_ms * NS_PER_MS)));
	}
}

static void print_bar(FILE *to, const struct shown *shown, size_t columns)
{
	char why[GRID_CELL_SIZE], bar[BAR_MOST + 1];
	struct text text;
	size_t width = columns / 3;

	text_start(&text, why, sizeof why);
	add_why(&text, shown);
	width = width < BAR_LEAST ? BAR_LEAST : width > BAR_MOST ? BAR_MOST : width;
	if (!shown->judged.send_ms) {
		fprintf(to, "    %.*s\n", columns > 4 ? (int)columns - 4 : 0, why);
		return;
	}
	const int64_t part = shown->unmoved_ms * (int64_t)width / shown->judged.send_ms;
	const size_t filled = part < (int64_t)width ? (size_t)part : width;

	memset(bar, '#', filled);
	memset(bar + filled, '.', width - filled);
	bar[width] = '\0';
	char line[sizeof bar + sizeof why + 8];

	snprintf(line, sizeof line, "    [%s] %s", bar, why);
	fprintf(to, "%.*s\n", (int)columns, line);
}

/* Those first that have waited longest. */
static int by_wait(const void *one, const void *other)
{
	const struct shown *first = one, *second = other;

	if (has_bar(first) != has_bar(second))
		return has_bar(first) ? -1 : 1;
	if (has_bar(first) && first->unmoved_ms != second->unmoved_ms)
		return first->unmoved_ms > second->unmoved_ms ? -1 : 1;
	return (first->facts->fd > second->facts->fd) - (first->facts->fd < second->facts->fd);
}

/* How many of them have room in @p lines, with their bars, and a line that counts the others. */
static size_t count_that_fit(const struct shown *all, size_t count, size_t lines)
{
	size_t used = 0, fit = 0;

	for (size_t i = 0; i < count; i++)
		used += has_bar(&all[i]) ? 2 : 1;
	if (used <= lines)
		return count;
	for (used = 1; fit < count && used + (has_bar(&all[fit]) ? 2 : 1) <= lines; fit++)
		used += has_bar(&all[fit]) ? 2 : 1;
	return fit;
}

static bool print_screen(FILE *to, const struct view *view, struct shown *all, size_t count)
{
	size_t fit = count_that_fit(all, count, view->lines - 1);
	struct grid grid;

	if (fit < count) {
		qsort(all, count, sizeof *all, by_wait);
		fit = count_that_fit(all, count, view->lines - 1);
	}
	if (!grid_start(&grid, SCREEN_COLUMNS, fit + 1))
		return false;
	for (size_t row = 0; row <= fit; row++) {
		struct text cells[SCREEN_COLUMNS];

		for (size_t column = 0; column < SCREEN_COLUMNS; column++)
			cells[column] = cell_of(&grid, row, column);
		fill(cells, view, row ? &all[row - 1] : NULL);
	}
	grid_fit(&grid);
	for (size_t row = 0; row <= fit; row++) {
		grid_print(&grid, row, to, 1, view->columns);
		if (row && has_bar(&all[row - 1]))
			print_bar(to, &all[row - 1], view->columns);
	}
	grid_end(&grid);
	if (fit < count) {
		char more[60];

		snprintf(more, sizeof more, "%zu more, for which there is no room here", count - fit);
		fprintf(to, "%.*s\n", (int)view->columns, more);
	}
	return true;
}

static struct shown *show_all(const struct view *view)
{
	const struct sockets *sockets = &view->inspection->sockets;
	struct shown *all = calloc(sockets->count + 1, sizeof *all);

	for (size_t i = 0; all && i < sockets->count; i++)
		all[i] = show(view, &sockets->all[i]);
	return all;
}

bool view_screen(FILE *to, const struct view *view)
{
	const size_t count = view->inspection->sockets.count;
	struct shown *all = show_all(view);
	const bool printed = all && (!count || view->lines < 2 || print_screen(to, view, all, count));

	free(all);
	return printed;
}

/* ---- in lines ----------------------------------------------------------------------------------------------------- */

static void add_waits(struct text *cell, const struct shown *shown)
{
	if (shown->unmoved_ms < 0) {
		text_add(cell, shown->is_told || shown->facts->has_traffic ? "-" : "?");
		return;
	}
	text_add_seconds(cell, shown->unmoved_ms);
	if (shown->judged.send_ms) {
		text_add(cell, " of ");
		text_add_seconds(cell, shown->judged.send_ms);
	}
}

bool view_lines(FILE *to, const struct view *view, bool with_heading)
{
	const size_t count = view->inspection->sockets.count;
	struct shown *all = show_all(view);
	struct grid grid;

	if (!all || !grid_start(&grid, LINE_COLUMNS, count + 1)) {
		free(all);
		return false;
	}
	for (size_t row = 0; row <= count; row++) {
		struct text clock = cell_of(&grid, row, LINE_CLOCK), waits = cell_of(&grid, row, LINE_NO_PROGRESS), cells[SCREEN_COLUMNS];

		for (size_t column = 0; column < SCREEN_COLUMNS; column++)
			cells[column] = cell_of(&grid, row, column == LIMITS ? LINE_LIMITS : column + LINE_SHIFT);
		text_add(&clock, row ? view->clock : "TIME");
		fill(cells, view, row ? &all[row - 1] : NULL);
		if (row)
			add_waits(&waits, &all[row - 1]);
		else
			text_add(&waits, "NO PROGRESS");
	}
	memcpy(grid.widths, line_widths, sizeof line_widths);
	grid_fit(&grid);
	for (size_t row = with_heading ? 0 : 1; row <= count; row++)
		grid_print(&grid, row, to, 2, 0);
	grid_end(&grid);
	free(all);
	return true;
}
