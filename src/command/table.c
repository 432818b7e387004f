/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The table of connections that sndtimeo --status shows.
 */
#include "table.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "grid.h"
#include "judge.h"

enum { FD, PEER, STATE, NO_PROGRESS, UNACKNOWLEDGED, ARMED, COLUMNS };

static void add_no_progress(struct text *cell, int64_t ms)
{
	if (ms == NOT_TOLD)
		text_add(cell, "?");
	else if (ms == NOBODY_WAITS)
		text_add(cell, "-");
	else
		text_add_seconds(cell, ms);
}

static void fill(const struct grid *grid, size_t row, const struct inspection *inspection, const struct socket_facts *facts)
{
	const struct judged judged = judge(inspection, facts, clock_now_ns());
	struct text cells[COLUMNS];

	for (size_t column = 0; column < COLUMNS; column++)
		text_start(&cells[column], grid_cell(grid, row, column), GRID_CELL_SIZE);
	text_add_number(&cells[FD], facts->fd);
	judge_peer(&cells[PEER], facts);
	text_add(&cells[STATE], judge_state(facts));
	add_no_progress(&cells[NO_PROGRESS], judged.no_progress_ms);
	if (facts->state == SOCKET_LISTEN)
		text_add(&cells[UNACKNOWLEDGED], "-");
	else
		text_add_bytes(&cells[UNACKNOWLEDGED], (uint64_t)facts->unacknowledged);
	text_add(&cells[ARMED], judged.armed);
}

bool table_print(const struct inspection *inspection)
{
	static const char *const heading[COLUMNS] = {"FD", "PEER", "STATE", "NO PROGRESS", "UNACKNOWLEDGED", "LIMITS ARMED"};
	const struct sockets *sockets = &inspection->sockets;
	struct grid grid;

	if (!grid_start(&grid, COLUMNS, sockets->count + 1))
		return false;
	for (size_t column = 0; column < COLUMNS; column++)
		strcpy(grid_cell(&grid, 0, column), heading[column]);
	for (size_t i = 0; i < sockets->count; i++)
		fill(&grid, i + 1, inspection, &sockets->all[i]);
	grid_fit(&grid);
	for (size_t row = 0; row < grid.rows; row++)
		grid_print(&grid, row, stdout, 2, 0);
	grid_end(&grid);
	return true;
}
