/* mapihttp_http2.c
 * MAPI over HTTP/2: connections
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_http2.h"

#include <epan/conversation.h>

#include "http/http2_stream.h"
#include "http/mapihttp_owner.h"
#include "http/mapihttp_transaction.h"
#include "tcp/segment.h"

/*
 * A connection with HTTP/2 gets a dissector that looks at its frames, calls the http2 dissector, and then shows the
 * messages of which that made nothing: those without a body, and what proxies answer. It comes in with the frame behind
 * the first one; that is looked at by a post-dissector.
 */

static oxc_show_message_t show_message;
static int proto_connection = -1;
static dissector_handle_t http2_handle;
static dissector_handle_t tls_handle;
static dissector_handle_t connection_handle;

/* What the http2 dissector did not hand over, and how streams ended. */
static void
show_events(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, bool of_all_calls)
{
    const wmem_array_t *events = oxc_http2_end(pinfo);
    unsigned count = events ? wmem_array_get_count((wmem_array_t *)events) : 0;

    for (unsigned i = 0; i < count; i++) {
        const oxc_http2_event_t *event = *(oxc_http2_event_t **)wmem_array_index((wmem_array_t *)events, i);
        oxc_http_message_t *message;

        if (!of_all_calls && event->call != oxc_http2_call(pinfo))
            continue;
        if (event->kind != OXC_HTTP2_MESSAGE) {
            oxc_mapihttp_stream_ended(pinfo, event->stream, event->kind == OXC_HTTP2_GOAWAY);
        } else if (!event->is_handed) {
            message = oxc_http2_message(pinfo, event);
            message->tvb = tvb;
            show_message(pinfo, tree, message, NULL);
        }
    }
}

static int
dissect_connection(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    uint32_t from = oxc_http2_begins_in(pinfo);
    int used;

    /* The http2 dissector may want reassembly, which is offered to the next dissector only. */
    if (pinfo->can_desegment > 0)
        pinfo->can_desegment++;
    if (from == 0 || pinfo->num < from)
        return call_dissector_only(http2_handle, tvb, pinfo, tree, data);
    oxc_http2_begin(pinfo, tvb);
    used = call_dissector_only(http2_handle, tvb, pinfo, tree, data);
    show_events(tvb, pinfo, tree, false);
    return used;
}

static void
take_connection(packet_info *pinfo)
{
    conversation_t *conversation = find_or_create_conversation(pinfo);

    oxc_http2_begin_from(pinfo, pinfo->num + 1);
    if (proto_is_frame_protocol(pinfo->layers, "tls"))
        tls_set_appdata_dissector(tls_handle, pinfo, connection_handle);
    else
        conversation_set_dissector_from_frame_number(conversation, pinfo->num + 1, connection_handle);
}

void
oxc_mapihttp_http2_postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    uint32_t from;
    bool was_left_out;

    if ((oxc_segment_layers(pinfo) & OXC_LAYER_HTTP2) == 0)
        return;
    from = oxc_http2_begins_in(pinfo);
    /* The handshake is read again when its frame is shown again, and then TLS calls the http2 dissector itself. */
    was_left_out = PINFO_FD_VISITED(pinfo) && from != 0 && pinfo->num >= from && !oxc_http2_is_begun(pinfo);
    if (from == 0 && !PINFO_FD_VISITED(pinfo))
        take_connection(pinfo);
    else if (from != pinfo->num + 1 && !was_left_out)
        return;
    oxc_http2_begin_late(pinfo);
    show_events(tvb, pinfo, tree, was_left_out);
}

oxc_http_message_t *
oxc_mapihttp_http2_message(packet_info *pinfo)
{
    uint32_t from = oxc_http2_begins_in(pinfo);

    if (from == 0 || pinfo->num < from)
        oxc_http2_begin_late(pinfo);
    return oxc_http2_message_of_body(pinfo);
}

void
oxc_register_mapihttp_http2(int parent, oxc_show_message_t show)
{
    show_message = show;
    proto_connection = proto_register_protocol_in_name_only("HTTP/2 connection that carries MAPI over HTTP",
                                                            "HTTP/2 with MAPI", "mapihttp.http2_connection", parent,
                                                            FT_PROTOCOL);
    oxc_register_http2_stream(proto_connection);
}

void
oxc_mapihttp_http2_handoff(void)
{
    http2_handle = find_dissector("http2");
    tls_handle = find_dissector("tls");
    connection_handle = register_dissector("mapihttp-over-http2", dissect_connection, proto_connection);
}
