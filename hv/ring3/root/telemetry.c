/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/telemetry.h"

#include "hv/base/string.h"
#include "hv/ring3/root/json.h"

static void forward_object(struct telemetry *t, const char *name, const char *text, u32 n)
{
	u32 brace = 0;

	while (text[brace] != '{')
		brace++;
	out_text(t->out, "{\"vm\":");
	json_string(t->out, name, strlen(name));
	brace++;
	while (text[brace] == ' ' || text[brace] == '\t')
		brace++;
	if (text[brace] != '}')
		out_text(t->out, ",");
	t->out->put(t->out, text + brace, n - brace);
	out_text(t->out, "\n");
}

static void forward_text(struct telemetry *t, const char *name, const char *text, u32 n)
{
	json_begin(t->out, "text");
	json_text(t->out, "vm", name);
	out_text(t->out, ",\"line\":");
	json_string(t->out, text, n);
	json_end(t->out);
}

void telemetry_flush_vm(struct telemetry *t, u32 vm, const char *name)
{
	struct telemetry_line *line = &t->line[vm];

	if (line->length == 0)
		return;
	if (json_is_object(line->text, line->length, "vm"))
		forward_object(t, name, line->text, line->length);
	else
		forward_text(t, name, line->text, line->length);
	line->length = 0;
}

void telemetry_vm(struct telemetry *t, u32 vm, const char *name, const u8 *bytes, u32 n)
{
	struct telemetry_line *line = &t->line[vm];

	for (u32 i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			telemetry_flush_vm(t, vm, name);
		} else if (bytes[i] != '\r') {
			line->text[line->length++] = (char)bytes[i];
			if (line->length == TELEMETRY_LINE)
				telemetry_flush_vm(t, vm, name);
		}
	}
}
