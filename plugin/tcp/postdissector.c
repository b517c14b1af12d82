/* postdissector.c
 * What looks at a frame after all dissectors have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/postdissector.h"

#include "registration.h"

#include <epan/exceptions.h>

#include "tcp/segment.h"

#define MAX_WATCHERS 8          /* one for each transport */

typedef struct {
    dissector_t fn;
    protocol_t *protocol;
} watcher_t;

static watcher_t watchers[MAX_WATCHERS];        /* all */
static unsigned watcher_count;
static dissector_t active[MAX_WATCHERS];        /* those whose protocol is enabled */
static unsigned active_count;
static protocol_t *called_by;                   /* in whose name Wireshark is to call; NULL before any file */
static protocol_t *known[MAX_WATCHERS + 1];     /* in whose names it was registered so far */
static unsigned known_count;
static bool expected;

void
oxc_postdissector_add(dissector_t fn, int proto)
{
    DISSECTOR_ASSERT(watcher_count < MAX_WATCHERS);
    watchers[watcher_count].fn = fn;
    watchers[watcher_count++].protocol = find_protocol_by_id(proto);
}

void
oxc_postdissector_expect(void)
{
    expected = true;
}

bool
oxc_postdissector_expected(void)
{
    return expected;
}

static int
postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    /* Another one of our names, in which it was called for an earlier file. */
    if (pinfo->current_proto != proto_get_protocol_short_name(called_by))
        return 0;
    oxc_segment_begin(pinfo);
    TRY {
        for (unsigned i = 0; i < active_count; i++)
            active[i](tvb, pinfo, tree, data);
    }
    FINALLY {
        oxc_segment_end();
    }
    ENDTRY;
    return (int)tvb_captured_length(tvb);
}

int
oxc_postdissector_layer(void)
{
    return called_by ? proto_get_id(called_by) : -1;
}

/*
 * Wireshark calls a post-dissector in the name of a protocol, and not when that is disabled. Who disables one of ours
 * means that one alone, so the name is oxcnotif's or that of the first that is enabled. Protocols change only between
 * two readings of a file. No release exports how a post-dissector is taken back.
 */
static void
begin_file(void)
{
    protocol_t *first = find_protocol_by_id(proto_get_id_by_filter_name("oxcnotif"));

    if (!proto_is_protocol_enabled(first))
        first = NULL;
    expected = false;
    active_count = 0;
    for (unsigned i = 0; i < watcher_count; i++) {
        if (!proto_is_protocol_enabled(watchers[i].protocol))
            continue;
        if (!first)
            first = watchers[i].protocol;
        active[active_count++] = watchers[i].fn;
    }
    if (!first)
        return;
    called_by = first;
    for (unsigned i = 0; i < known_count; i++)
        if (known[i] == first)
            return;
    known[known_count++] = first;
    register_postdissector(create_dissector_handle(postdissect, proto_get_id(first)));
}

void
proto_register_oxc_postdissector(void)
{
    register_init_routine(begin_file);
    oxc_segment_register();
}
