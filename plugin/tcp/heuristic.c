/* heuristic.c
 * Heuristic dissectors that take little of who asks them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/heuristic.h"

#define MAX_HEURISTICS 8

static oxc_heuristic_t *heuristics[MAX_HEURISTICS];     /* all */
static unsigned count;

bool oxc_heuristic_found;

void
oxc_heuristic_add(oxc_heuristic_t *heuristic, const char *list, heur_dissector_t asked, const char *display_name,
                  const char *name, int proto)
{
    DISSECTOR_ASSERT(count < MAX_HEURISTICS);
    heur_dissector_add(list, asked, display_name, name, proto, HEURISTIC_ENABLE);
    heuristic->entry = find_heur_dissector_by_unique_short_name(name);
    heuristic->protocol = find_protocol_by_id(proto);
    heuristic->handle = create_dissector_handle(heuristic->dissect, proto);
    heuristics[count++] = heuristic;
}

/*
 * Who was asked puts the protocol into its entry, so that Wireshark goes on as with any other: it takes the layer away if
 * nothing was shown, and exports PDUs.
 */
ws_bool
oxc_heuristic_dissect(oxc_heuristic_t *heuristic, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (heuristic->entry->protocol)
        return heuristic->dissect(tvb, pinfo, tree, data) != 0;
    heuristic->entry->protocol = heuristic->protocol;
    oxc_heuristic_found = true;
    pinfo->can_desegment = pinfo->saved_can_desegment;          /* as if Wireshark had called it, not we */
    return call_dissector_only(heuristic->handle, tvb, pinfo, tree, data) != 0;
}

void
oxc_heuristic_end_frame(void)
{
    for (unsigned i = 0; i < count; i++)
        heuristics[i]->entry->protocol = NULL;
    oxc_heuristic_found = false;
}

/* Who enables or disables something reads the file anew. */
static void
begin_file(void)
{
    for (unsigned i = 0; i < count; i++)
        heuristics[i]->enabled = heuristics[i]->entry->enabled && proto_is_protocol_enabled(heuristics[i]->protocol);
    oxc_heuristic_end_frame();
}

/* Who lists the tables finds them as they were registered. */
static void
end_file(void)
{
    for (unsigned i = 0; i < count; i++)
        heuristics[i]->entry->protocol = heuristics[i]->protocol;
}

void
oxc_heuristic_register(void)
{
    register_init_routine(begin_file);
    register_cleanup_routine(end_file);
}
