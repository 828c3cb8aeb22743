/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/base/format.h"

/* The buffer that gets the text: what does not fit is dropped. */
struct sink {
	char *out;
	size_t len;
	size_t size;
};

/* One conversion, taken apart. */
struct spec {
	bool left;
	bool zero;
	bool wide; /* 64 bits */
	size_t width;
	size_t longest; /* of a string */
};

static void put(struct sink *sink, char c)
{
	if (sink->len + 1 < sink->size)
		sink->out[sink->len++] = c;
}

static void put_field(struct sink *sink, const struct spec *spec, const char *text, size_t len)
{
	size_t fill = spec->width > len ? spec->width - len : 0;

	for (; !spec->left && fill > 0; fill--)
		put(sink, ' ');
	for (; len > 0; len--)
		put(sink, *text++);
	for (; fill > 0; fill--)
		put(sink, ' ');
}

static void put_number(struct sink *sink, const struct spec *spec, u64 value, u64 base, bool minus)
{
	char text[24];
	char *at = text + sizeof(text);

	do {
		*--at = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (spec->zero && (size_t)(text + sizeof(text) - at) + minus < spec->width &&
	       at > text + 1)
		*--at = '0';
	if (minus)
		*--at = '-';
	put_field(sink, spec, at, (size_t)(text + sizeof(text) - at));
}

static void put_string(struct sink *sink, const struct spec *spec, const char *text)
{
	size_t len = 0;

	text = text != NULL ? text : "(null)";
	while (len < spec->longest && text[len] != '\0')
		len++;
	put_field(sink, spec, text, len);
}

/* Parses flags and width between the % and the letter; returns the letter's place. */
static const char *parse_spec(const char *fmt, struct spec *spec, va_list *args)
{
	*spec = (struct spec){ .longest = SIZE_MAX };
	for (; *fmt == '-' || *fmt == '0'; fmt++) {
		spec->left |= *fmt == '-';
		spec->zero |= *fmt == '0';
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		spec->width = spec->width * 10 + (size_t)(*fmt - '0');
	if (fmt[0] == '.' && fmt[1] == '*') {
		spec->longest = (size_t)va_arg(*args, int);
		fmt += 2;
	}
	for (; *fmt == 'l' || *fmt == 'z'; fmt++)
		spec->wide = true;
	return fmt;
}

static void put_conversion(struct sink *sink, const struct spec *spec, char letter, va_list *args)
{
	s64 number;

	switch (letter) {
	case 'd':
		number = spec->wide ? va_arg(*args, long) : va_arg(*args, int);
		put_number(sink, spec, number < 0 ? -(u64)number : (u64)number, 10, number < 0);
		break;
	case 'u':
	case 'x':
		put_number(sink, spec,
		           spec->wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int),
		           letter == 'u' ? 10 : 16, false);
		break;
	case 'p':
		put_number(sink, spec, (uintptr_t)va_arg(*args, void *), 16, false);
		break;
	case 'c':
		put_field(sink, spec, (char[]){ (char)va_arg(*args, int) }, 1);
		break;
	case 's':
		put_string(sink, spec, va_arg(*args, const char *));
		break;
	default:
		put(sink, '%');
		if (letter != '%')
			put(sink, letter);
	}
}

size_t format_va(char *out, size_t size, const char *fmt, va_list args)
{
	struct sink sink = { .out = out, .size = size };
	struct spec spec;
	va_list rest;

	va_copy(rest, args); /* a va_list parameter cannot be passed on by address */
	for (; *fmt != '\0'; fmt++) {
		if (*fmt != '%') {
			put(&sink, *fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &spec, &rest);
		if (*fmt == '\0')
			break;
		put_conversion(&sink, &spec, *fmt, &rest);
	}
	va_end(rest);
	out[sink.len] = '\0';
	return sink.len;
}

size_t format(char *out, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = format_va(out, size, fmt, args);
	va_end(args);
	return len;
}
