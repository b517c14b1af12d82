/* mapihttp_keepalive.c
 * Long polls on which the server says nothing for longer than it promised (MS-OXCMAPIHTTP 2.2.3.3.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_keepalive.h"

#include <epan/conversation.h>
#include <epan/epan.h>
#include <epan/proto_data.h>
#include <wsutil/strtoi.h>

#include "http/mapihttp_exchange.h"
#include "session/call.h"
#include "tcp/segment.h"
#include "tcp/connection.h"

/* Key of a frame's silence in its data; see mapihttp_transaction.c for the others. */
#define SILENCE_KEY 0xFFFFFFFE

/*
 * A connection with waits on it: one at a time of HTTP/1.1, one of each session of HTTP/2. There, any byte of the server
 * counts for all of them, as streams are not told apart.
 */
typedef struct {
    wmem_list_t *waits;         /* oxc_call_t that are open, the latest first */
    bool has_streams;
    uint32_t progress;          /* of the server's bytes */
    bool ended;                 /* an answer is complete with this frame */
    nstime_t heard;             /* when the server was heard of last */
    uint32_t heard_in;          /* and in which frame; 0 for none */
} line_t;

static wmem_map_t *lines;       /* conversation -> line_t */
static int proto_silence = -1;

void
oxc_keepalive_promise(packet_info *pinfo, oxc_session_t *session, const char *pending_period)
{
    uint32_t period;

    if (!PINFO_FD_VISITED(pinfo) && session && pending_period && ws_strtou32(pending_period, NULL, &period))
        session->pending_period = period;
}

/* Where the sender of this frame stands in its bytes: an acknowledgement or a keep-alive does not change it. */
static uint32_t
sender_progress(packet_info *pinfo)
{
    const struct tcp_analysis *tcp = oxc_segment_tcp(pinfo);

    return tcp && tcp->fwd && tcp->fwd->tcp_analyze_seq_info ? tcp->fwd->tcp_analyze_seq_info->nextseq : 0;
}

/* The latest one that is open; NULL for none. */
static oxc_call_t *
latest_wait(const line_t *line)
{
    wmem_list_frame_t *first = wmem_list_head(line->waits);

    return first ? (oxc_call_t *)wmem_list_frame_data(first) : NULL;
}

/* The server was heard of: those that it has answered are open no more, or none is. */
static void
hear(const packet_info *pinfo, line_t *line, bool all_ended)
{
    wmem_list_frame_t *at = wmem_list_head(line->waits);

    while (at) {
        wmem_list_frame_t *next = wmem_list_frame_next(at);
        oxc_call_t *wait = (oxc_call_t *)wmem_list_frame_data(at);

        oxc_call_change_wait(wait)->heard = pinfo->abs_ts;
        if (all_ended || wait->response || wait->failure)
            wmem_list_remove_frame(line->waits, at);
        at = next;
    }
    line->ended = false;
}

void
oxc_keepalive_wait_begins(packet_info *pinfo, oxc_call_t *call, bool is_stream)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);
    line_t *line;

    if (PINFO_FD_VISITED(pinfo) || !conversation || pinfo->ptype != PT_TCP)
        return;
    line = (line_t *)wmem_map_lookup(lines, conversation);
    if (!line) {
        line = wmem_new0(wmem_file_scope(), line_t);
        line->waits = wmem_list_new(wmem_file_scope());
        wmem_map_insert(lines, conversation, line);
    }
    while (!is_stream && wmem_list_head(line->waits))
        wmem_list_remove_frame(line->waits, wmem_list_head(line->waits));
    line->has_streams = is_stream;
    wmem_list_prepend(line->waits, call);
    if (wmem_list_count(line->waits) > OXC_MAPIHTTP_MAX_OPEN)
        wmem_list_remove_frame(line->waits, wmem_list_tail(line->waits));
    line->ended = false;
    oxc_connection_request(pinfo);
    line->heard = oxc_call_change_wait(call)->heard = pinfo->abs_ts;
    line->heard_in = 0;
}

void
oxc_keepalive_wait_ends(packet_info *pinfo)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);
    line_t *line = conversation ? (line_t *)wmem_map_lookup(lines, conversation) : NULL;

    if (line && !PINFO_FD_VISITED(pinfo))
        line->ended = true;
}

/* PENDING may come a little late without anybody being worse off. */
static bool
is_too_long(const nstime_t *lasted, uint32_t period)
{
    return nstime_to_msec(lasted) > period * 1.25 + 1000;
}

static const oxc_keepalive_t *
remember(packet_info *pinfo, const oxc_call_t *wait, const nstime_t *lasted)
{
    oxc_keepalive_t *silence = wmem_new(wmem_file_scope(), oxc_keepalive_t);

    silence->lasted = *lasted;
    silence->period = wait->session->pending_period;
    silence->wait_in = wait->request->frame;
    p_add_proto_data(wmem_file_scope(), pinfo, proto_silence, SILENCE_KEY, silence);
    return silence;
}

/*
 * The server was heard of in this frame for the last time, and the session went on without it. Known once the capture
 * was read.
 */
static const oxc_keepalive_t *
never_heard_again(packet_info *pinfo, const line_t *line)
{
    const oxc_call_t *wait = line ? latest_wait(line) : NULL;
    const oxc_session_t *session = wait ? wait->session : NULL;
    oxc_keepalive_t *silence;
    nstime_t lasted;

    if (!session || line->heard_in != pinfo->num || !session->pending_period)
        return NULL;
    nstime_delta(&lasted, &session->latest_call, &line->heard);
    if (!is_too_long(&lasted, session->pending_period))
        return NULL;
    silence = wmem_new(pinfo->pool, oxc_keepalive_t);
    silence->lasted = lasted;
    silence->period = session->pending_period;
    silence->wait_in = wait->request->frame;
    return silence;
}

const oxc_keepalive_t *
oxc_keepalive_ended(packet_info *pinfo)
{
    const oxc_keepalive_t *silence = NULL;
    conversation_t *conversation;
    const oxc_call_t *wait;
    nstime_t lasted;
    line_t *line;

    if (wmem_map_size(lines) == 0)
        return NULL;
    conversation = oxc_segment_conversation(pinfo);
    line = conversation ? (line_t *)wmem_map_lookup(lines, conversation) : NULL;
    if (PINFO_FD_VISITED(pinfo)) {
        silence = (const oxc_keepalive_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_silence, SILENCE_KEY);
        return silence ? silence : never_heard_again(pinfo, line);
    }
    wait = line ? latest_wait(line) : NULL;
    if (!wait)
        return NULL;
    if (oxc_connection_sender(pinfo) != OXC_CLOSED_BY_CLIENT) {
        uint32_t progress = sender_progress(pinfo);

        if (progress == line->progress && !oxc_connection_has_ended(pinfo))
            return NULL;
        line->progress = progress;
    } else if (!oxc_connection_has_ended(pinfo)) {
        return NULL;
    }
    nstime_delta(&lasted, &pinfo->abs_ts, &line->heard);
    if (wait->session && wait->session->pending_period && is_too_long(&lasted, wait->session->pending_period))
        silence = remember(pinfo, wait, &lasted);
    line->heard = pinfo->abs_ts;
    line->heard_in = pinfo->num;
    hear(pinfo, line, (line->ended && !line->has_streams) || oxc_connection_has_ended(pinfo));
    return silence;
}

void
oxc_keepalive_register(int proto)
{
    proto_silence = proto;
    lines = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
