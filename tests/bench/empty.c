/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A library with nothing in it: what a program pays for any that is preloaded.
 */
int sndtimeo_bench_empty;
