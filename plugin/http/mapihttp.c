/* mapihttp.c
 * MAPI over HTTP (MS-OXCMAPIHTTP)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "compat.h"

#include "session/event.h"
#include "registration.h"
#include "tcp/postdissector.h"
#include "http/http_message.h"
#include "http/mapihttp_http2.h"
#include "http/mapihttp_body.h"
#include "http/mapihttp_keepalive.h"
#include "http/mapihttp_message.h"
#include "http/mapihttp_owner.h"
#include "http/mapihttp_transaction.h"
#include "tcp/heuristic.h"
#include "tcp/out_of_order.h"
#include "tcp/reassembly_overrun.h"
#include "tcp/segment.h"
#include "tcp/segment_copy.h"
#include "tcp/tls_undecrypted.h"

#include <string.h>

#include <epan/exceptions.h>
#include <epan/expert.h>
#include <epan/to_str.h>

/*
 * The http dissector hands over bodies of type application/mapi-http. It says nothing of messages without a body (PING,
 * and answers of proxies) and of refusals, which are text/html (MS-OXCMAPIHTTP 3.2.5.1), and nothing of a connection
 * that ends while a response is awaited. So once a connection has carried MAPI/HTTP, its dissector becomes one that
 * calls the http dissector and then shows the messages of which that made nothing; and a post-dissector looks at the
 * ends of such connections.
 */

static int proto_mapihttp = -1;
static int proto_connection = -1;

static int hf_unanswered = -1;

static int ett_unanswered = -1;

static expert_field ei_no_pending = EI_INIT;
static expert_field ei_cut_off = EI_INIT;
static expert_field ei_swallowed = EI_INIT;
static expert_field ei_not_decrypted = EI_INIT;
static expert_field ei_out_of_order = EI_INIT;

static dissector_handle_t http_tcp_handle;
static dissector_handle_t http_tls_handle;

/* Tells the wake-ups of lost waits from those of the messages in the frame, which have their ordinal. */
#define CUT_OFF_WAKEUP 0x40000000

/* ---- bodies, as the http dissector hands them over ---- */

/* The http2 dissector of Wireshark 4.0 hands over a body in one frame with its padding. */
static tvbuff_t *
without_padding(tvbuff_t *tvb, const oxc_http_message_t *message)
{
    if (message->padding == 0 || message->padding > message->padded_length ||
        tvb_reported_length(tvb) != message->padded_length)
        return tvb;
    return tvb_new_subset_length(tvb, 0, (int)(message->padded_length - message->padding));
}

static int
dissect_mapihttp(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    const media_content_info_t *content = (const media_content_info_t *)data;
    oxc_http_message_t *message;

    if (!content || (content->type != MEDIA_CONTAINER_HTTP_REQUEST && content->type != MEDIA_CONTAINER_HTTP_RESPONSE)) {
        oxc_http_message_t *known;

        /* HTTP/2 keeps the headers to itself. If they are not known, only a response begins with a meta-tag. */
        message = oxc_mapihttp_http2_message(pinfo);
        if (message)
            message->tvb = tvb;
        else
            message = oxc_http_without_headers(pinfo, tvb_strneql(tvb, 0, "PROCESSING", 10) != 0);
        known = oxc_mapihttp_watched_message(pinfo, message);
        if (known) {
            known->dissected = true;
            message = known;
        }
        oxc_mapihttp_show_message(pinfo, tree, message, without_padding(tvb, message));
        return (int)tvb_captured_length(tvb);
    }
    message = PINFO_FD_VISITED(pinfo) ? oxc_mapihttp_recall_message(pinfo, content)
                                      : oxc_mapihttp_meet_message(pinfo, content);
    message->dissected = true;
    oxc_mapihttp_show_message(pinfo, tree, message, tvb);
    return (int)tvb_captured_length(tvb);
}

/* ---- messages of which the http dissector makes nothing ---- */

/*
 * Probes of Exchange and of its clients send application/octet-stream, and devices between rewrite or drop the media type:
 * X-RequestType, which MAPI/HTTP has alone, tells (MS-OXCMAPIHTTP 2.2.3.3.1). What is text (a login page, an error) is
 * left to HTTP.
 */
static bool
may_carry_mapi(const oxc_http_message_t *message)
{
    return oxc_http_is_type(message, "application/mapi-http") ||
           (oxc_http_value(message, OXC_HEADER_X_REQUESTTYPE) && !oxc_http_is_type(message, "text/html") &&
            !oxc_http_is_type(message, "text/plain"));
}

/* Compressed or the like, which the http dissector undoes if it can. */
static bool
is_encoded(const oxc_http_message_t *message)
{
    const char *encoding = oxc_http_value(message, OXC_HEADER_CONTENT_ENCODING);

    return encoding && *encoding && g_ascii_strcasecmp(encoding, "identity") != 0;
}

/*
 * The http dissector waits for the end of the connection where that ends the body. Of a page of a proxy it is enough to
 * know the status.
 */
static bool
is_shown_whole(const oxc_http_message_t *message)
{
    return message->complete || (message->until_close && !may_carry_mapi(message));
}

static void
show_leftover(packet_info *pinfo, proto_tree *tree, oxc_http_message_t *message)
{
    if (message->dissected || !is_shown_whole(message) || (!message->is_request && message->status / 100 == 1))
        return;
    message->dissected = true;
    message->body_unread = is_encoded(message) && may_carry_mapi(message) && message->end > message->body;
    if (message->is_request && !oxc_mapihttp_is_request(message))
        oxc_mapihttp_foreign_request(pinfo);
    else
        oxc_mapihttp_show_message(pinfo, tree, message,
                        may_carry_mapi(message) && !message->body_unread ? oxc_http_body(pinfo, message) : NULL);
}

/*
 * A wait is answered piece by piece, for minutes. If a piece is missing in the capture, the http dissector has given up
 * when the last one comes, which is the one that matters.
 */
static void
show_rest(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    tvbuff_t *body;
    oxc_http_message_t *message = oxc_http_rest(pinfo, tvb, &body);

    if (!message || oxc_mapihttp_preamble_size(body) == 0)
        return;
    add_new_data_source(pinfo, body, "Chunks of the response");
    oxc_mapihttp_show_message(pinfo, tree, message, body);
}

/* tcpinfo: what TCP told of the data; NULL if they came otherwise. */
static int
dissect_connection(dissector_handle_t http_handle, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data,
                   const void *tcpinfo)
{
    uint32_t watched_from = oxc_mapihttp_watched_from(pinfo);
    oxc_mapihttp_messages_t *messages;
    oxc_http_message_t *message;
    volatile int used = 0;

    if (oxc_segment_is_copy(pinfo, tcpinfo))
        return (int)tvb_captured_length(tvb);

    /* The http dissector may want reassembly, which is offered to the next dissector only. */
    if (pinfo->can_desegment > 0)
        pinfo->can_desegment++;
    if (watched_from == 0 || pinfo->num < watched_from)
        return call_dissector_only(http_handle, tvb, pinfo, tree, data);

    messages = oxc_mapihttp_messages_begin(pinfo, tvb);
    TRY {
        used = call_dissector_only(http_handle, tvb, pinfo, tree, data);
    }
    FINALLY {
        oxc_mapihttp_messages_end();
    }
    ENDTRY;

    if (tcpinfo)
        oxc_segment_ask_for_rest(pinfo, tvb, (const struct tcpinfo *)tcpinfo);
    /* What the http dissector wants to see again comes again. */
    if (pinfo->desegment_len != 0 && pinfo->desegment_offset == 0)
        return used;
    oxc_segment_dissected(pinfo, tcpinfo);
    for (unsigned i = 0; (message = oxc_mapihttp_nth_message(pinfo, messages, i)) != NULL; i++) {
        if (pinfo->desegment_len != 0 && message->end > pinfo->desegment_offset)
            break;
        show_leftover(pinfo, tree, message);
        if (pinfo->desegment_len != 0 && message->end == pinfo->desegment_offset)
            break;
    }
    if (pinfo->desegment_len == 0 && !oxc_mapihttp_nth_message(pinfo, messages, 0))
        show_rest(tvb, pinfo, tree);
    return used;
}

static int
dissect_connection_tcp(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return dissect_connection(http_tcp_handle, tvb, pinfo, tree, data, data);
}

static int
dissect_connection_tls(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return dissect_connection(http_tls_handle, tvb, pinfo, tree, data, NULL);
}

/* ---- what is found behind all dissectors ---- */

/* Has HTTP read another request last than one that may be ours, or that may open a tunnel for it? First visit only. */
static bool
is_other_method(packet_info *pinfo)
{
    const http_conv_t *http = oxc_http_of(oxc_segment_conversation(pinfo));
    const char *method = http ? compat_http_request_method(http) : NULL;

    /* Most begin with another letter, and need no function. */
    return method && (method[0] != 'P' || strcmp(method, "POST") != 0) && (method[0] != 'C' || strcmp(method, "CONNECT") != 0);
}

/* Was the connection not watched up to this frame, or is it the one from which on it was? */
static bool
is_before_watch(packet_info *pinfo)
{
    return oxc_mapihttp_watched_from(pinfo) == (PINFO_FD_VISITED(pinfo) ? pinfo->num + 1 : 0);
}

static bool
may_have_first_message(packet_info *pinfo)
{
    return oxc_segment_layers(pinfo) & OXC_LAYER_HTTP && is_before_watch(pinfo) &&
           (PINFO_FD_VISITED(pinfo) || !is_other_method(pinfo));
}

/*
 * The first message of a connection, before that is watched, has no body: nobody asked this dissector. NULL if this frame
 * has none.
 */
static oxc_http_message_t *
find_first_message(packet_info *pinfo)
{
    oxc_http_message_t *message;

    /* On the first visit, being shown would have made it watched. */
    if (!may_have_first_message(pinfo) || oxc_mapihttp_has_shown(pinfo))
        return NULL;
    message = oxc_mapihttp_find_message(pinfo, true);
    return message && message->complete && oxc_mapihttp_is_request(message) &&
           (message->end == message->body || may_carry_mapi(message)) ? message : NULL;
}

static void
show_first_message(packet_info *pinfo, proto_tree *tree)
{
    oxc_http_message_t *message = find_first_message(pinfo);

    if (!message)
        return;
    oxc_mapihttp_watch(pinfo);
    oxc_mapihttp_show_message(pinfo, tree, message, oxc_http_body(pinfo, message));
}

static void
show_cut_off(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, wmem_list_t *lost)
{
    uint32_t which = CUT_OFF_WAKEUP;

    for (wmem_list_frame_t *at = wmem_list_head(lost); at; at = wmem_list_frame_next(at), which++) {
        const mapihttp_exchange_t *exchange = (const mapihttp_exchange_t *)wmem_list_frame_data(at);
        oxc_call_t *call = oxc_mapihttp_call(exchange->whole ? exchange->whole : exchange);
        const char *name = oxc_mapihttp_type_text(exchange->request->type_name);
        proto_tree *lost_tree;
        proto_item *item;

        /* The client had nothing more to send, and the answer came. */
        if (PINFO_FD_VISITED(pinfo) && call->response)
            continue;
        item = proto_tree_add_item(tree, proto_mapihttp, tvb, 0, 0, ENC_NA);
        lost_tree = proto_item_add_subtree(item, ett_unanswered);
        proto_item_set_generated(item);
        proto_item_append_text(item, ", %s: the connection ends before the response", name);
        col_append_fstr(pinfo->cinfo, COL_INFO, " [%s of frame %u cut off]", name, call->request->frame);
        expert_add_info(pinfo, item, &ei_cut_off);
        proto_item_set_generated(proto_tree_add_uint(lost_tree, hf_unanswered, tvb, 0, 0, call->request->frame));
        oxc_listener->call_failed(pinfo, call, OXC_FAILURE_CUT_OFF);
        if (call->kind == OXC_CALL_WAIT)
            oxc_listener->wait_cut_off(tvb, pinfo, lost_tree, which, OXC_WAKEUP_HTTP_WAIT, call,
                                       (oxc_closed_by_t)exchange->closed_by);
    }
}

static void
show_silence(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_keepalive_t *silence)
{
    proto_item *item = proto_tree_add_item(tree, proto_mapihttp, tvb, 0, 0, ENC_NA);

    proto_item_set_generated(item);
    proto_item_append_text(item, ", silence on the NotificationWait of frame %u", silence->wait_in);
    expert_add_info_format(
        pinfo, item, &ei_no_pending,
        "The server sent nothing for %s s, although X-PendingPeriod promises a PENDING every %u ms: devices on the "
        "way may take the connection for idle and cut it",
        rel_time_to_secs_str(pinfo->pool, &silence->lasted), silence->period);
}

/* Not only on connections that are watched: it may be the first message of one that has the wrong length. */
static bool
message_begins(tvbuff_t *data, packet_info *pinfo, uint32_t by _U_)
{
    const oxc_http_message_t *message = oxc_http_read(pinfo, data, 0);

    return message && (message->is_request ? oxc_mapihttp_is_request(message) : oxc_mapihttp_is_response(message));
}

/* An empty line may be in front. */
static bool
message_may_begin(int first)
{
    int byte = first >> 8;

    return g_ascii_isupper(byte) || byte == '_' || byte == '-' || byte == '\r' || byte == '\n';
}

static const oxc_overrun_kind_t overrun_kind = { &proto_mapihttp, &ei_swallowed, "message", "Content-Length or a chunk's size",
                                                 message_may_begin, message_begins };

static void
show_overrun(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree)
{
    tvbuff_t *data;
    const oxc_overrun_t *overrun = oxc_overrun_show(frame, pinfo, tree, &overrun_kind, &data);
    oxc_http_message_t *message;

    if (!overrun)
        return;
    /* Of one that was taken up to the middle of its headers, the http dissector was given the others, and its body. */
    message = oxc_http_read(pinfo, data, 0);
    while (message && message->complete && message->body <= (int)overrun->size) {
        show_leftover(pinfo, tree, message);
        message = oxc_http_read(pinfo, data, message->end);
    }
}

/* A chunk of DONE on a line of its own, the empty line behind the headers, and the body of a NotificationWait response. */
#define LEAST_END_OF_POLL (4 + 6 + 2 + 16 + 2)

static bool
is_in_chunk_line(int byte)
{
    return g_ascii_isxdigit(byte) || byte == '\r' || byte == '\n' || byte == ';' || byte == ' ' || byte == '\t';
}

/*
 * Data of which no dissector makes anything, and that begin like the line before a chunk. The http dissector takes all
 * data of its ports, and shows a layer of them or not.
 */
static bool
may_be_end_of_poll(tvbuff_t *frame, packet_info *pinfo)
{
    uint32_t seq, length;
    int start, first;

    if (oxc_segment_layers(pinfo) & (OXC_LAYER_TLS | OXC_LAYER_HTTP2 | OXC_LAYER_DCERPC))
        return false;
    first = oxc_segment_first_bytes(frame, pinfo);
    if (first != OXC_TCP_UNSURE && (first < 0 || !g_ascii_isxdigit(first >> 8) || !is_in_chunk_line(first & 0xFF)))
        return false;
    start = oxc_segment_extent(frame, pinfo, &seq, &length);
    return start >= 0 && tvb_bytes_exist(frame, start, LEAST_END_OF_POLL) &&
           is_before_watch(pinfo) && oxc_mapihttp_may_be_chunked_preamble(frame, start);
}

/*
 * A capture that begins while a long poll is open has the end of its response only, which neither the http dissector nor
 * another one makes anything of: chunks, the last with DONE, headers, and a body that fits NotificationWait to the last
 * byte (MS-OXCMAPIHTTP 2.2.2.2, 2.2.4.4).
 */
static oxc_http_message_t *
find_end_of_poll(tvbuff_t *frame, packet_info *pinfo, tvbuff_t **body)
{
    uint32_t seq;
    const oxc_request_type_t *type;
    oxc_http_message_t *message;
    int size;

    if (!may_be_end_of_poll(frame, pinfo))
        return NULL;
    message = oxc_http_end(pinfo, oxc_segment_payload(frame, pinfo, &seq), body);
    size = message ? oxc_mapihttp_preamble_size(*body) : 0;
    type = size ? oxc_mapihttp_guess_type(tvb_new_subset_remaining(*body, size), false) : NULL;
    return type && type->kind == OXC_CALL_WAIT ? message : NULL;
}

static void
show_end_of_poll(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree)
{
    tvbuff_t *body;
    oxc_http_message_t *message = find_end_of_poll(frame, pinfo, &body);

    if (!message)
        return;
    add_new_data_source(pinfo, body, "Chunks of the response");
    oxc_mapihttp_watch(pinfo);
    oxc_mapihttp_show_message(pinfo, tree, message, body);
}

/* What was found in the frame behind its messages; they have to be shown before. */
static struct {
    bool known;
    const oxc_keepalive_t *silence;     /* NULL: none */
    wmem_list_t *lost;                  /* the same */
} ends;

static bool
note_ends(tvbuff_t *tvb, packet_info *pinfo)
{
    bool undecrypted, out_of_order;

    ends.known = true;
    ends.silence = NULL;
    ends.lost = NULL;
    oxc_mapihttp_forget_connection(pinfo);
    if (!oxc_mapihttp_is_connection(pinfo))
        return false;
    undecrypted = oxc_tls_note_undecrypted(tvb, pinfo, proto_mapihttp, oxc_mapihttp_is_connection);
    out_of_order = oxc_out_of_order_note(tvb, pinfo, proto_mapihttp, oxc_mapihttp_is_connection);
    ends.silence = oxc_keepalive_ended(pinfo);
    ends.lost = oxc_mapihttp_cut_off(pinfo);
    return undecrypted || out_of_order || ends.silence || ends.lost;
}

/* Once there is a connection that may be ours, the answer is yes: what note() asks is not asked twice. */
static bool
wants(tvbuff_t *frame, packet_info *pinfo, unsigned layers)
{
    return oxc_postdissector_expected() || layers & OXC_LAYER_HTTP2 || may_have_first_message(pinfo) ||
           may_be_end_of_poll(frame, pinfo);
}

static bool
note(tvbuff_t *tvb, packet_info *pinfo)
{
    tvbuff_t *body;

    ends.known = false;
    return find_end_of_poll(tvb, pinfo, &body) || oxc_segment_layers(pinfo) & OXC_LAYER_HTTP2 || find_first_message(pinfo) ||
           oxc_overrun_note(tvb, pinfo, &overrun_kind) || note_ends(tvb, pinfo);
}

static void
look(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    if (!ends.known) {
        show_end_of_poll(tvb, pinfo, tree);
        oxc_mapihttp_http2_postdissect(tvb, pinfo, tree);
        show_first_message(pinfo, tree);
        if (oxc_overrun_note(tvb, pinfo, &overrun_kind))
            show_overrun(tvb, pinfo, tree);
        note_ends(tvb, pinfo);
    }
    oxc_tls_show_undecrypted(tvb, pinfo, tree, proto_mapihttp, &ei_not_decrypted);
    oxc_out_of_order_show(tvb, pinfo, tree, proto_mapihttp, &ei_out_of_order);
    if (ends.silence)
        show_silence(tvb, pinfo, tree, ends.silence);
    if (ends.lost)
        show_cut_off(tvb, pinfo, tree, ends.lost);
}

/* ---- bodies of another media type, or of none ---- */

static bool
has_request_type(const oxc_http_message_t *message, const void *wanted _U_)
{
    return oxc_http_value(message, OXC_HEADER_X_REQUESTTYPE) && !oxc_http_is_type(message, "application/mapi-http");
}

/* The message with X-RequestType whose body comes next; NULL for none. */
static oxc_http_message_t *
find_message_by_request_type(packet_info *pinfo)
{
    oxc_mapihttp_messages_t *messages = oxc_mapihttp_watched_messages(pinfo);

    if (messages)
        return oxc_mapihttp_find_left(pinfo, messages, has_request_type, NULL);
    for (int is_request = 1; is_request >= 0; is_request--) {
        oxc_http_message_t *message = oxc_mapihttp_find_message(pinfo, is_request);

        if (message && !message->dissected && has_request_type(message, NULL))
            return message;
    }
    return NULL;
}

static int
dissect_found(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    oxc_http_message_t *message = (oxc_http_message_t *)data;

    oxc_mapihttp_watch(pinfo);
    message->dissected = true;
    oxc_mapihttp_show_message(pinfo, tree, message, tvb);
    return 1;
}

static oxc_heuristic_t heuristic = { .dissect = dissect_found };

/* See may_carry_mapi(). */
static ws_bool
dissect_mapihttp_heur(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    oxc_http_message_t *message = heuristic.enabled ? find_message_by_request_type(pinfo) : NULL;

    return message && may_carry_mapi(message) && oxc_heuristic_dissect(&heuristic, tvb, pinfo, tree, message);
}

/* ---- registration ---- */

void
proto_register_mapihttp(void)
{
    static hf_register_info hf[] = {
        { &hf_unanswered,
          { "Unanswered request", "mapihttp.unanswered_request_in", FT_FRAMENUM, BASE_NONE,
            FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_unanswered };
    static ei_register_info ei[] = {
        { &ei_no_pending,
          { "mapihttp.no_pending", PI_SEQUENCE, PI_NOTE, "No PENDING within X-PendingPeriod", EXPFILL } },
        { &ei_cut_off,
          { "mapihttp.cut_off", PI_SEQUENCE, PI_WARN, "Connection closed before the response was complete", EXPFILL } },
        { &ei_swallowed,
          { "mapihttp.swallowed", PI_REASSEMBLE, PI_WARN, "Message starts inside another", EXPFILL } },
        { &ei_not_decrypted,
          { "mapihttp.not_decrypted", PI_DECRYPTION, PI_WARN,
            "TLS data not decrypted from here (record missing or damaged)", EXPFILL } },
        { &ei_out_of_order,
          { "mapihttp.out_of_order", PI_REASSEMBLE, PI_NOTE, "Segments out of order or missing", EXPFILL } },
    };

    proto_mapihttp = proto_register_protocol("MAPI over HTTP", "MAPI/HTTP", "mapihttp");
    proto_connection = proto_register_protocol_in_name_only("Connection that carries MAPI over HTTP", "HTTP with MAPI",
                                                            "mapihttp.connection", proto_mapihttp, FT_PROTOCOL);
    proto_register_field_array(proto_mapihttp, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto_mapihttp), ei, array_length(ei));
    oxc_register_mapihttp_headers(proto_mapihttp);
    oxc_register_mapihttp_message(proto_mapihttp);
    oxc_register_mapihttp_preamble(proto_mapihttp);
    oxc_register_mapihttp_body(proto_mapihttp);
    oxc_register_mapihttp_transaction(proto_mapihttp);
    oxc_register_mapihttp_http2(proto_mapihttp, oxc_mapihttp_show_message);
}

void
proto_reg_handoff_mapihttp(void)
{
    static const oxc_watcher_t watcher = {
        PT_TCP, OXC_LAYER_HTTP | OXC_LAYER_HTTP2 | OXC_LAYER_DATA | OXC_LAYER_OTHER | OXC_LAYER_LOST | OXC_FRAME_MAPIHTTP, wants, note, look
    };
    dissector_handle_t handle = register_dissector("mapihttp", dissect_mapihttp, proto_mapihttp);

    dissector_add_string("media_type", "application/mapi-http", handle);
    oxc_heuristic_add(&heuristic, "http", dissect_mapihttp_heur, "MAPI over HTTP by X-RequestType", "mapihttp_http",
                      proto_mapihttp);
    oxc_postdissector_add(&watcher, proto_mapihttp);
    oxc_mapihttp_http2_handoff();
    http_tcp_handle = find_dissector("http-over-tcp");
    http_tls_handle = find_dissector("http-over-tls");
    oxc_mapihttp_owner_handoff(register_dissector("mapihttp-over-tcp", dissect_connection_tcp, proto_connection),
                               register_dissector("mapihttp-over-tls", dissect_connection_tls, proto_connection));
}
