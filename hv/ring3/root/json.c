/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/json.h"

void json_string(struct out *out, const char *text, size_t n)
{
	out_text(out, "\"");
	for (size_t i = 0; i < n; i++) {
		u8 c = (u8)text[i];

		if (c == '"' || c == '\\')
			out_print(out, "\\%c", c);
		else if (c < ' ' || c > '~')
			out_print(out, "\\u%04x", c);
		else
			out->put(out, &text[i], 1);
	}
	out_text(out, "\"");
}

void json_begin(struct out *out, const char *type)
{
	out_print(out, "{\"type\":\"%s\"", type);
}

void json_text(struct out *out, const char *name, const char *value)
{
	size_t n = 0;

	while (value[n] != 0)
		n++;
	out_print(out, ",\"%s\":", name);
	json_string(out, value, n);
}

void json_number(struct out *out, const char *name, u64 value)
{
	out_print(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

void json_bool(struct out *out, const char *name, bool value)
{
	out_print(out, ",\"%s\":%s", name, value ? "true" : "false");
}

void json_end(struct out *out)
{
	out_text(out, "}\n");
}
