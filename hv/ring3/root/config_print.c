/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/config.h"

#include "hv/base/string.h"

#define SHOWN  92u /* of a long line, around the mistake */
#define BEFORE 40u

static const char *line_text(const struct root_info *info, u32 line)
{
	return line == CONFIG_COMMAND_LINE ? info->command_line : info->module[line].string;
}

/* The part of the line around the mistake, and the caret below it. */
static void print_line(const struct config_error *e, const char *line, struct out *out)
{
	u32 from = e->column > 2 * BEFORE ? e->column - BEFORE : 0;
	size_t length = MIN(strlen(line) - from, SHOWN);

	out_text(out, from > 0 ? "    ..." : "    ");
	out->put(out, line + from, length);
	out_text(out, "\n    ");
	out_repeat(out, ' ', e->column - from + (from > 0 ? 3 : 0));
	out_text(out, "^");
	out_repeat(out, '~', e->length > 1 ? MIN(e->length - 1, SHOWN) : 0);
	out_text(out, "\n");
}

static void print_error(const struct config_error *e, const struct root_info *info, struct out *out)
{
	if (e->line == CONFIG_NO_LINE)
		out_text(out, "  in grub.cfg: ");
	else if (e->line == CONFIG_COMMAND_LINE)
		out_text(out, "  on the line multiboot2: ");
	else
		out_print(out, "  on the line module2, number %u: ", e->line + 1);
	out_print(out, "%s\n", e->text);
	if (e->line != CONFIG_NO_LINE)
		print_line(e, line_text(info, e->line), out);
}

void config_print_errors(const struct config *config, const struct root_info *info, struct out *out)
{
	u32 kept = MIN(config->errors, CONFIG_ERRORS);

	out_print(out, "grub.cfg has %u mistake%s; no VM is started\n", config->errors,
	          config->errors == 1 ? "" : "s");
	for (u32 i = 0; i < kept; i++)
		print_error(&config->error[i], info, out);
	if (config->errors > kept)
		out_print(out, "  and %u more\n", config->errors - kept);
}
