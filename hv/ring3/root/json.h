/* SPDX-License-Identifier: MIT */
/* JSON (RFC 8259), as far as telemetry needs it: writing lines, judging lines of others. Pure. */
#ifndef HV_ROOT_JSON_H
#define HV_ROOT_JSON_H

#include "hv/ring3/rt/out.h"

/* A string with its quotes; all but printable ASCII is escaped, byte by byte. */
void json_string(struct out *out, const char *text, size_t n);

/* One object on one line: json_begin, members, json_end. */
void json_begin(struct out *out, const char *type);
void json_text(struct out *out, const char *name, const char *value);
void json_number(struct out *out, const char *name, u64 value);
void json_bool(struct out *out, const char *name, bool value);
void json_end(struct out *out);

/*
 * Is the text exactly one JSON object, without a member of that name (nor one whose name hides
 * behind an escape), in printable ASCII? Nesting is followed down to JSON_DEPTH.
 */
#define JSON_DEPTH 16u
MUST_USE bool json_is_object(const char *text, size_t n, const char *without);

#endif
