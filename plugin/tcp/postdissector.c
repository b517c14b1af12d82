/* postdissector.c
 * What looks at a frame after all dissectors have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/postdissector.h"

#include "registration.h"

#define MAX_WATCHERS 8          /* one for each transport */

static dissector_t watchers[MAX_WATCHERS];
static unsigned watcher_count;
static bool expected;

void
oxc_postdissector_add(dissector_t fn)
{
    DISSECTOR_ASSERT(watcher_count < MAX_WATCHERS);
    watchers[watcher_count++] = fn;
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

static void
forget(void)
{
    expected = false;
}

static int
postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    for (unsigned i = 0; i < watcher_count; i++)
        watchers[i](tvb, pinfo, tree, data);
    return (int)tvb_captured_length(tvb);
}

void
proto_register_oxc_postdissector(void)
{
    register_postdissector(create_dissector_handle(postdissect, proto_get_id_by_filter_name("oxcnotif")));
    register_init_routine(forget);
}
