/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/serial.h"
#include "guest-tools/lib/string.h"
#include "hv/base/bits.h"

/* Where characters go: a port, or a buffer when size is not 0. */
struct sink {
	enum serial_port port;
	char *buffer;
	size_t size;
	size_t length;
};

struct conversion {
	bool left;
	bool zero;
	bool is_long;
	unsigned int width;
};

static void sink_put(struct sink *sink, char c)
{
	if (sink->buffer == NULL)
		serial_put(sink->port, c);
	else if (sink->length + 1 < sink->size)
		sink->buffer[sink->length] = c;
	sink->length++;
}

static void sink_pad(struct sink *sink, char c, size_t length, unsigned int width)
{
	for (; length < width; length++)
		sink_put(sink, c);
}

static void put_text(struct sink *sink, const struct conversion *cv, const char *s, size_t length)
{
	if (!cv->left)
		sink_pad(sink, ' ', length, cv->width);
	for (size_t i = 0; i < length; i++)
		sink_put(sink, s[i]);
	if (cv->left)
		sink_pad(sink, ' ', length, cv->width);
}

static void put_number(struct sink *sink, const struct conversion *cv, u64 value, bool negative,
                       unsigned int base)
{
	char digits[24];
	size_t start = sizeof(digits);

	do {
		digits[--start] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (cv->zero && !cv->left && sizeof(digits) - start < cv->width && start > 1)
		digits[--start] = '0';
	if (negative)
		digits[--start] = '-';
	put_text(sink, cv, digits + start, sizeof(digits) - start);
}

static const char *parse_conversion(const char *f, struct conversion *cv)
{
	*cv = (struct conversion){ 0 };
	for (; *f == '-' || *f == '0'; f++) {
		cv->left |= *f == '-';
		cv->zero |= *f == '0';
	}
	for (; *f >= '0' && *f <= '9'; f++)
		cv->width = cv->width * 10 + (unsigned int)(*f - '0');
	for (; *f == 'l' || *f == 'z'; f++)
		cv->is_long = true;
	return f;
}

/* The arguments travel by pointer, for they are consumed here and go on in the caller. */
struct arguments {
	va_list list;
};

static void put_conversion(struct sink *sink, const struct conversion *cv, char kind,
                           struct arguments *args)
{
	const char *text;
	s64 number;
	char c;

	switch (kind) {
	case 's':
		text = va_arg(args->list, const char *);
		put_text(sink, cv, text, strlen(text));
		break;
	case 'c':
		c = (char)va_arg(args->list, int);
		put_text(sink, cv, &c, 1);
		break;
	case 'd':
		number = cv->is_long ? va_arg(args->list, s64) : va_arg(args->list, int);
		put_number(sink, cv, number < 0 ? -(u64)number : (u64)number, number < 0, 10);
		break;
	case 'u':
	case 'x':
		put_number(sink, cv,
		           cv->is_long ? va_arg(args->list, u64) : va_arg(args->list, u32), false,
		           kind == 'u' ? 10 : 16);
		break;
	case 'p':
		put_number(sink, cv, (u64)va_arg(args->list, void *), false, 16);
		break;
	default:
		sink_put(sink, kind);
		break;
	}
}

static void format_to(struct sink *sink, const char *format, va_list list)
{
	struct arguments args;
	struct conversion cv;

	va_copy(args.list, list);
	for (const char *f = format; *f != '\0'; f++) {
		if (*f != '%') {
			sink_put(sink, *f);
			continue;
		}
		f = parse_conversion(f + 1, &cv);
		put_conversion(sink, &cv, *f, &args);
	}
	va_end(args.list);
}

void print_args(const char *format, va_list args)
{
	struct sink sink = { .port = SERIAL_CONSOLE };

	format_to(&sink, format, args);
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_args(format, args);
	va_end(args);
}

void print_machine(const char *format, ...)
{
	struct sink sink = { .port = SERIAL_MACHINE };
	va_list args;

	va_start(args, format);
	format_to(&sink, format, args);
	va_end(args);
}

size_t print_to(char *buffer, size_t size, const char *format, ...)
{
	struct sink sink = { .buffer = buffer, .size = size };
	va_list args;

	va_start(args, format);
	format_to(&sink, format, args);
	va_end(args);
	buffer[MIN(sink.length, size - 1)] = '\0';
	return sink.length;
}
