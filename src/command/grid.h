/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A table of text, in which each column is as wide as its widest cell.
 */
#ifndef SNDTIMEO_GRID_H
#define SNDTIMEO_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** Room for the longest unix path, and for all limits with two remarks. */
#define GRID_CELL_SIZE 256
#define GRID_COLUMNS_MOST 16

struct grid {
	size_t columns, rows;
	char *cells;     /**< allocated; grid_cell() */
	int widths[GRID_COLUMNS_MOST]; /**< of grid_fit() */
};

/** All cells are empty at first. @return false: there is no memory */
bool grid_start(struct grid *grid, size_t columns, size_t rows);

/** GRID_CELL_SIZE bytes. */
char *grid_cell(const struct grid *grid, size_t row, size_t column);

/** Once all is written: find out how wide columns are. */
void grid_fit(struct grid *grid);

/** Print a row, and a newline. @param gap blanks between columns @param most bytes that are printed of it; 0: all */
void grid_print(const struct grid *grid, size_t row, FILE *to, int gap, size_t most);

void grid_end(struct grid *grid);

#endif
