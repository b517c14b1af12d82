/* async_wait.c
 * EcDoAsyncWaitEx calls that lose their connection before they are answered
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/postdissector.h"
#include "rpc/async_wait.h"

#include <epan/conversation.h>
#include <epan/proto_data.h>

#include "notify/session_inference.h"
#include "tcp/tcp_close.h"

/*
 * A client keeps a wait outstanding for minutes, and boxes between it and the server end connections that are silent
 * for so long. DCE/RPC tells an interface nothing of the end of a connection, so this looks at every frame of a
 * connection with an open wait, behind all dissectors.
 */

/* Tells these wake-ups from others of the frame, which have the discriminators of calls. */
#define CUT_OFF_WAKEUP 0x40000000

typedef struct {
    uint8_t ends_seen; /* see oxc_tcp_ends_seen() */
    wmem_list_t *open; /* oxc_call_t, oldest first */
    wmem_map_t *where; /* oxc_call_t -> its place in open */
} connection_t;

static int proto_waits = -1;
static int proto_parent = -1;
static int ett_cut_off = -1;
static unsigned connections;

/* ---- the first visit ---- */

static connection_t *
find_connection(packet_info *pinfo)
{
    conversation_t *conversation;

    if (connections == 0 || pinfo->ptype != PT_TCP)
        return NULL;
    conversation = find_conversation_pinfo(pinfo, 0);
    return conversation ? (connection_t *)conversation_get_proto_data(conversation, proto_waits) : NULL;
}

void
oxc_async_wait_begins(packet_info *pinfo, oxc_call_t *wait)
{
    connection_t *connection;

    if (PINFO_FD_VISITED(pinfo) || pinfo->ptype != PT_TCP || pinfo->flags.in_error_pkt)
        return;
    connection = find_connection(pinfo);
    if (!connection) {
        connection = wmem_new0(wmem_file_scope(), connection_t);
        connection->ends_seen = oxc_tcp_ends_seen(pinfo);
        connection->open = wmem_list_new(wmem_file_scope());
        connection->where = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
        conversation_add_proto_data(find_or_create_conversation(pinfo), proto_waits, connection);
        connections++;
    }
    if (wmem_map_contains(connection->where, wait))
        return;
    wmem_list_append(connection->open, wait);
    wmem_map_insert(connection->where, wait, wmem_list_tail(connection->open));
}

void
oxc_async_wait_ends(packet_info *pinfo, oxc_call_t *wait)
{
    connection_t *connection;
    wmem_list_frame_t *place;

    if (PINFO_FD_VISITED(pinfo))
        return;
    connection = find_connection(pinfo);
    place = connection ? (wmem_list_frame_t *)wmem_map_remove(connection->where, wait) : NULL;
    if (place)
        wmem_list_remove_frame(connection->open, place);
}

/* The waits that this frame ends, with their connection. */
static wmem_list_t *
cut_off_here(packet_info *pinfo)
{
    connection_t *connection = find_connection(pinfo);
    wmem_list_t *lost;
    uint8_t ends;

    if (!connection)
        return NULL;
    ends = oxc_tcp_ends_seen(pinfo);
    if ((ends & ~connection->ends_seen) == 0)
        return NULL;
    connection->ends_seen = ends;
    if (wmem_list_count(connection->open) == 0)
        return NULL;
    lost = connection->open;
    connection->open = wmem_list_new(wmem_file_scope());
    connection->where = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
    p_add_proto_data(wmem_file_scope(), pinfo, proto_waits, 0, lost);
    return lost;
}

/* ---- every visit ---- */

static int
postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    wmem_list_t *lost;
    uint32_t which = CUT_OFF_WAKEUP;

    if (connections == 0 || pinfo->ptype != PT_TCP || pinfo->flags.in_error_pkt)
        return 0;
    lost = PINFO_FD_VISITED(pinfo) ? (wmem_list_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_waits, 0)
                                   : cut_off_here(pinfo);
    if (!lost)
        return 0;
    for (wmem_list_frame_t *at = wmem_list_head(lost); at; at = wmem_list_frame_next(at), which++) {
        const oxc_call_t *wait = (const oxc_call_t *)wmem_list_frame_data(at);
        proto_item *item = proto_tree_add_item(tree, proto_parent, tvb, 0, 0, ENC_NA);
        proto_tree *cut_off_tree;

        proto_item_set_generated(item);
        proto_item_append_text(item, ", EcDoAsyncWaitEx: the connection ends before the response");
        col_append_fstr(pinfo->cinfo, COL_INFO, " [EcDoAsyncWaitEx of frame %u cut off]", wait->request->frame);
        cut_off_tree = proto_item_add_subtree(item, ett_cut_off);
        if (wait->channel)
            oxc_notify_wakeup_through(tvb, pinfo, cut_off_tree, which, OXC_WAKEUP_ASYNC_WAIT, OXC_OUTCOME_CUT_OFF,
                                      wait->channel, wait->request);
        else
            oxc_notify_wakeup(tvb, pinfo, cut_off_tree, which, OXC_WAKEUP_ASYNC_WAIT, OXC_OUTCOME_CUT_OFF,
                              wait->session, wait->bound, wait->request);
    }
    return (int)tvb_captured_length(tvb);
}

static void
forget(void)
{
    connections = 0;
}

void
oxc_async_waits_handoff(void)
{
    oxc_postdissector_add(postdissect);
}

void
oxc_async_waits_register(int parent)
{
    static int *ett[] = {&ett_cut_off};

    proto_parent = parent;
    proto_waits = proto_register_protocol_in_name_only("Waits of Exchange RPC", "Exchange RPC waits",
                                                       "asyncemsmdb.waits", parent, FT_PROTOCOL);
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    register_init_routine(forget);
}
