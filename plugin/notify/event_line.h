/* event_line.h
 * A line of -z oxcnotif,events: a JSON object
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_EVENT_LINE_H
#define OXCNOTIF_EVENT_LINE_H

#include "compat.h"

#include <wsutil/json_dumper.h>

/* Begins a line on standard output, with the members version and event (a constant text), and ends it. */
json_dumper oxc_event_begin(const char *event);
void oxc_event_end(json_dumper *line);

void oxc_event_add_uint(json_dumper *line, const char *name, uint64_t value);
void oxc_event_add_bool(json_dumper *line, const char *name, bool value);

/* Left out where nobody knows it: 0, NULL, or an empty text. */
void oxc_event_add_known_uint(json_dumper *line, const char *name, uint64_t value);
void oxc_event_add_text(json_dumper *line, const char *name, const char *value);

/* Identifiers have 64 bits, which JSON's readers do not keep: as text, in the plugin's own form. Left out if 0. */
void oxc_event_add_id(json_dumper *line, const char *name, uint64_t id);

/* Seconds, with nine decimals. */
void oxc_event_add_time(json_dumper *line, const char *name, const nstime_t *time);

#endif /* OXCNOTIF_EVENT_LINE_H */
