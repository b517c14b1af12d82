/* event_line.c
 * A line of -z oxcnotif,events: a JSON object
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/event_line.h"

#include "foreign_text.h"

#include <stdio.h>

/*
 * docs/events.schema.json describes the lines. Each is written when nothing later changes it any more, and bears the
 * time of its own frame: so lines are not in the order of time. The number goes up when a line loses a member or a
 * member changes its meaning.
 */
#define EVENTS_VERSION 1

json_dumper
oxc_event_begin(const char *event)
{
    json_dumper line = { .output_file = stdout };

    json_dumper_begin_object(&line);
    json_dumper_set_member_name(&line, "version");
    json_dumper_value_anyf(&line, "%d", EVENTS_VERSION);
    json_dumper_set_member_name(&line, "event");
    json_dumper_value_string(&line, event);
    return line;
}

void
oxc_event_end(json_dumper *line)
{
    json_dumper_end_object(line);
    json_dumper_finish(line);
    fflush(stdout);             /* of a live capture somebody reads along */
}

void
oxc_event_add_uint(json_dumper *line, const char *name, uint64_t value)
{
    json_dumper_set_member_name(line, name);
    json_dumper_value_anyf(line, "%" PRIu64, value);
}

void
oxc_event_add_known_uint(json_dumper *line, const char *name, uint64_t value)
{
    if (value != 0)
        oxc_event_add_uint(line, name, value);
}

void
oxc_event_add_text(json_dumper *line, const char *name, const char *value)
{
    const char *shown = value ? oxc_shown_text(NULL, value) : "";

    if (!*shown)
        return;
    json_dumper_set_member_name(line, name);
    json_dumper_value_string(line, shown);
    if (shown != value)
        wmem_free(NULL, (void *)shown);
}

void
oxc_event_add_bool(json_dumper *line, const char *name, bool value)
{
    json_dumper_set_member_name(line, name);
    json_dumper_value_anyf(line, "%s", value ? "true" : "false");
}

void
oxc_event_add_id(json_dumper *line, const char *name, uint64_t id)
{
    char text[19];

    if (id == 0)
        return;
    snprintf(text, sizeof text, "0x%016" PRIx64, id);
    oxc_event_add_text(line, name, text);
}

void
oxc_event_add_time(json_dumper *line, const char *name, const nstime_t *time)
{
    json_dumper_set_member_name(line, name);
    json_dumper_value_anyf(line, "%" PRId64 ".%09d", (int64_t)time->secs, time->nsecs);
}
