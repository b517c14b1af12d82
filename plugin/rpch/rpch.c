/* rpch.c
 * RPC over HTTP version 2: the PDUs of both channels as they arrive [MS-RPCH]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

/*
 * A channel is one HTTP message whose body goes on for hours ([MS-RPCH] 2.1.2.1): RPC_IN_DATA carries the client's PDUs
 * in a request of up to 2 GB, RPC_OUT_DATA the server's PDUs in a response that may be chunked. The HTTP dissector
 * looks at a body when it has come to its end, or not at all, and offers nobody the bytes that follow a header in later
 * segments. So this dissector takes over a connection on which it has seen one of these methods, gives HTTP messages
 * back to the HTTP dissector, and PDUs to the DCE/RPC dissector. What it needs for that, from the usual to the unusual:
 *
 * - TCP: it becomes the dissector of the conversation, from the frame after the first such request on. A post-dissector
 *   sees that request: HTTP calls nobody for a request without a body in the same segment, and taps are not run in
 *   every pass.
 * - TLS: a heuristic that becomes the application data dissector of a session that begins with such a request. When
 *   HTTP has the session already (ALPN, an earlier request), the way HTTP itself leaves a connection after "Upgrade":
 *   http_conv_t.
 * - The body in the same segment as that first header: a heuristic below HTTP.
 *
 * The two channels of a virtual connection are two TCP connections, and more when channels are recycled. DCE/RPC finds
 * bindings and calls by conversation, so it is called with one made from the virtual connection cookie of the RTS PDUs.
 *
 * - The beginning was not captured: of a connection without requests, and of one of which HTTP makes nothing, this
 *   dissector is asked before HTTP, and takes it over when it sees a PDU that can be nothing else. The first segment
 *   went to HTTP then, which showed nothing of it; the post-dissector shows it.
 *
 * Limits: of a channel that was open when the capture began, the first segment is not shown if it begins within a PDU;
 * and without its RTS PDUs its cookie is unknown, so answers find no calls. Where HTTP has a TLS session already, PDUs
 * in later records of the very frame with the first header go to HTTP too. RPC over HTTP version 1 (RPC_CONNECT) is not
 * handled, nor are channels within another tunnel (SOCKS, CONNECT without TLS).
 */

#include "compat.h"

#include "registration.h"
#include "http/mapihttp_owner.h"
#include "rpc/async_wait.h"
#include "tcp/postdissector.h"
#include "rpch/rpch_call.h"
#include "rpch/rpch_pairing.h"
#include "rpch/rpch_stream.h"
#include "rpc/rpc_overrun.h"
#include "rpc/rpc_pdu.h"
#include "tcp/connection.h"
#include "tcp/heuristic.h"
#include "tcp/out_of_order.h"
#include "tcp/reassembly_overrun.h"
#include "tcp/segment.h"
#include "tcp/segment_copy.h"
#include "tcp/tls_undecrypted.h"

#include <string.h>

#include <epan/dissectors/packet-tcp.h>
#include <epan/expert.h>
#include <epan/proto_data.h>

/* Key of what is remembered of a frame; the others are those of rpch_dissect(), from 0 on. */
#define FIRST_SEGMENT_KEY UINT32_MAX

/* Bits of tcp_analysis.conversation_completeness; packet-tcp.c keeps their names to itself. */
#define TCP_SEEN_SYN     0x01
#define TCP_SEEN_SYN_ACK 0x02

static unsigned first_segments; /* that HTTP was given, in the file */

static int proto_rpch = -1;
static int proto_http = -1;
static int proto_tcp = -1;
static int proto_tls = -1;

static expert_field ei_swallowed = EI_INIT;
static expert_field ei_not_decrypted = EI_INIT;
static expert_field ei_out_of_order = EI_INIT;

static dissector_handle_t rpch_tcp_handle;
static dissector_handle_t rpch_tls_handle;
static dissector_handle_t rpch_upgrade_handle;
static dissector_handle_t http_tcp_handle;
static dissector_handle_t http_tls_handle;

static int
dissect_rpch_tcp(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    const struct tcpinfo *tcp = (const struct tcpinfo *)data;
    int used;

    if (oxc_segment_is_copy(pinfo, tcp))
        return (int)tvb_captured_length(tvb);
    used = rpch_dissect(tvb, pinfo, tree, data, http_tcp_handle, tcp ? &tcp->seq : NULL);
    if (used && tcp) {
        oxc_segment_ask_for_rest(pinfo, tvb, tcp);
        oxc_segment_dissected(pinfo, tcp);
    }
    return used;
}

static int
dissect_rpch_tls(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return rpch_dissect(tvb, pinfo, tree, data, http_tls_handle, NULL);
}

/* As HTTP calls it, with data of its own or none. */
static int
dissect_rpch_after_http(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    return dissect_rpch_tls(tvb, pinfo, tree, NULL);
}

/* Whether the last request of the connection is for a channel. First pass only. */
static rpch_channel_t
requested_channel(const http_conv_t *http)
{
    const char *method = compat_http_request_method(http);

    if (!method || method[0] != 'R')        /* other methods need no function */
        return RPCH_CHANNEL_UNKNOWN;
    if (strcmp(method, "RPC_IN_DATA") == 0)
        return RPCH_CHANNEL_IN;
    return strcmp(method, "RPC_OUT_DATA") == 0 ? RPCH_CHANNEL_OUT : RPCH_CHANNEL_UNKNOWN;
}

/* Whether a PDU begins here, perhaps with not even its header whole. */
static bool
may_be_pdu(tvbuff_t *tvb)
{
    if (tvb_reported_length(tvb) >= RPC_HEADER_SIZE)
        return oxc_rpc_pdu_length(tvb, 0) != 0;
    return tvb_get_uint8(tvb, 0) == 5 && (tvb_reported_length(tvb) < 3 || tvb_get_uint8(tvb, 2) <= PDU_RTS);
}

/* Is it the body of a channel? The first visit remembers of the connection what it is. */
static bool
is_body(tvbuff_t *tvb, packet_info *pinfo)
{
    conversation_t *conversation;
    http_conv_t *http;

    if (pinfo->ptype != PT_TCP || !may_be_pdu(tvb))
        return false;
    conversation = find_conversation_pinfo(pinfo, 0);
    http = oxc_http_of(conversation);
    if (!http)
        return false;
    if (!PINFO_FD_VISITED(pinfo)) {
        rpch_channel_t channel = requested_channel(http);
        rpch_connection_t *connection = rpch_connection_of(conversation);

        if (connection && (connection->busy || connection->ruled_out))
            return false;
        if (channel != RPCH_CHANNEL_UNKNOWN) {
            connection = rpch_get_connection(conversation);
            connection->claimed = true;
            rpch_set_use(connection, pinfo->num, channel, NULL);
        } else if (!compat_http_request_method(http) && oxc_rpc_sure_length(tvb, 0)) {
            rpch_get_connection(conversation)->suspected = RPCH_CHANNEL_OUT;
        } else {
            return false;
        }
    }
    return true;
}

static int
dissect_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return rpch_takes_body() ? 1 : rpch_dissect(tvb, pinfo, tree, data, NULL, NULL);
}

static oxc_heuristic_t http_heuristic = { .dissect = dissect_body };

/* The body that comes in the same segment as the first header. */
static ws_bool
dissect_rpch_http_heur(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return http_heuristic.enabled && (rpch_takes_body() || is_body(tvb, pinfo)) &&
           oxc_heuristic_dissect(&http_heuristic, tvb, pinfo, tree, data);
}

static int
dissect_session(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (!PINFO_FD_VISITED(pinfo)) {
        rpch_connection_t *connection = rpch_get_connection(find_or_create_conversation(pinfo));

        connection->armed = connection->claimed = true;
    }
    compat_tls_set_app_handle(data, rpch_tls_handle);
    return dissect_rpch_tls(tvb, pinfo, tree, compat_tls_data(data));
}

static oxc_heuristic_t tls_heuristic = { .dissect = dissect_session };

static ws_bool
dissect_rpch_tls_heur(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return tls_heuristic.enabled &&
           (tvb_strneql(tvb, 0, "RPC_IN_DATA ", 12) == 0 || tvb_strneql(tvb, 0, "RPC_OUT_DATA ", 13) == 0) &&
           oxc_heuristic_dissect(&tls_heuristic, tvb, pinfo, tree, data);
}

/*
 * Whether HTTP is what TCP, or TLS over TCP, carries; not within another tunnel. Of bytes that are no HTTP to it, HTTP
 * shows nothing, and its layer is taken away again if there is a tree; only the number of layers still tells that
 * somebody was there.
 */
static bool
is_http_over_tcp(const packet_info *pinfo, bool *tls)
{
    wmem_list_frame_t *layer = wmem_list_head(pinfo->layers);

    *tls = false;
    while (layer && GPOINTER_TO_INT(wmem_list_frame_data(layer)) != proto_tcp)
        layer = wmem_list_frame_next(layer);
    if (layer)
        layer = wmem_list_frame_next(layer);
    for (; layer && GPOINTER_TO_INT(wmem_list_frame_data(layer)) == proto_tls; layer = wmem_list_frame_next(layer))
        *tls = true;
    if (oxc_segment_layers(pinfo) & OXC_LAYER_LOST) {
        while (layer && GPOINTER_TO_INT(wmem_list_frame_data(layer)) != proto_tcp)
            layer = wmem_list_frame_next(layer);
        return !*tls && !layer;
    }
    if (!layer || GPOINTER_TO_INT(wmem_list_frame_data(layer)) != proto_http)
        return false;
    while (!*tls && (layer = wmem_list_frame_next(layer)))
        if (GPOINTER_TO_INT(wmem_list_frame_data(layer)) == proto_tls)
            return false;
    return true;
}

/*
 * What HTTP was given of a channel older than the capture, before anybody could know. Nobody can be asked for the rest
 * of a PDU that is not whole, so it is as below HTTP.
 */
static bool
dissect_first_segment(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree)
{
    uint32_t seq;
    tvbuff_t *tvb = oxc_segment_payload(frame, pinfo, &seq);

    if (!PINFO_FD_VISITED(pinfo)) {
        const conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
        const struct tcp_analysis *tcp =
            (const struct tcp_analysis *)conversation_get_proto_data(conversation, proto_tcp);

        rpch_connection_of(conversation)->seq_base = tcp && tcp->fwd ? tcp->fwd->base_seq : 0;
    }
    return tvb && rpch_dissect(tvb, pinfo, tree, NULL, NULL, &seq) != 0;
}

/* A PDU, or the chunk that it is in; not in the body of a message that HTTP itself put together. */
static bool
pdu_begins(tvbuff_t *data, packet_info *pinfo, uint32_t by)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);
    const rpch_connection_t *connection = rpch_connection_of(conversation);
    uint64_t size;
    uint16_t length;
    int next;

    if (!connection || !connection->claimed || conversation_get_dissector(conversation, by) != rpch_tcp_handle)
        return false;
    if (oxc_rpc_sure_length(data, 0))
        return true;
    if (oxc_http_chunk_size(data, 0, &size, &next) != OXC_HTTP_GO_ON)
        return false;
    length = oxc_rpc_sure_length(data, next);
    return length != 0 && length <= size;
}

static bool
pdu_may_begin(int first)
{
    return first >> 8 == 5 || g_ascii_isxdigit(first >> 8);
}

static const oxc_overrun_kind_t pdus = { &proto_rpch, &ei_swallowed, "PDU", "frag_length or its chunk's size", pdu_may_begin,
                                         pdu_begins };

/* TCP waits for the end of something else, but the stream finds its place again. */
static void
show_overrun(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree)
{
    tvbuff_t *data;
    const oxc_overrun_t *overrun = oxc_overrun_show(frame, pinfo, tree, &pdus, &data);

    if (overrun)
        rpch_dissect(data, pinfo, tree, NULL, NULL, &overrun->seq);
}

static bool
is_channel(packet_info *pinfo)
{
    const rpch_connection_t *connection = rpch_connection_of(oxc_segment_conversation(pinfo));

    return connection && connection->claimed;
}

/* A virtual connection ends with its first channel that ends for good, and its waits with it. First pass only. */
static void
show_end(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, const rpch_virtual_t *ended)
{
    conversation_element_t *elements = pinfo->conv_elements;
    oxc_closed_by_t closer = oxc_connection_closer(pinfo);

    /* In a tunnel the port is not the connection's. */
    if (closer == OXC_CLOSED_BY_UNKNOWN)
        closer = addresses_equal(&pinfo->src, &ended->server) &&
                 (pinfo->srcport == ended->port || !addresses_equal(&pinfo->src, &pinfo->dst)) ? OXC_CLOSED_BY_SERVER
                                                                                               : OXC_CLOSED_BY_CLIENT;
    rpch_name_conversation(pinfo, ended);
    oxc_async_waits_lost(frame, pinfo, tree, closer);
    pinfo->conv_elements = elements;
}

/*
 * A PDU in the first data of a connection whose beginning was captured: a channel would have begun with a message of
 * HTTP. First pass only.
 */
static bool
begins_with_pdu(tvbuff_t *frame, packet_info *pinfo, const conversation_t *conversation)
{
    const struct tcp_analysis *tcp = (const struct tcp_analysis *)conversation_get_proto_data(conversation, proto_tcp);
    tvbuff_t *data;
    uint32_t seq;

    if (!tcp || !tcp->fwd || (tcp->conversation_completeness & (TCP_SEEN_SYN | TCP_SEEN_SYN_ACK)) == 0)
        return false;
    data = oxc_segment_payload(frame, pinfo, &seq);
    return data && seq - tcp->fwd->base_seq == 1 && oxc_rpc_sure_length(data, 0) != 0;
}

/* As nearly all HTTP: the last request asks for no channel, and nothing that may be one came before. */
static bool
is_other_http(const http_conv_t *http, const rpch_connection_t *connection)
{
    return !connection && compat_http_request_method(http) && requested_channel(http) == RPCH_CHANNEL_UNKNOWN;
}

/*
 * Takes a connection over after a request for a channel. Also when HTTP was given bytes of which it made nothing:
 * perhaps they are of a channel older than the capture; or responses alone. Until that is certain, HTTP still gets what
 * is not a PDU; when it is HTTP after all, the connection is given back. First pass only. Returns whether the frame itself is
 * to be read as a channel's first segment.
 */
static bool
take_over(tvbuff_t *tvb, packet_info *pinfo)
{
    dissector_handle_t before;
    conversation_t *conversation;
    http_conv_t *http;
    rpch_connection_t *connection;
    rpch_channel_t channel;
    bool tls;

    conversation = oxc_segment_conversation(pinfo);
    http = oxc_http_of(conversation);
    if (!http)
        return false;
    connection = rpch_connection_of(conversation);
    if (is_other_http(http, connection) || !is_http_over_tcp(pinfo, &tls))
        return false;
    channel = requested_channel(http);
    before = conversation_get_dissector(conversation, pinfo->num + 1);
    if (channel == RPCH_CHANNEL_UNKNOWN && compat_http_request_method(http)) {
        if (connection && connection->armed && !connection->claimed && before == rpch_tcp_handle) {
            connection->armed = false;
            conversation_set_dissector_from_frame_number(conversation, pinfo->num + 1, connection->before);
        }
        return false;
    }
    if ((channel == RPCH_CHANNEL_UNKNOWN && tls) || (connection && connection->armed))
        return false;
    if (tls && http->startframe)
        return false;
    if (channel == RPCH_CHANNEL_UNKNOWN && !http->req_res_tail && begins_with_pdu(tvb, pinfo, conversation))
        rpch_get_connection(conversation)->ruled_out = true;
    connection = rpch_connection_of(conversation);
    if (connection && connection->ruled_out)
        return false;
    if (channel == RPCH_CHANNEL_UNKNOWN && before)      /* who would not be asked again: TCP goes on with the ports */
        return false;
    connection = rpch_get_connection(conversation);
    connection->armed = true;
    oxc_segment_dissected_now(pinfo);
    if (channel == RPCH_CHANNEL_UNKNOWN && http->req_res_tail) {
        connection->suspected = RPCH_CHANNEL_OUT;
    } else if (channel != RPCH_CHANNEL_UNKNOWN) {
        connection->claimed = true;
        if (rpch_current_use(connection, pinfo->num).channel != channel)
            rpch_set_use(connection, pinfo->num, channel, NULL);
    }
    if (tls) {
        compat_http_set_upgrade(http, pinfo->num + 1, rpch_upgrade_handle);
    } else {
        connection->before = before;
        conversation_set_dissector_from_frame_number(conversation, pinfo->num + 1, rpch_tcp_handle);
    }
    return channel == RPCH_CHANNEL_UNKNOWN && !http->req_res_tail;
}

/* Once there is a connection that may be ours, the answer is yes: what note() asks is not asked twice. */
static bool
wants(tvbuff_t *frame _U_, packet_info *pinfo, unsigned layers _U_)
{
    const http_conv_t *http;

    if (oxc_postdissector_expected())
        return true;
    if (PINFO_FD_VISITED(pinfo))
        return first_segments > 0;
    if (rpch_connection_around(pinfo))
        return true;
    http = oxc_http_of(oxc_segment_conversation(pinfo));
    return http && !is_other_http(http, NULL);
}

/* What was found in the frame behind the end of a virtual connection and PDUs; they have to be shown before. */
static struct {
    const rpch_virtual_t *ended;        /* NULL: none */
    bool known;
    bool is_first_segment;
} found;

static bool
note_rest(tvbuff_t *tvb, packet_info *pinfo)
{
    bool shown = false;

    found.known = true;
    if (!pinfo->flags.in_error_pkt && oxc_postdissector_expected()) {
        shown = oxc_tls_note_undecrypted(tvb, pinfo, proto_rpch, is_channel);
        shown = oxc_out_of_order_note(tvb, pinfo, proto_rpch, is_channel) || shown;
    }
    if (PINFO_FD_VISITED(pinfo))
        found.is_first_segment = first_segments > 0 &&
                                 p_get_proto_data(wmem_file_scope(), pinfo, proto_rpch, FIRST_SEGMENT_KEY) != NULL;
    else
        found.is_first_segment = !pinfo->flags.in_error_pkt && take_over(tvb, pinfo);
    return shown || found.is_first_segment;
}

static bool
note(tvbuff_t *tvb, packet_info *pinfo)
{
    found.known = false;
    if ((oxc_segment_layers(pinfo) & (OXC_LAYER_HTTP | OXC_LAYER_LOST)) == 0 &&
        !rpch_connection_around(pinfo))
        return false;
    found.ended = PINFO_FD_VISITED(pinfo) || pinfo->flags.in_error_pkt ? NULL : rpch_ended(pinfo);
    return found.ended ||
           (!pinfo->flags.in_error_pkt && oxc_overrun_note(tvb, pinfo, &pdus)) ||
           note_rest(tvb, pinfo);
}

static void
look(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    if (found.ended)
        show_end(tvb, pinfo, tree, found.ended);
    if (!found.known) {
        if (!pinfo->flags.in_error_pkt && oxc_overrun_note(tvb, pinfo, &pdus))
            show_overrun(tvb, pinfo, tree);
        note_rest(tvb, pinfo);
    }
    if (!pinfo->flags.in_error_pkt) {
        oxc_tls_show_undecrypted(tvb, pinfo, tree, proto_rpch, &ei_not_decrypted);
        oxc_out_of_order_show(tvb, pinfo, tree, proto_rpch, &ei_out_of_order);
    }
    if (!found.is_first_segment || !dissect_first_segment(tvb, pinfo, tree) || PINFO_FD_VISITED(pinfo))
        return;
    p_add_proto_data(wmem_file_scope(), pinfo, proto_rpch, FIRST_SEGMENT_KEY,
                     rpch_connection_of(oxc_segment_conversation(pinfo)));
    first_segments++;
}

static void
forget(void)
{
    first_segments = 0;
}

void
proto_register_rpch(void)
{
    static ei_register_info ei[] = {
        { &ei_swallowed, { "rpch.swallowed", PI_REASSEMBLE, PI_WARN, "PDU starts inside another", EXPFILL } },
        { &ei_out_of_order,
          { "rpch.out_of_order", PI_REASSEMBLE, PI_NOTE, "Segments out of order or missing", EXPFILL } },
        { &ei_not_decrypted,
          { "rpch.not_decrypted", PI_DECRYPTION, PI_WARN,
            "TLS data not decrypted from here (record missing or damaged)", EXPFILL } },
    };

    proto_rpch = proto_register_protocol("RPC over HTTP", "RPCH", "rpch");
    rpch_tcp_handle = register_dissector("rpch-over-tcp", dissect_rpch_tcp, proto_rpch);
    rpch_tls_handle = register_dissector("rpch-over-tls", dissect_rpch_tls, proto_rpch);
    rpch_upgrade_handle = register_dissector("rpch-after-http", dissect_rpch_after_http, proto_rpch);

    register_init_routine(forget);
    rpch_register_connections(proto_rpch);
    rpch_register_pairing();
    rpch_register_call(proto_rpch);
    rpch_register_stream(proto_rpch);
    expert_register_field_array(expert_register_protocol(proto_rpch), ei, array_length(ei));
}

void
proto_reg_handoff_rpch(void)
{
    static const oxc_watcher_t watcher = { PT_TCP, OXC_LAYER_HTTP | OXC_LAYER_LOST | OXC_FRAME_RPCH, wants, note, look };

    proto_http = proto_get_id_by_filter_name("http");
    proto_tcp = proto_get_id_by_filter_name("tcp");
    proto_tls = proto_get_id_by_filter_name("tls");
    http_tcp_handle = find_dissector_add_dependency("http-over-tcp", proto_rpch);
    http_tls_handle = find_dissector_add_dependency("http-over-tls", proto_rpch);
    if (!rpch_handoff_call(rpch_upgrade_handle) || !http_tcp_handle || !http_tls_handle)
        return;

    oxc_heuristic_add(&http_heuristic, "http", dissect_rpch_http_heur, "RPC over HTTP, first segment", "rpch_http", proto_rpch);
    oxc_heuristic_add(&tls_heuristic, "tls", dissect_rpch_tls_heur, "RPC over HTTP over TLS", "rpch_tls", proto_rpch);
    oxc_postdissector_add(&watcher, proto_rpch);
    oxc_rpc_overrun_leave(is_channel);
}
