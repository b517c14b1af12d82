/* async_wait.c
 * Calls, EcDoAsyncWaitEx above all, that lose their connection before they are answered
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/postdissector.h"
#include "rpc/async_wait.h"

#include <epan/conversation.h>
#include <epan/expert.h>
#include <epan/proto_data.h>

#include "session/event.h"
#include "tcp/segment.h"
#include "tcp/connection.h"

/*
 * A client keeps a wait outstanding for minutes, and boxes between it and the server end connections that are silent
 * for so long. DCE/RPC tells an interface nothing of the end of a connection, so this looks at every frame of a
 * connection with an open wait, behind all dissectors.
 */

/* Tells these wake-ups from others of the frame, which have the discriminators of calls. */
#define CUT_OFF_WAKEUP 0x40000000

/* Keys of what is remembered with a frame that ended a connection. */
#define LOST_WAITS_KEY 0
#define CLOSED_BY_KEY 1

/* Most connections have one wait open at a time: only what is more than that takes a list and a map. */
typedef struct {
    oxc_call_t *wait;  /* the oldest that is open; NULL for none */
    wmem_list_t *more; /* the others, oldest first; NULL while there were none */
    wmem_map_t *where; /* oxc_call_t -> its place in more; the same */
    oxc_call_t *fetch; /* the latest request of another call; it may be answered; NULL for none */
} connection_t;

static int proto_parent = -1;
static int proto_emsmdb = -1;
static int ett_cut_off = -1;
static expert_field ei_cut_off = EI_INIT;
static unsigned connections;
static unsigned ends;           /* frames in the file that ended one with open calls */

/* ---- the first visit ---- */

static connection_t *
find_connection(packet_info *pinfo)
{
    conversation_t *conversation;

    if (connections == 0 || pinfo->ptype != PT_TCP)
        return NULL;
    conversation = oxc_segment_conversation(pinfo);
    return conversation ? (connection_t *)conversation_get_proto_data(conversation, proto_parent) : NULL;
}

/* The connection of a call's request; NULL if that is nothing to remember. */
static connection_t *
get_connection(packet_info *pinfo, oxc_call_t *call)
{
    connection_t *connection;

    if (PINFO_FD_VISITED(pinfo) || pinfo->ptype != PT_TCP || pinfo->flags.in_error_pkt)
        return NULL;
    connection = find_connection(pinfo);
    if (!connection) {
        connection = wmem_new0(wmem_file_scope(), connection_t);
        conversation_add_proto_data(find_or_create_conversation(pinfo), proto_parent, connection);
        connections++;
        oxc_postdissector_expect(OXC_FRAME_CALL);
    }
    call->gap = oxc_connection_request(pinfo);
    return connection;
}

void
oxc_async_other_call_begins(packet_info *pinfo, oxc_call_t *call)
{
    connection_t *connection = get_connection(pinfo, call);

    if (connection)
        connection->fetch = call;
}

static void
add_more(connection_t *connection, oxc_call_t *wait)
{
    if (!connection->more) {
        connection->more = wmem_list_new(wmem_file_scope());
        connection->where = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
    }
    if (wmem_map_contains(connection->where, wait))
        return;
    wmem_list_append(connection->more, wait);
    wmem_map_insert(connection->where, wait, wmem_list_tail(connection->more));
}

static void
remove_more(connection_t *connection, oxc_call_t *wait)
{
    wmem_list_frame_t *place =
        connection->more ? (wmem_list_frame_t *)wmem_map_remove(connection->where, wait) : NULL;

    if (place)
        wmem_list_remove_frame(connection->more, place);
}

/* The oldest of the others becomes the one that is kept by itself. */
static void
move_up(connection_t *connection)
{
    wmem_list_frame_t *oldest = connection->more ? wmem_list_head(connection->more) : NULL;

    connection->wait = oldest ? (oxc_call_t *)wmem_list_frame_data(oldest) : NULL;
    if (oldest)
        remove_more(connection, connection->wait);
}

void
oxc_async_wait_begins(packet_info *pinfo, oxc_call_t *wait)
{
    connection_t *connection = get_connection(pinfo, wait);

    if (!connection)
        return;
    if (!connection->wait)
        connection->wait = wait;
    else if (connection->wait != wait)
        add_more(connection, wait);
}

void
oxc_async_wait_ends(packet_info *pinfo, oxc_call_t *wait)
{
    connection_t *connection = PINFO_FD_VISITED(pinfo) ? NULL : find_connection(pinfo);

    if (!connection)
        return;
    if (connection->wait == wait)
        move_up(connection);
    else
        remove_more(connection, wait);
}

static void
note_closed_by(packet_info *pinfo, oxc_closed_by_t closed_by)
{
    p_add_proto_data(wmem_file_scope(), pinfo, proto_parent, CLOSED_BY_KEY, GUINT_TO_POINTER(closed_by));
}

/*
 * The calls that were open, and from now on are not; NULL for none. Behind a Disconnect nobody waits for an answer. A
 * connection carries one call besides its waits at a time (C706 9.3): a client with more of them opens more connections.
 */
static void
take_open_calls(packet_info *pinfo, connection_t *connection)
{
    wmem_list_t *lost = NULL;
    oxc_call_t *fetch = connection->fetch;

    connection->fetch = NULL;
    if (fetch && !fetch->response && !fetch->failure && !oxc_call_misses_answer(fetch) &&
        !(fetch->session && fetch->session->end)) {
        oxc_listener->call_failed(pinfo, fetch, OXC_FAILURE_CUT_OFF);
        lost = wmem_list_new(wmem_file_scope());
        wmem_list_append(lost, fetch);
    }
    while (connection->wait) {
        if (!oxc_call_misses_answer(connection->wait) &&
            !(connection->wait->session && oxc_session_is_left(connection->wait->session))) {
            if (!lost)
                lost = wmem_list_new(wmem_file_scope());
            wmem_list_append(lost, connection->wait);
        }
        move_up(connection);
    }
    if (!lost)
        return;
    p_add_proto_data(wmem_file_scope(), pinfo, proto_parent, LOST_WAITS_KEY, lost);
    ends++;
}

/* Another connection has the ports now: nothing comes on this one any more. */
static void
forget_connection(packet_info *pinfo, const conversation_t *conversation)
{
    connection_t *connection = (connection_t *)conversation_get_proto_data(conversation, proto_parent);

    if (!connection)
        return;
    if (connection->fetch && !connection->fetch->response)
        oxc_listener->call_forgotten(pinfo, connection->fetch);
    if (connection->wait)
        oxc_listener->call_forgotten(pinfo, connection->wait);
    for (wmem_list_frame_t *at = connection->more ? wmem_list_head(connection->more) : NULL; at; at = wmem_list_frame_next(at))
        oxc_listener->call_forgotten(pinfo, (oxc_call_t *)wmem_list_frame_data(at));
}

/* The TCP connection of this frame: does it end here? */
static void
note_end_of_tcp(packet_info *pinfo)
{
    const conversation_t *before = connections > 0 ? oxc_connection_before(pinfo) : NULL;
    connection_t *connection = find_connection(pinfo);
    bool ends_now = connection && oxc_connection_ends_now(pinfo);

    if (before)
        forget_connection(pinfo, before);
    if (connection && oxc_connection_bytes_missing())
        oxc_connection_tell_missing_call(pinfo);
    if (!ends_now)
        return;
    take_open_calls(pinfo, connection);
    note_closed_by(pinfo, oxc_connection_closer(pinfo));
}

/* ---- every visit ---- */

static wmem_list_t *
lost_in(packet_info *pinfo)
{
    return ends == 0 ? NULL : (wmem_list_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_parent, LOST_WAITS_KEY);
}

static void
show_lost_waits(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    wmem_list_t *lost = lost_in(pinfo);
    oxc_closed_by_t closed_by;
    uint32_t which = CUT_OFF_WAKEUP;

    if (!lost)
        return;
    closed_by = (oxc_closed_by_t)GPOINTER_TO_UINT(p_get_proto_data(wmem_file_scope(), pinfo, proto_parent, CLOSED_BY_KEY));
    for (wmem_list_frame_t *at = wmem_list_head(lost); at; at = wmem_list_frame_next(at), which++) {
        const oxc_call_t *wait = (const oxc_call_t *)wmem_list_frame_data(at);
        const char *name = wait->kind == OXC_CALL_WAIT ? "EcDoAsyncWaitEx" : wait->name ? wait->name : "call";
        bool is_wait = wait->kind == OXC_CALL_WAIT;
        proto_item *item;

        /* The client had nothing more to send, and the answer came. */
        if (PINFO_FD_VISITED(pinfo) && wait->response)
            continue;
        item = proto_tree_add_item(tree, is_wait ? proto_parent : proto_emsmdb, tvb, 0, 0, ENC_NA);
        proto_item_set_generated(item);
        proto_item_append_text(item, ", %s: the connection ends before the response", name);
        col_append_fstr(pinfo->cinfo, COL_INFO, " [%s of frame %u cut off]", name, wait->request->frame);
        if (!is_wait) {
            expert_add_info(pinfo, item, &ei_cut_off);
            continue;
        }
        oxc_listener->wait_cut_off(tvb, pinfo, proto_item_add_subtree(item, ett_cut_off), which, OXC_WAKEUP_ASYNC_WAIT,
                                wait, closed_by);
    }
}

void
oxc_async_waits_lost(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_closed_by_t closed_by)
{
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    connection_t *connection =
        conversation ? (connection_t *)conversation_get_proto_data(conversation, proto_parent) : NULL;

    if (PINFO_FD_VISITED(pinfo) || !connection || (!connection->wait && !connection->fetch))
        return;
    take_open_calls(pinfo, connection);
    note_closed_by(pinfo, closed_by);
    show_lost_waits(tvb, pinfo, tree);
}

static bool
wants(tvbuff_t *frame _U_, packet_info *pinfo, unsigned layers _U_)
{
    return !pinfo->flags.in_error_pkt;
}

static bool
note(tvbuff_t *tvb _U_, packet_info *pinfo)
{
    if (!PINFO_FD_VISITED(pinfo))
        note_end_of_tcp(pinfo);
    return lost_in(pinfo) != NULL;
}

static void
forget(void)
{
    connections = ends = 0;
}

void
oxc_async_waits_handoff(void)
{
    static const oxc_watcher_t watcher = { PT_TCP, OXC_FRAME_CALL, wants, note, show_lost_waits };

    oxc_postdissector_add(&watcher, proto_parent);
}

void
oxc_async_waits_register(int parent)
{
    static int *ett[] = {&ett_cut_off};
    static ei_register_info ei[] = {
        { &ei_cut_off,
          { "emsmdb.cut_off", PI_SEQUENCE, PI_WARN, "Connection closed before the response was complete", EXPFILL } },
    };

    proto_parent = parent;
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    proto_emsmdb = proto_get_id_by_filter_name("emsmdb");
    expert_register_field_array(expert_register_protocol(proto_emsmdb), ei, G_N_ELEMENTS(ei));
    register_init_routine(forget);
}
