/* postdissector.c
 * What looks at a frame after all dissectors have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/postdissector.h"

#include "registration.h"

#include <epan/exceptions.h>

#include "tcp/connection.h"
#include "tcp/segment.h"

#define MAX_WATCHERS 8          /* one for each transport */

static struct {
    const oxc_watcher_t *watcher;
    protocol_t *protocol;
} watchers[MAX_WATCHERS];                       /* all */
static unsigned watcher_count;
static const oxc_watcher_t *active[MAX_WATCHERS];       /* those whose protocol is enabled */
static unsigned active_count;
static void (*each)(const packet_info *pinfo);
static protocol_t *each_protocol;
static bool each_active;
static protocol_t *called_by;                   /* in whose name Wireshark is to call; NULL before any file */
static const char *called_name;                 /* as pinfo->current_proto has it */
static protocol_t *known[MAX_WATCHERS + 1];     /* in whose names it was registered so far */
static unsigned known_count;
static bool expected;

void
oxc_postdissector_add(const oxc_watcher_t *watcher, int proto)
{
    DISSECTOR_ASSERT(watcher_count < MAX_WATCHERS);
    watchers[watcher_count].watcher = watcher;
    watchers[watcher_count++].protocol = find_protocol_by_id(proto);
}

void
oxc_postdissector_each(void (*fn)(const packet_info *pinfo), int proto)
{
    each = fn;
    each_protocol = find_protocol_by_id(proto);
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

/* The first from number i on that has something to do. Those before it may have changed that. */
static unsigned
next_wanting(unsigned i, tvbuff_t *frame, packet_info *pinfo)
{
    while (i < active_count && (active[i]->of != pinfo->ptype || !active[i]->wants(frame, pinfo)))
        i++;
    return i;
}

static void
look_from(unsigned first, tvbuff_t *frame, packet_info *pinfo, proto_tree *tree)
{
    for (unsigned i = first; i < active_count; i = next_wanting(i + 1, frame, pinfo))
        active[i]->look(frame, pinfo, tree);
}

/* Whatever happens, what is known of this frame is not taken for another one's. */
static void
look_safely(unsigned first, tvbuff_t *frame, packet_info *pinfo, proto_tree *tree)
{
    TRY {
        look_from(first, frame, pinfo, tree);
    }
    FINALLY {
        oxc_segment_end();
    }
    ENDTRY;
}

static int
postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    unsigned first;

    /* Another one of our names, in which it was called for an earlier file. */
    if (pinfo->current_proto != called_name)
        return 0;
    if (each_active)
        each(pinfo);
    if (pinfo->ptype == PT_TCP)
        oxc_segment_begin(pinfo);
    first = next_wanting(0, tvb, pinfo);
    if (first < active_count)
        look_safely(first, tvb, pinfo, tree);
    else
        oxc_segment_end();
    return 1;                   /* it was there, which costs less than to be taken for one that was not */
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
    each_active = each && proto_is_protocol_enabled(each_protocol);
    active_count = 0;
    for (unsigned i = 0; i < watcher_count; i++) {
        if (!proto_is_protocol_enabled(watchers[i].protocol))
            continue;
        if (!first)
            first = watchers[i].protocol;
        active[active_count++] = watchers[i].watcher;
    }
    if (!first)
        return;
    called_by = first;
    called_name = proto_get_protocol_short_name(first);
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
    oxc_connection_register();
}
