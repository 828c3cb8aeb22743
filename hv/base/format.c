/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/base/format.h"

/* Where the text goes: what does not fit is dropped. */
struct sink {
	char *out;
	size_t len;
	size_t size;
};

/* One conversion, taken apart. */
struct spec {
	bool left;
	bool zero;
	int width;
	int precision; /* -1: none given */
	int longs;     /* 0: int, above: 64 bits */
};

static void put(struct sink *sink, char c)
{
	if (sink->len + 1 < sink->size)
		sink->out[sink->len++] = c;
}

static void put_field(struct sink *sink, const struct spec *spec, const char *text, size_t len)
{
	size_t width = spec->width > 0 ? (size_t)spec->width : 0;
	size_t fill = width > len ? width - len : 0;

	for (; !spec->left && fill > 0; fill--)
		put(sink, ' ');
	for (size_t i = 0; i < len; i++)
		put(sink, text[i]);
	for (; fill > 0; fill--)
		put(sink, ' ');
}

static void put_number(struct sink *sink, const struct spec *spec, u64 value, unsigned int base,
                       bool negative)
{
	char text[72];
	size_t at = sizeof(text);
	size_t zeros = spec->zero && !spec->left && spec->width > 0 ? (size_t)spec->width : 1;

	zeros = zeros > sizeof(text) - 1 ? sizeof(text) - 1 : zeros;
	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (sizeof(text) - at + (negative ? 1 : 0) < zeros)
		text[--at] = '0';
	if (negative)
		text[--at] = '-';
	put_field(sink, spec, text + at, sizeof(text) - at);
}

static void put_string(struct sink *sink, const struct spec *spec, const char *text)
{
	size_t len = 0;

	if (text == NULL)
		text = "(null)";
	while ((spec->precision < 0 || len < (size_t)spec->precision) && text[len] != '\0')
		len++;
	put_field(sink, spec, text, len);
}

static const char *parse_number(const char *fmt, int *value)
{
	*value = 0;
	for (; *fmt >= '0' && *fmt <= '9' && *value < 1000; fmt++)
		*value = *value * 10 + (*fmt - '0');
	return fmt;
}

/* What stands between the % and the letter; returns the letter's place. */
static const char *parse_spec(const char *fmt, struct spec *spec, va_list *args)
{
	*spec = (struct spec){ .precision = -1 };
	for (; *fmt == '-' || *fmt == '0'; fmt++) {
		spec->left |= *fmt == '-';
		spec->zero |= *fmt == '0';
	}
	if (*fmt == '*') {
		spec->width = va_arg(*args, int);
		fmt++;
	} else {
		fmt = parse_number(fmt, &spec->width);
	}
	if (*fmt == '.' && fmt[1] == '*') {
		spec->precision = va_arg(*args, int);
		fmt += 2;
	} else if (*fmt == '.') {
		fmt = parse_number(fmt + 1, &spec->precision);
	}
	for (; *fmt == 'l' || *fmt == 'z'; fmt++)
		spec->longs++;
	return fmt;
}

static u64 next_unsigned(const struct spec *spec, va_list *args)
{
	return spec->longs > 0 ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int);
}

static void put_signed(struct sink *sink, const struct spec *spec, va_list *args)
{
	s64 value = spec->longs > 0 ? va_arg(*args, long) : va_arg(*args, int);

	put_number(sink, spec, value < 0 ? -(u64)value : (u64)value, 10, value < 0);
}

static void put_conversion(struct sink *sink, const struct spec *spec, char letter, va_list *args)
{
	switch (letter) {
	case 'd':
	case 'i':
		put_signed(sink, spec, args);
		break;
	case 'u':
		put_number(sink, spec, next_unsigned(spec, args), 10, false);
		break;
	case 'x':
	case 'X':
		put_number(sink, spec, next_unsigned(spec, args), 16, false);
		break;
	case 'p':
		put_number(sink, spec, (u64)(uintptr_t)va_arg(*args, void *), 16, false);
		break;
	case 'c':
		put_field(sink, spec, (char[]){ (char)va_arg(*args, int) }, 1);
		break;
	case 's':
		put_string(sink, spec, va_arg(*args, const char *));
		break;
	case '%':
		put(sink, '%');
		break;
	default:
		put(sink, '%');
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
