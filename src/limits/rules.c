/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Limits per destination.
 *
 * A look-up walks through all rules up to the one that matches, most often with nothing of them in any cache. So what
 * is compared stands close together, and what is needed of one rule only stands elsewhere: behind the rules of a table,
 * in the same mapping, are their limits, and behind those the names of unix sockets, whose pages stay untouched without
 * such rules.
 *
 * Longer than 400 lines, because what reads rules fills this layout and what looks them up walks it: nobody else knows
 * it.
 */
#include "limits/rules.h"

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/libc.h"
#include "limits/nearest.h"
#include "limits/program.h"
#include "base/text.h"

#define RULES_MOST 1000000u
/** Room that is asked for at once, whatever is needed. */
#define ROOM_LEAST 64u
#define FILE_MOST ((size_t)16 << 20)
/** Bytes of a word, and of a file's name, in a complaint. */
#define WORD_SHOWN 60u
#define ORIGIN_SHOWN 100u
#define COMPLAINT_SIZE 400
/** The longest value of a limit: what it takes and many more digits than mean anything. */
#define VALUE_MOST 255u

#define DESTINATION_ACCEPTED                                                                                       \
	"a destination: an IPv4 address, an IPv6 address in brackets, *, unix:/path or unix:@name"
#define IPV6_ACCEPTED "an IPv6 address in brackets, such as [2001:db8::]/32:443"
#define PORTS_ACCEPTED "a port from 1 to 65535, or a range of ports FIRST-LAST"

/** Kinds of destination, as bits: "*" is of two. */
enum { OF_IPV4 = 1, OF_IPV6 = 2, OF_PATH = 4, OF_ABSTRACT = 8 };

/** What a destination is compared by. */
struct key {
	uint64_t address[2];   /**< the bytes of struct destination's; of a unix socket, a hash of its name */
	uint16_t port;
	uint8_t kind;          /**< one of the kinds above */
};

struct rule {
	uint64_t address[2];   /**< as in a key */
	uint64_t mask[2];      /**< the bits of it that count */
	uint16_t first, last;  /**< ports */
	uint8_t kinds;         /**< 0: it is another program's */
	uint8_t named;         /**< limits, by 1 << enum limit */
};

struct word {
	const char *at;
	size_t length;
};

struct path {
	char at[sizeof ((struct destination *)0)->path];   /**< filled up with NULs */
};

#define ROOM_FOR_ONE (sizeof(struct rule) + sizeof(struct limits) + sizeof(struct path))
_Static_assert(sizeof(struct rule) % _Alignof(struct limits) == 0, "rules are followed by limits");

/** A rule that is being read. */
struct draft {
	struct rule rule;
	struct limits limits;
	struct path path;
	struct word destination;
	struct word min_rate;   /**< where it is named */
	bool is_others;         /**< another program's */
	bool is_every;          /**< for all that the program connects to */
	bool sets;              /**< no rule, but what counts for all that no rule is for; */
	bool sets_any;          /**< or any other setting */
	bool faulty;            /**< a setting among them had a mistake */
};

struct reading {
	struct rules *rules;
	const char *at, *end;   /**< what is still to be read */
	const char *line_start;
	size_t line;            /**< from 1 */
	struct word word;       /**< the last one that was read */
	size_t mistakes;
	bool full;
	bool any;               /**< a rule was read */
	rules_set *set;         /**< NULL: there are none but rules */
	const char *origin;
	rules_complain *complain;
	void *context;
};

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void *map(size_t size)
{
	void *pages = libc.mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return pages == MAP_FAILED ? NULL : pages;
}

static struct limits *limits_of(const struct rules *rules)
{
	return (struct limits *)(void *)(rules->all + rules->room);
}

static struct path *paths_of(const struct rules *rules)
{
	return (struct path *)(void *)(limits_of(rules) + rules->room);
}

static bool ends_rule(char c)
{
	return c == '\n' || c == ';';
}

/** How many rules there may be in what is still to be read, the one that has just been read included. */
static size_t rules_ahead(const struct reading *reading)
{
	size_t count = 1;
	for (const char *at = reading->at; at < reading->end; at++)
		count += ends_rule(*at);
	return count;
}

/** Get room for @p more rules. */
static bool grow(struct rules *rules, size_t more)
{
	struct rules larger = *rules;
	larger.room += more < ROOM_LEAST ? ROOM_LEAST : more;
	if (larger.room > RULES_MOST)
		larger.room = RULES_MOST;
	larger.all = map(larger.room * ROOM_FOR_ONE);
	if (!larger.all)
		return false;
	if (rules->room > 0) {
		memcpy(larger.all, rules->all, rules->count * sizeof *rules->all);
		memcpy(limits_of(&larger), limits_of(rules), rules->count * sizeof(struct limits));
		for (size_t i = 0; i < rules->count; i++)
			if (rules->all[i].kinds & (OF_PATH | OF_ABSTRACT))
				paths_of(&larger)[i] = paths_of(rules)[i];
		libc.munmap(rules->all, rules->room * ROOM_FOR_ONE);
	}
	*rules = larger;
	return true;
}

static void append(struct rules *rules, const struct draft *draft)
{
	rules->all[rules->count] = draft->rule;
	limits_of(rules)[rules->count] = draft->limits;
	/* It has its number all the same. */
	if (draft->is_others || rules->last)
		rules->all[rules->count].kinds = 0;
	else if (draft->is_every && !program_is_any())
		rules->last = rules->count + 1;
	else if (draft->rule.kinds & (OF_PATH | OF_ABSTRACT)) {
		paths_of(rules)[rules->count] = draft->path;
		rules->names_unix = true;
	}
	rules->count++;
}

static void take_address(uint64_t words[2], const uint8_t bytes[16])
{
	memcpy(words, bytes, 2 * sizeof *words);
	words[0] = be64toh(words[0]);
	words[1] = be64toh(words[1]);
}

/** FNV-1a: what differs, differs in here nearly always. */
static uint64_t hash(const char *path)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < sizeof((struct path *)0)->at && path[i]; i++)
		value = (value ^ (unsigned char)path[i]) * UINT64_C(0x100000001b3);
	return value;
}

/* ---- complaints -------------------------------------------------------------------------------------------------- */

static void start_complaint(const struct reading *reading, struct text *line, char *buffer, const char *where)
{
	text_start(line, buffer, COMPLAINT_SIZE);
	text_add_foreign(line, reading->origin, ORIGIN_SHOWN);
	text_add_format(line, ":%jd:%jd: ", (intmax_t)reading->line, (intmax_t)(where - reading->line_start + 1));
}

static void add_word(struct text *line, const struct word *word)
{
	char shown[WORD_SHOWN + 2] = "";
	for (size_t i = 0; i < word->length && i < sizeof shown - 1; i++)
		shown[i] = word->at[i] ? word->at[i] : '\1';   /* not the end, but as little to be shown as any other */
	text_add(line, "'");
	text_add_foreign(line, shown, WORD_SHOWN);
	text_add(line, "'");
}

/** Tell of a mistake in the last word, at @p where, and what is expected there, in two parts. @return false */
__attribute__((cold)) static bool expected(struct reading *reading, const char *where, const char *what, const char *more)
{
	char buffer[COMPLAINT_SIZE];
	struct text line;
	start_complaint(reading, &line, buffer, where);
	add_word(&line, &reading->word);
	text_add_format(&line, ": expected %s%s", what, more);
	reading->mistakes++;
	reading->complain(buffer, reading->context);
	return false;
}

__attribute__((cold)) static bool unknown_name(struct reading *reading, size_t name_length, bool in_settings)
{
	char buffer[COMPLAINT_SIZE];
	struct text more;
	const char *near = in_settings ? nearest(reading->word.at, name_length, setting_names, OTHER_COUNT + LIMIT_COUNT + 1)
	                               : nearest(reading->word.at, name_length, limit_names, LIMIT_COUNT + 1);
	text_start(&more, buffer, sizeof buffer);
	for (size_t i = 1; i <= LIMIT_COUNT; i++)
		text_add_format(&more, i < LIMIT_COUNT ? ", %s" : " or %s", name_at(limit_names, i));
	if (in_settings)
		text_add(&more, "; log, log_format, verbose, dry_run or summary");
	if (near)
		text_add_format(&more, "; did you mean %s?", near);
	return expected(reading, reading->word.at, limit_names, buffer);
}

/** The rest is not read: that would be the same complaint again and again. */
__attribute__((cold)) static void stop(struct reading *reading, const char *where, const char *why)
{
	char buffer[COMPLAINT_SIZE];
	struct text line;
	start_complaint(reading, &line, buffer, where);
	text_add_format(&line, "%s: this one and all behind it are left out", why);
	reading->full = true;
	reading->mistakes++;
	reading->complain(buffer, reading->context);
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/** The next word of the same rule; false at its end, where the reading then stands. */
static bool next_word(struct reading *reading)
{
	struct word *const word = &reading->word;
	while (reading->at < reading->end && is_blank(*reading->at))
		reading->at++;
	if (reading->at < reading->end && *reading->at == '#') {
		const char *newline = memchr(reading->at, '\n', (size_t)(reading->end - reading->at));
		reading->at = newline ? newline : reading->end;
	}
	word->at = reading->at;
	while (reading->at < reading->end && !is_blank(*reading->at) && !ends_rule(*reading->at))
		reading->at++;
	word->length = (size_t)(reading->at - word->at);
	return word->length > 0;
}

static bool begins(const struct word *word, const char *start)
{
	const size_t length = strlen(start);
	return word->length >= length && memcmp(word->at, start, length) == 0;
}

/** Whether it has no control characters: they cannot be seen, and a NUL would be the end for whom it is given to. */
static bool legible(struct reading *reading)
{
	const struct word *const word = &reading->word;
	for (size_t i = 0; i < word->length; i++)
		if ((unsigned char)word->at[i] < ' ' || word->at[i] == '\x7f')
			return expected(reading, word->at + i, "no control characters", "");
	return true;
}

/** Read the whole number at @p *at and go behind it. */
static bool take_number(const char **at, const char *end, unsigned least, unsigned most, unsigned *number)
{
	const char *const start = *at;
	*number = 0;
	while (*at < end && **at >= '0' && **at <= '9' && *number <= most)
		*number = *number * 10 + (unsigned)(*(*at)++ - '0');
	/* One with a zero in front may be meant as octal. */
	return *at > start && *number >= least && *number <= most && (*start != '0' || *at == start + 1);
}

/* ---- destinations ------------------------------------------------------------------------------------------------ */

/** Read an address of @p family from the bytes up to @p end. */
static bool take_numeric(int family, const char *at, const char *end, uint8_t address[16])
{
	char copy[INET6_ADDRSTRLEN] = "";
	const size_t length = (size_t)(end - at);
	if (length >= sizeof copy)
		return false;
	memcpy(copy, at, length);
	return libc.inet_pton(family, copy, address) == 1;
}

/** The @p bits highest bits of 64. */
static uint64_t highest(unsigned bits)
{
	return bits == 0 ? 0 : ~UINT64_C(0) << (64 - bits);
}

static void set_network(struct rule *rule, uint8_t kind, const uint8_t address[16], unsigned prefix)
{
	rule->kinds = kind;
	rule->mask[0] = highest(prefix < 64 ? prefix : 64);
	rule->mask[1] = highest(prefix < 64 ? 0 : prefix - 64);
	take_address(rule->address, address);
	rule->address[0] &= rule->mask[0];
	rule->address[1] &= rule->mask[1];
}

/** Read "/PREFIX" at @p *at, if it is there, and go behind it. */
static bool read_prefix(struct reading *reading, const char **at, unsigned most, unsigned *prefix)
{
	const char *const end = reading->at;
	*prefix = most;
	if (*at == end || **at != '/')
		return true;
	const char *const digits = ++*at;
	if (take_number(at, end, 0, most, prefix) && (*at == end || **at == ':'))
		return true;
	return expected(reading, digits, "a prefix length from 0 to ", most == 32 ? "32" : "128");
}

/** Read ":PORT" or ":FIRST-LAST" at @p at, if it is there; nothing else may be. */
static bool read_ports(struct reading *reading, const char *at, struct rule *rule)
{
	const char *const end = reading->at;
	unsigned first, last;
	rule->first = 0;
	rule->last = UINT16_MAX;
	if (at == end)
		return true;
	if (*at != ':')
		return expected(reading, at, "nothing there but ", *reading->word.at == '*' ? ":PORT" : "/PREFIX or :PORT");
	const char *const ports = ++at;
	bool good = take_number(&at, end, 1, UINT16_MAX, &first);
	last = first;
	if (good && at < end && *at == '-') {
		at++;
		good = take_number(&at, end, first, UINT16_MAX, &last);
	}
	if (!good || at < end)
		return expected(reading, ports, PORTS_ACCEPTED, "");
	rule->first = (uint16_t)first;
	rule->last = (uint16_t)last;
	return true;
}

static bool read_ipv6(struct reading *reading, struct rule *rule)
{
	const struct word *const word = &reading->word;
	const char *const bracket = memchr(word->at, ']', word->length);
	struct in6_addr address;
	unsigned prefix;
	if (!bracket)
		return expected(reading, word->at, IPV6_ACCEPTED, "");
	if (!take_numeric(AF_INET6, word->at + 1, bracket, address.s6_addr))
		return expected(reading, word->at + 1, IPV6_ACCEPTED, "");
	const char *at = bracket + 1;
	if (!read_prefix(reading, &at, 128, &prefix))
		return false;
	if (destination_is_mapped(&address) && prefix >= 96) {   /* so are the peers' addresses turned around */
		memcpy(address.s6_addr, address.s6_addr + 12, 4);
		set_network(rule, OF_IPV4, address.s6_addr, prefix - 96);
	} else
		set_network(rule, OF_IPV6, address.s6_addr, prefix);
	return read_ports(reading, at, rule);
}

/** Whether it begins with an IPv6 address, or something much like one, without brackets. */
static bool lacks_brackets(const struct word *word)
{
	static const char bytes[] = "0123456789abcdefABCDEF:.";
	size_t colons = 0;
	for (size_t i = 0; i < word->length && memchr(bytes, word->at[i], sizeof bytes - 1); i++)
		colons += word->at[i] == ':';
	return colons >= 2;
}

static bool read_ipv4(struct reading *reading, struct rule *rule)
{
	const struct word *const word = &reading->word;
	const char *at = word->at;
	uint8_t address[16] = {0};
	unsigned prefix;
	while (at < word->at + word->length && *at != '/' && *at != ':')
		at++;
	if (!take_numeric(AF_INET, word->at, at, address))
		return expected(reading, word->at, lacks_brackets(word) ? IPV6_ACCEPTED : DESTINATION_ACCEPTED, "");
	if (!read_prefix(reading, &at, 32, &prefix))
		return false;
	set_network(rule, OF_IPV4, address, prefix);
	return read_ports(reading, at, rule);
}

__attribute__((cold)) static bool read_unix(struct reading *reading, struct draft *draft)
{
	const char *name = reading->word.at + strlen("unix:"), *const end = reading->at;
	const bool abstract = name < end && *name == '@';
	if (!abstract && (name == end || *name != '/'))
		return expected(reading, name, "/path, or @name of an abstract socket", "");
	name += abstract;
	/* An abstract one has a NUL in front. */
	const size_t length = (size_t)(end - name), most = sizeof draft->path.at - 1 - abstract;
	if (length == 0 || length > most)
		return expected(reading, name, "a name of 1 to ", abstract ? "107 bytes" : "108 bytes");
	memcpy(draft->path.at, name, length);
	draft->rule.kinds = abstract ? OF_ABSTRACT : OF_PATH;
	draft->rule.address[0] = hash(draft->path.at);
	draft->rule.mask[0] = UINT64_MAX;
	draft->rule.last = UINT16_MAX;
	return true;
}

static bool read_destination(struct reading *reading, struct draft *draft)
{
	const char *const at = reading->word.at;
	if (begins(&reading->word, "unix:"))
		return read_unix(reading, draft);
	if (*at == '[')
		return read_ipv6(reading, &draft->rule);
	if (*at != '*')
		return read_ipv4(reading, &draft->rule);
	draft->rule.kinds = OF_IPV4 | OF_IPV6;
	return read_ports(reading, at + 1, &draft->rule);
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

enum { ALL_NAMED = (1 << LIMIT_COUNT) - 1, OFF_NAMED = ALL_NAMED & ~(1 << LIMIT_POLICY) };

static bool take_value(struct draft *draft, enum limit limit, const char *at, const char *end)
{
	char value[VALUE_MOST + 1] = "";
	const size_t length = (size_t)(end - at);
	if (length > VALUE_MOST)
		return false;
	memcpy(value, at, length);
	draft->rule.named |= (uint8_t)(1u << limit);
	return limit_take(&draft->limits, limit, value);
}

/** Read "NAME=VALUE" that is no limit. */
__attribute__((cold)) static bool read_setting(struct reading *reading, size_t name_length)
{
	const struct word *const word = &reading->word;
	const char *const at = word->at + name_length + 1;
	char value[VALUE_MOST + 1] = "";
	const size_t length = (size_t)(reading->at - at);
	const char *accepted = NULL;
	if (length <= VALUE_MOST) {
		memcpy(value, at, length);
		accepted = reading->set(word->at, name_length, value, reading->context);
	}
	if (length <= VALUE_MOST && !accepted)
		return true;
	return accepted && !*accepted ? unknown_name(reading, name_length, true) : expected(reading, at, accepted ? accepted : "a shorter value", "");
}

/** Read "NAME=VALUE". */
static bool read_limit(struct reading *reading, struct draft *draft)
{
	const struct word *const word = &reading->word;
	const char *const end = reading->at, *const equals = memchr(word->at, '=', word->length);
	const size_t length = equals ? (size_t)(equals - word->at) : word->length;
	const enum limit limit = limit_named(word->at, length);
	if (limit == LIMIT_COUNT)
		return draft->sets_any && equals ? read_setting(reading, length) : unknown_name(reading, length, draft->sets_any);
	if (!equals)
		return expected(reading, end, "= and behind it ", limit_accepted(limit));
	if (draft->rule.named & 1u << limit)
		return expected(reading, word->at, name_at(limit_names, limit), " once only in a rule");
	if (!take_value(draft, limit, equals + 1, end))
		return expected(reading, equals + 1, limit_accepted(limit), "");
	if (limit == LIMIT_MIN_RATE)
		draft->min_rate = *word;
	return true;
}

static bool is_off(const struct word *word)
{
	return word->length == 3 && begins(word, "off");
}

/** @param more whether the first of them was read already */
static bool read_limits(struct reading *reading, struct draft *draft, bool more)
{
	bool off = false;
	for (more = more || next_word(reading); more; more = next_word(reading)) {
		const bool off_now = is_off(&reading->word);
		if (!legible(reading))
			return false;
		if (off || (off_now && draft->rule.named))
			return expected(reading, reading->word.at, "off alone, without any other limit", "");
		/* Half a rule may do harm. A setting is one by itself. */
		if (!off_now && !read_limit(reading, draft)) {
			if (!draft->sets)
				return false;
			draft->faulty = true;
		}
		off = off_now;
	}
	if (off)
		draft->rule.named = OFF_NAMED;
	return true;
}

/** Whether what was read makes sense together. The last word is the end: a mistake is told of an earlier one. */
static bool consistent(struct reading *reading, const struct draft *draft)
{
	if (!draft->rule.named && !draft->sets_any && !draft->faulty) {
		reading->word = draft->destination;
		return expected(reading, draft->destination.at, "a limit behind it, such as send=5s, or off", "");
	}
	if ((draft->rule.named & 1u << LIMIT_SEND) && draft->limits.send_ms == 0 && draft->limits.min_rate > 0) {
		reading->word = draft->min_rate;
		return expected(reading, draft->min_rate.at, "a send timeout beside it: min_rate needs a send timeout", "");
	}
	return true;
}

/** Whether it is "NAME=...": no destination is. */
static bool is_named(const struct word *word)
{
	size_t length = 0;
	while (length < word->length && (word->at[length] == '_' || word->at[length] == '-' ||
	                                 ((word->at[length] | 0x20) >= 'a' && (word->at[length] | 0x20) <= 'z')))
		length++;
	return length > 0 && length < word->length && word->at[length] == '=';
}

#define PROGRAM "program="

/** Read "program=NAME" and the word behind it. */
__attribute__((cold)) static bool read_program(struct reading *reading, struct draft *draft)
{
	const struct word *const word = &reading->word;
	const size_t length = strlen(PROGRAM);
	if (word->length == length)
		return expected(reading, reading->at, "a program's name, or its path", "");
	reading->rules->names_programs = true;
	draft->is_others = !program_is(word->at + length, word->length - length);
	/* Without one behind it, it is at fault. */
	const struct word program = *word;
	if (next_word(reading))
		return legible(reading);
	reading->word = program;
	return expected(reading, program.at, "a limit behind it, such as send=5s, or off", "");
}

/** Read what it is for. @param[out] more whether its first limit was read, for there is no destination */
static bool read_subject(struct reading *reading, struct draft *draft, bool *more)
{
	const bool of_program = begins(&reading->word, PROGRAM);
	draft->destination = reading->word;
	if (!legible(reading) || (of_program && !read_program(reading, draft)))
		return false;
	*more = is_named(&reading->word) || (of_program && is_off(&reading->word));
	draft->is_every = *more && of_program;
	draft->sets_any = reading->set && *more && !of_program;
	draft->sets = draft->sets_any || (reading->set && !reading->any && reading->word.length == 1 && *reading->word.at == '*');
	if (draft->is_every || draft->sets) {
		draft->rule = (struct rule){.kinds = OF_IPV4 | OF_IPV6, .last = UINT16_MAX};
		return true;
	}
	*more = false;
	return read_destination(reading, draft);
}

__attribute__((cold)) static void set_otherwise(struct rules *rules, const struct draft *draft)
{
	for (enum limit limit = 0; limit < LIMIT_COUNT; limit++)
		if (draft->rule.named & 1u << limit)
			limit_copy(&rules->otherwise, &draft->limits, limit);
	rules->named |= draft->rule.named;
}

static void read_rule(struct reading *reading)
{
	struct rules *rules = reading->rules;
	struct draft draft = {.min_rate = {NULL, 0}};
	bool more;
	if (!next_word(reading))
		return;
	const bool good = read_subject(reading, &draft, &more) && read_limits(reading, &draft, more) && consistent(reading, &draft);
	reading->any = true;
	if (!good)
		return;
	if (draft.sets)
		set_otherwise(rules, &draft);
	else if (rules->count >= RULES_MOST)
		stop(reading, draft.destination.at, "more than 1000000 rules");
	else if (rules->count == rules->room && !grow(rules, rules_ahead(reading)))
		stop(reading, draft.destination.at, "no memory for more rules");
	else
		append(rules, &draft);
}

static size_t add(struct reading reading)
{
	while (reading.at < reading.end && !reading.full) {
		read_rule(&reading);
		while (next_word(&reading))
			;
		if (reading.at < reading.end && *reading.at++ == '\n') {
			reading.line++;
			reading.line_start = reading.at;
		}
	}
	return reading.mistakes;
}

size_t rules_add(struct rules *rules, const char *text, size_t length, const char *origin, rules_complain *complain,
                 void *context)
{
	return add((struct reading){
		.rules = rules, .at = text, .end = text + length, .line_start = text, .line = 1,
		.origin = origin, .complain = complain, .context = context,
	});
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/** Besides the kernel's error numbers. */
enum { NO_FAULT = 0, NOT_A_FILE = -1, TOO_LARGE = -2, NO_MEMORY = -3 };

__attribute__((cold)) static void tell_fault(const char *path, int fault, rules_complain *complain, void *context)
{
	char buffer[COMPLAINT_SIZE];
	struct text line;
	text_start(&line, buffer, sizeof buffer);
	text_add_foreign(&line, path, ORIGIN_SHOWN);
	text_add(&line, ": ");
	switch (fault) {
	case NOT_A_FILE: text_add(&line, "not a file"); break;
	case TOO_LARGE: text_add(&line, "larger than 16 MiB"); break;
	case NO_MEMORY: text_add(&line, "no memory to read it"); break;
	default: text_add_error(&line, fault);
	}
	complain(buffer, context);
}

/** Read all of a file into @p text, which has room for one byte more than a file may have. @return what is wrong */
static int read_all(int fd, char *text, size_t *length)
{
	struct statx file;
	if (libc_status(fd, STATX_TYPE | STATX_SIZE, &file) < 0)
		return errno;
	if (!S_ISREG(file.stx_mode))
		return NOT_A_FILE;
	if (file.stx_size > FILE_MOST)
		return TOO_LARGE;
	/* Up to its end, not its size: in /proc that is 0. pread(), because read() is a function that we replace. */
	for (*length = 0; *length <= FILE_MOST;) {
		const ssize_t got = libc.pread(fd, text + *length, FILE_MOST + 1 - *length, (off_t)*length);
		if (got == 0)
			return NO_FAULT;
		if (got < 0 && errno != EINTR)
			return errno;
		if (got > 0)
			*length += (size_t)got;
	}
	return TOO_LARGE;
}

__attribute__((cold)) size_t rules_add_file(struct rules *rules, const char *path, rules_complain *complain, rules_set *set, void *context)
{
	/* Without O_NONBLOCK a FIFO would be waited for; a terminal must not become ours. */
	const int fd = libc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int fault = fd < 0 ? errno : NO_FAULT;
	char *text = NULL;
	size_t length = 0, mistakes = 1;
	if (!fault) {
		text = map(FILE_MOST + 1);
		fault = text ? read_all(fd, text, &length) : NO_MEMORY;
		libc.close(fd);
	}
	if (fault)
		tell_fault(path, fault, complain, context);
	else
		mistakes = add((struct reading){
			.rules = rules, .at = text, .end = text + length, .line_start = text, .line = 1,
			.origin = path, .complain = complain, .set = set, .context = context,
		});
	if (text)
		libc.munmap(text, FILE_MOST + 1);
	return mistakes;
}

/* ---- use --------------------------------------------------------------------------------------------------------- */

void rules_complete(struct rules *rules, const struct limits *otherwise)
{
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = &rules->all[i];
		for (enum limit limit = 0; limit < LIMIT_COUNT; limit++)
			if (!(rule->named & 1u << limit))
				limit_copy(&limits_of(rules)[i], otherwise, limit);
		rule->named = ALL_NAMED;
	}
}

const struct limits *rules_for_all(const struct rules *rules)
{
	return rules->last ? &limits_of(rules)[rules->last - 1] : NULL;
}

static struct key key_of(const struct destination *destination)
{
	struct key key = {.port = destination->port};
	switch (destination->kind) {
	case DESTINATION_UNKNOWN:
		break;
	case DESTINATION_IPV4:
	case DESTINATION_IPV6:
		key.kind = destination->kind == DESTINATION_IPV4 ? OF_IPV4 : OF_IPV6;
		take_address(key.address, destination->address);
		break;
	case DESTINATION_UNIX:
		key.kind = destination->abstract ? OF_ABSTRACT : OF_PATH;
		key.address[0] = hash(destination->path);
		break;
	}
	return key;
}

/** Not && and not in order of what it costs: few branches, and those always go the same way. */
static inline bool matches(const struct rule *rule, const struct key *key)
{
	const uint64_t differ = ((rule->address[0] ^ key->address[0]) & rule->mask[0]) |
	                        ((rule->address[1] ^ key->address[1]) & rule->mask[1]);
	return (differ == 0) & ((rule->kinds & key->kind) != 0) & (key->port >= rule->first) & (key->port <= rule->last);
}

/** Whether the name is the same and not only its hash. An abstract one may have NULs in it, and a rule's has none. */
static bool same_path(const struct rules *rules, size_t i, const struct destination *destination)
{
	return memcmp(paths_of(rules)[i].at, destination->path, sizeof destination->path) == 0;
}

const struct limits *rules_find(const struct rules *rules, const struct destination *destination, size_t *number)
{
	if (rules->count == 0)
		return NULL;
	const struct key key = key_of(destination);
	for (size_t i = 0; i < rules->count; i++) {
		if (!matches(&rules->all[i], &key))
			continue;
		if (destination->kind == DESTINATION_UNIX && !same_path(rules, i, destination))
			continue;
		if (number)
			*number = i + 1;
		return &limits_of(rules)[i];
	}
	return NULL;
}

size_t rules_idle_rate(const struct rules *rules, int64_t otherwise, bool *counts)
{
	size_t idle = 0;
	*counts = false;
	for (size_t i = 0; i < rules->count; i++) {
		const struct limits *limits = &limits_of(rules)[i];
		if (!rules->all[i].kinds)
			continue;
		if (limits->min_rate && limits->send_ms)
			*counts = true;
		else if (limits->min_rate && limits->min_rate != otherwise && !idle)
			idle = i + 1;
	}
	return idle;
}

static void shorten(int32_t *ms, int32_t other_ms)
{
	if (other_ms && (!*ms || other_ms < *ms))
		*ms = other_ms;
}

void rules_shorten(const struct rules *rules, struct limits *shortest)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct limits *limits = &limits_of(rules)[i];
		if (!rules->all[i].kinds)
			continue;
		shorten(&shortest->connect_ms, limits->connect_ms);
		shorten(&shortest->send_ms, limits->send_ms);
		shorten(&shortest->send_total_ms, limits->send_total_ms);
		shorten(&shortest->unacked_ms, limits->unacked_ms);
	}
}

bool rules_same(const struct rules *one, const struct rules *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++)
		if (one->all[i].kinds != other->all[i].kinds)
			return false;
	return true;
}

void rules_free(struct rules *rules)
{
	if (rules->room > 0)
		libc.munmap(rules->all, rules->room * ROOM_FOR_ONE);
	*rules = (struct rules){0};
}

bool rules_limit(const struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		if (rules->all[i].kinds && limits_any(&limits_of(rules)[i]))
			return true;
	return false;
}
