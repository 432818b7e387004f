/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The bytes that every sender in the tests sends and every peer checks.
 *
 * Byte N of a connection depends on N alone and no short shift of the pattern equals it, so a byte that was lost, sent
 * twice or sent out of order is seen at the next byte or two.
 */
#ifndef SNDTIMEO_TESTS_PATTERN_H
#define SNDTIMEO_TESTS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/** @return byte number @p offset of a connection. */
static inline unsigned char pattern_byte(uint64_t offset)
{
	/* Knuth's multiplicative hash: the top byte of offset * 2^32/phi. */
	return (unsigned char)(((uint32_t)offset * 2654435761u) >> 24);
}

/** Fill @p buffer with @p size bytes of the pattern, starting at byte number @p offset of the connection. */
static inline void pattern_fill(unsigned char *buffer, size_t size, uint64_t offset)
{
	for (size_t i = 0; i < size; i++)
		buffer[i] = pattern_byte(offset + i);
}

#endif
