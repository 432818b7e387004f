/* SPDX-License-Identifier: MIT */
/** @file
 * @brief As much of Criterion as the unit tests use, for machines that Criterion does not run on (s390x, riscv64, musl).
 *
 * Each test is a process; what fails is told with its place, and counted by the runner (criterion.c).
 */
#ifndef SNDTIMEO_TESTS_FOREIGN_CRITERION_H
#define SNDTIMEO_TESTS_FOREIGN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct test_options {
	void (*init)(void), (*fini)(void);
	double timeout;   /**< in seconds */
};

struct test {
	const char *suite, *name;
	void (*run)(void);   /**< NULL: the options of a suite */
	struct test_options options;
	struct test *next;
};

void test_register(struct test *test);
/** Say that something is not so; @p ends: the test is over. */
void test_failed(bool ends, const char *file, int line, const char *condition, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
_Noreturn void test_skipped(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define TEST_REGISTER(id, suite_, name_, run_, ...)                                                                \
	__attribute__((constructor)) static void id##_register(void)                                               \
	{                                                                                                          \
		static struct test test = {.suite = suite_, .name = name_, .run = run_, .options = {__VA_ARGS__}}; \
		test_register(&test);                                                                              \
	}
#define Test(suite, name, ...)                                                                                     \
	static void suite##_##name##_run(void);                                                                    \
	TEST_REGISTER(suite##_##name, #suite, #name, suite##_##name##_run, __VA_ARGS__)                            \
	static void suite##_##name##_run(void)
#define TestSuite(suite, ...) TEST_REGISTER(suite##_suite, #suite, "", NULL, __VA_ARGS__)                          \
	struct test_suite_##suite

/* What comes after the condition is a printf(3)'s, or nothing. */
#define TEST_IS(ends, condition, ...)                                                                              \
	((condition) ? (void)0 : test_failed(ends, __FILE__, __LINE__, #condition, " " __VA_ARGS__))
#define cr_assert(condition, ...) TEST_IS(true, condition, __VA_ARGS__)
#define cr_expect(condition, ...) TEST_IS(false, condition, __VA_ARGS__)
#define cr_assert_not(condition, ...) TEST_IS(true, !(condition), __VA_ARGS__)
#define cr_expect_not(condition, ...) TEST_IS(false, !(condition), __VA_ARGS__)
#define cr_assert_eq(a, b, ...) TEST_IS(true, (a) == (b), __VA_ARGS__)
#define cr_expect_eq(a, b, ...) TEST_IS(false, (a) == (b), __VA_ARGS__)
#define cr_assert_neq(a, b, ...) TEST_IS(true, (a) != (b), __VA_ARGS__)
#define cr_expect_neq(a, b, ...) TEST_IS(false, (a) != (b), __VA_ARGS__)
#define cr_assert_lt(a, b, ...) TEST_IS(true, (a) < (b), __VA_ARGS__)
#define cr_expect_lt(a, b, ...) TEST_IS(false, (a) < (b), __VA_ARGS__)
#define cr_assert_leq(a, b, ...) TEST_IS(true, (a) <= (b), __VA_ARGS__)
#define cr_expect_leq(a, b, ...) TEST_IS(false, (a) <= (b), __VA_ARGS__)
#define cr_assert_gt(a, b, ...) TEST_IS(true, (a) > (b), __VA_ARGS__)
#define cr_expect_gt(a, b, ...) TEST_IS(false, (a) > (b), __VA_ARGS__)
#define cr_assert_geq(a, b, ...) TEST_IS(true, (a) >= (b), __VA_ARGS__)
#define cr_expect_geq(a, b, ...) TEST_IS(false, (a) >= (b), __VA_ARGS__)
#define cr_assert_null(a, ...) TEST_IS(true, (a) == NULL, __VA_ARGS__)
#define cr_expect_null(a, ...) TEST_IS(false, (a) == NULL, __VA_ARGS__)
#define cr_assert_not_null(a, ...) TEST_IS(true, (a) != NULL, __VA_ARGS__)
#define cr_expect_not_null(a, ...) TEST_IS(false, (a) != NULL, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) TEST_IS(true, strcmp(a, b) == 0, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) TEST_IS(false, strcmp(a, b) == 0, __VA_ARGS__)
#define cr_expect_str_empty(a, ...) TEST_IS(false, *(a) == '\0', __VA_ARGS__)
#define cr_expect_fail(...) test_failed(false, __FILE__, __LINE__, "", __VA_ARGS__)
#define cr_skip_test(...) test_skipped(__VA_ARGS__)

#endif
