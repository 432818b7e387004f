/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A table of text, in which each column is as wide as its widest cell.
 */
#include "grid.h"

#include <stdlib.h>
#include <string.h>

bool grid_start(struct grid *grid, size_t columns, size_t rows)
{
	*grid = (struct grid){.columns = columns, .rows = rows, .cells = calloc(columns * rows, GRID_CELL_SIZE)};
	return grid->cells;
}

char *grid_cell(const struct grid *grid, size_t row, size_t column)
{
	return grid->cells + (row * grid->columns + column) * GRID_CELL_SIZE;
}

void grid_fit(struct grid *grid)
{
	for (size_t row = 0; row < grid->rows; row++) {
		for (size_t column = 0; column < grid->columns; column++) {
			const int length = (int)strlen(grid_cell(grid, row, column));

			grid->widths[column] = length > grid->widths[column] ? length : grid->widths[column];
		}
	}
}

void grid_print(const struct grid *grid, size_t row, FILE *to, int gap, size_t most)
{
	size_t left = most ? most : (size_t)-1;

	for (size_t column = 0; column < grid->columns; column++) {
		const char *cell = grid_cell(grid, row, column);
		const bool last = column + 1 == grid->columns;
		const size_t width = last ? strlen(cell) : (size_t)(grid->widths[column] + gap), shown = width < left ? width : left;

		fprintf(to, "%-*.*s", last ? 0 : (int)shown, (int)shown, cell);
		left -= shown;
	}
	fputc('\n', to);
}

void grid_end(struct grid *grid)
{
	free(grid->cells);
}
