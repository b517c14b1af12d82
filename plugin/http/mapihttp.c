/* mapihttp.c
 * MAPI over HTTP (MS-OXCMAPIHTTP)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "compat.h"

#include "session/event.h"
#include "registration.h"
#include "rop/buffer.h"
#include "tcp/postdissector.h"
#include "http/http_message.h"
#include "http/mapihttp_http2.h"
#include "http/mapihttp_body.h"
#include "http/mapihttp_keepalive.h"
#include "http/mapihttp_leg.h"
#include "http/mapihttp_transaction.h"
#include "tcp/out_of_order.h"
#include "tcp/reassembly_overrun.h"
#include "tcp/segment.h"
#include "tcp/tls_undecrypted.h"

#include <string.h>

#include <epan/exceptions.h>
#include <epan/expert.h>
#include <epan/proto_data.h>
#include <epan/show_exception.h>
#include <epan/to_str.h>
#include <wsutil/str_util.h>

/*
 * The http dissector hands over bodies of type application/mapi-http. It says nothing of messages without a body (PING,
 * and answers of proxies) and of refusals, which are text/html (MS-OXCMAPIHTTP 3.2.5.1), and nothing of a connection
 * that ends while a response is awaited. So once a connection has carried MAPI/HTTP, its dissector becomes one that
 * calls the http dissector and then shows the messages of which that made nothing; and a post-dissector looks at the
 * ends of such connections.
 */

/*
 * packet-tls-utils.h declares it, and wants headers of libgcrypt that Wireshark's development packages do not bring
 * along.
 */
WS_DLL_PUBLIC void tls_set_appdata_dissector(dissector_handle_t tls, packet_info *pinfo, dissector_handle_t app);

static int proto_mapihttp = -1;
static int proto_connection = -1;
static int proto_http = -1;
static int proto_tls = -1;
static protocol_t *protocol;

static int hf_request_type = -1;        /* registered with the headers */
static int hf_http_status = -1;
static int hf_unanswered = -1;

static int ett_mapihttp = -1;
static int ett_headers = -1;

static expert_field ei_no_preamble = EI_INIT;
static expert_field ei_credentials = EI_INIT;
static expert_field ei_refused = EI_INIT;
static expert_field ei_no_pending = EI_INIT;
static expert_field ei_cut_off = EI_INIT;
static expert_field ei_request_unknown = EI_INIT;
static expert_field ei_no_headers = EI_INIT;
static expert_field ei_rest = EI_INIT;
static expert_field ei_swallowed = EI_INIT;
static expert_field ei_not_decrypted = EI_INIT;
static expert_field ei_out_of_order = EI_INIT;
static expert_field ei_encoded = EI_INIT;

static dissector_handle_t http_tcp_handle;
static dissector_handle_t http_tls_handle;
static dissector_handle_t tls_handle;
static dissector_handle_t connection_tcp_handle;
static dissector_handle_t connection_tls_handle;

/*
 * An HTTP message that is not reassembled stands in the frame behind this much at most (Ethernet, IP and TCP with
 * options).
 */
#define MAX_LINK_HEADERS 256

/* Tells the wake-ups of lost waits from those of the messages in the frame, which have their ordinal. */
#define CUT_OFF_WAKEUP 0x40000000

/* Keys of data that lives as long as one dissection of a frame. */
enum {
    FRAME_ORDINAL,              /* messages of the protocol shown so far */
    FRAME_MESSAGES              /* messages_t *: those of the tvb the http dissector works on */
};

/*
 * The messages of a tvb, read when they are asked for: of one that is not complete the http dissector wants to see every
 * byte again with each segment, and this one does not look at it before its end is there.
 */
typedef struct {
    tvbuff_t *tvb;
    wmem_array_t *read;         /* oxc_http_message_t *, in the order of the bytes */
    bool all;
} messages_t;

/* Number of the message that comes next in this dissection of the frame. */
static uint32_t *
next_ordinal(packet_info *pinfo)
{
    uint32_t *ordinal = (uint32_t *)p_get_proto_data(pinfo->pool, pinfo, proto_mapihttp, FRAME_ORDINAL);

    if (!ordinal) {
        ordinal = wmem_new0(pinfo->pool, uint32_t);
        p_add_proto_data(pinfo->pool, pinfo, proto_mapihttp, FRAME_ORDINAL, ordinal);
    }
    return ordinal;
}

/* ---- one message ---- */

static const char *
type_text(const char *type_name)
{
    return type_name && *type_name ? type_name : "[no request type]";
}

static const char *
status_text(unsigned status)
{
    return oxc_http_status_name(status);
}

static void
show_headers(packet_info *pinfo, proto_tree *tree, tvbuff_t *tvb, const oxc_http_message_t *message)
{
    unsigned count = wmem_array_get_count(message->headers);
    proto_tree *headers;

    if (message->tvb)
        headers = proto_tree_add_subtree(tree, message->tvb, message->offset, message->body - message->offset,
                                         ett_headers, NULL, "HTTP headers");
    else
        headers = proto_tree_add_subtree(tree, tvb, 0, 0, ett_headers, NULL, "HTTP headers");
    for (unsigned i = 0; i < count; i++) {
        const oxc_http_header_t *header = (const oxc_http_header_t *)wmem_array_index(message->headers, i);

        oxc_mapihttp_header(message->tvb ? message->tvb : tvb, pinfo, headers, header->name, header->value,
                            header->offset, header->length, false);
    }
}

/* Appends to the Info column what a person wants to know of a result first. */
static void
summarize_result(packet_info *pinfo, proto_item *item, uint32_t status, uint32_t response_code, const oxc_body_t *body)
{
    char *text = NULL;

    if (response_code != 0)
        text = wmem_strdup_printf(pinfo->pool, ", X-ResponseCode %u %s", response_code,
                                  oxc_mapihttp_response_code_name(response_code));
    else if (status != 0 && status != 200)
        text = wmem_strdup_printf(pinfo->pool, ", HTTP %u %s", status,
                                  status_text(status));
    else if (body->has_status_code && body->status_code != 0)
        text = wmem_strdup_printf(pinfo->pool, ", StatusCode 0x%08x", body->status_code);
    else if (body->has_error_code && body->error_code != 0)
        text = wmem_strdup_printf(pinfo->pool, ", ErrorCode %s", oxc_mapihttp_error_name(pinfo, body->error_code));
    else if (body->has_event_pending)
        text = wmem_strdup(pinfo->pool, body->event_pending ? ", EventPending" : ", no event");
    if (!text)
        return;
    col_append_str(pinfo->cinfo, COL_INFO, text);
    proto_item_append_text(item, "%s", text);
}

/* How a NotificationWait ended (MS-OXCMAPIHTTP 2.2.4.4, 3.1.5.5). */
static oxc_wakeup_outcome_t
wait_outcome(const oxc_http_message_t *message, const oxc_preamble_t *preamble, uint32_t response_code,
             const oxc_body_t *body)
{
    if (response_code == 0 && body->has_event_pending && body->error_code == 0)
        return body->event_pending ? OXC_OUTCOME_PENDING : OXC_OUTCOME_TIMEOUT;
    /* A proxy that lost patience, or a response that stopped before DONE. */
    if (message->status / 100 == 5 || message->status == 408 || (preamble->there && !preamble->done))
        return OXC_OUTCOME_CUT_OFF;
    return OXC_OUTCOME_REJECTED;
}

/* What a capture of short frames lacks of a body must not cost what the message is to its session. */
static void
read_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, bool is_request, const mapihttp_record_t *record,
          oxc_body_t *body)
{
    TRY {
        if (is_request)
            oxc_mapihttp_request_body(tvb, pinfo, tree, record->type, record->pdu, body);
        else
            oxc_mapihttp_response_body(tvb, pinfo, tree, record->type, record->pdu, body);
    }
    CATCH_NONFATAL_ERRORS {
        show_exception(tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
    }
    ENDTRY;
}

static void
dissect_request(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_http_message_t *message,
                tvbuff_t *body_tvb, mapihttp_record_t *record)
{
    oxc_body_t body = { 0 };

    if (body_tvb)
        read_body(body_tvb, pinfo, tree, true, record, &body);
    oxc_mapihttp_settle(pinfo, record, message, &body, 0);
    if (record->pdu->call->kind == OXC_CALL_FETCH)
        oxc_listener->fetch(tvb, pinfo, tree, record->pdu);
}

/* The client repeats a call that the server, or a device in front of it, did not carry out. */
static bool
is_refused(const oxc_http_message_t *message, uint32_t response_code, const oxc_body_t *body)
{
    return (message->status != 0 && message->status != 200) || response_code != 0 || !body->has_error_code ||
           body->error_code != 0;
}

/* Each new connection of a client that uses NTLM or Negotiate begins with one or two such responses. */
static void
show_authentication(packet_info *pinfo, proto_item *item, const mapihttp_record_t *record)
{
    if (record->credentials_refused)
        expert_add_info_format(pinfo, item, &ei_credentials,
                               "HTTP status 401 or 407 for the third time for the same request: the server does not "
                               "accept the credentials, and nothing is notified until it does");
}

static void
show_wait_end(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const mapihttp_record_t *record, uint32_t ordinal,
              oxc_wakeup_outcome_t outcome)
{
    const oxc_call_t *wait = record->pdu->call;

    if (outcome == OXC_OUTCOME_CUT_OFF && record->exchange && oxc_leg_is_answered_by_device(record->exchange))
        oxc_listener->wait_cut_off(tvb, pinfo, tree, ordinal, OXC_WAKEUP_HTTP_WAIT, wait, OXC_CLOSED_BY_DEVICE);
    else
        oxc_listener->wakeup(tvb, pinfo, tree, ordinal, OXC_WAKEUP_HTTP_WAIT, outcome, record->session, wait->bound,
                             wait->request);
}

static void
dissect_response(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, proto_item *item,
                 const oxc_http_message_t *message, tvbuff_t *body_tvb, mapihttp_record_t *record, uint32_t ordinal)
{
    oxc_preamble_t preamble = { 0 };
    oxc_body_t body = { 0 };
    uint32_t response_code = 0;
    bool known = true;          /* nothing that tells how a wait ended was left out of the capture */
    int offset = 0;

    oxc_mapihttp_number(oxc_http_value(message, "x-responsecode"), &response_code);
    oxc_mapihttp_authenticate(pinfo, record, message->status);
    if (message->status != 0) {
        int length = message->stream ? 0 : (int)strlen("HTTP/1.1 200");
        proto_item *status = proto_tree_add_uint_format_value(tree, hf_http_status, message->tvb, message->offset,
                                                              length, message->status, "%u %s",
                                                              message->status, status_text(message->status));

        if (record->failure == OXC_FAILURE_AUTHENTICATION)
            show_authentication(pinfo, status, record);
        else if (message->status != 200)
            expert_add_info_format(pinfo, status, &ei_refused, "HTTP status %u: %s", message->status,
                                   status_text(message->status));
    }
    if (body_tvb) {
        offset = oxc_mapihttp_preamble(body_tvb, pinfo, tree, &preamble);
        if (!preamble.there && response_code == 0)
            expert_add_info(pinfo, item, &ei_no_preamble);
        if (preamble.has_response_code && preamble.response_code != 0)
            response_code = preamble.response_code;
        if ((preamble.done || !preamble.there) && tvb_reported_length_remaining(body_tvb, offset) > 0)
            read_body(tvb_new_subset_remaining(body_tvb, offset), pinfo, tree, false, record, &body);
        else if (preamble.done && response_code == 0)
            read_body(tvb_new_subset_length(body_tvb, offset, 0), pinfo, tree, false, record, &body);
        known = body.has_event_pending || tvb_captured_length(body_tvb) == tvb_reported_length(body_tvb);
    } else if (message->body_unread && message->status == 200) {
        known = response_code != 0;
    }
    summarize_result(pinfo, item, message->status, response_code, &body);
    oxc_mapihttp_settle(pinfo, record, message, &body, response_code);
    if (!record->failure && known && is_refused(message, response_code, &body))
        record->failure = OXC_FAILURE_REFUSED;
    if (record->failure)
        oxc_listener->call_failed(pinfo, record->pdu->call, (oxc_failure_t)record->failure);
    if (record->pdu->call->kind == OXC_CALL_WAIT && known && record->failure != OXC_FAILURE_AUTHENTICATION)
        show_wait_end(tvb, pinfo, tree, record, ordinal, wait_outcome(message, &preamble, response_code, &body));
    else if (record->pdu->call->kind == OXC_CALL_FETCH)
        oxc_listener->fetch(tvb, pinfo, tree, record->pdu);
}

/* body_tvb is NULL for a message without a body of the protocol. */
static void
dissect_message(packet_info *pinfo, proto_tree *tree, const oxc_http_message_t *message, tvbuff_t *body_tvb)
{
    tvbuff_t *tvb = body_tvb ? body_tvb : message->tvb;
    uint32_t ordinal = (*next_ordinal(pinfo))++;
    mapihttp_record_t *record = oxc_mapihttp_record(pinfo, message, body_tvb, ordinal);
    proto_item *item;
    char *text;

    if (!record)
        return;
    text = wmem_strdup_printf(pinfo->pool, "%s %s", type_text(record->type_name),
                              message->is_request ? "request" : "response");
    col_set_str(pinfo->cinfo, COL_PROTOCOL, "MAPIHTTP");
    /* The http dissector fences what it says of each message: one behind others is appended, the first one replaced. */
    if (!body_tvb && ordinal == 0)
        col_clear_fence(pinfo->cinfo, COL_INFO);
    col_clear(pinfo->cinfo, COL_INFO);
    col_append_sep_str(pinfo->cinfo, COL_INFO, NULL, text);
    if (body_tvb)
        item = proto_tree_add_item(tree, proto_mapihttp, body_tvb, 0, -1, ENC_NA);
    else
        item = proto_tree_add_item(tree, proto_mapihttp, message->tvb, message->offset, message->body - message->offset,
                                   ENC_NA);
    proto_item_append_text(item, ", %s", text);
    tree = proto_item_add_subtree(item, ett_mapihttp);

    oxc_show_call_links(tvb, pinfo, tree, record->pdu);
    if (message->body_unread && oxc_http_value(message, "content-encoding"))
        expert_add_info_format(pinfo, item, &ei_encoded, "The body is not read: Wireshark does not decode it (%s)",
                               oxc_http_value(message, "content-encoding"));
    if (message->no_headers)
        expert_add_info(pinfo, item, &ei_no_headers);
    else if (message->is_rest)
        expert_add_info(pinfo, item, &ei_rest);
    else
        show_headers(pinfo, tree, tvb, message);
    if (record->type_inferred && record->type_name)
        proto_item_set_generated(proto_tree_add_string(tree, hf_request_type, tvb, 0, 0, record->type_name));
    if (record->other_leg != 0 && (record->is_again || PINFO_FD_VISITED(pinfo)))
        oxc_listener->other_leg(tvb, pinfo, tree, record->pdu, record->other_leg,
                                record->is_again ? &record->leg_delay : NULL);
    if (record->is_again) {
        oxc_listener->session(tvb, pinfo, tree, record->session);
        return;
    }
    if (message->is_request)
        dissect_request(tvb, pinfo, tree, message, body_tvb, record);
    else
        dissect_response(tvb, pinfo, tree, item, message, body_tvb, record, ordinal);
    if (!message->is_request && !record->exchange)
        expert_add_info(pinfo, item, &ei_request_unknown);
    /* Fetches and wake-ups show their session themselves. */
    if (record->pdu->call->kind != OXC_CALL_FETCH &&
        (record->pdu->call->kind != OXC_CALL_WAIT || message->is_request)) {
        oxc_listener->session(tvb, pinfo, tree, record->session);
        oxc_listener->call(pinfo, record->pdu);
        if (record->pdu->call->kind == OXC_CALL_WAIT)
            oxc_listener->wait(tvb, pinfo, tree, OXC_WAKEUP_HTTP_WAIT, record->pdu);
    }
}

/* ---- bodies, as the http dissector hands them over ---- */

/* The request or response that is first in one of the frame's data sources; NULL when there is none. */
static oxc_http_message_t *
find_message(packet_info *pinfo, bool is_request)
{
    const char *start = is_request ? "POST " : "HTTP/1.";

    for (GSList *at = pinfo->data_src; at; at = at->next) {
        tvbuff_t *tvb = get_data_source_tvb((const struct data_source *)at->data);
        unsigned length = MIN(tvb_captured_length(tvb), MAX_LINK_HEADERS);
        const uint8_t *bytes = tvb_get_ptr(tvb, 0, (int)length);
        const uint8_t *found = (const uint8_t *)ws_memmem(bytes, length, start, strlen(start));
        oxc_http_message_t *message = found ? oxc_http_read(pinfo, tvb, (int)(found - bytes)) : NULL;

        if (message && message->is_request == is_request)
            return message;
    }
    return NULL;
}

/* The http dissector may have no headers for a response because of what is torn in front of it. */
static bool
same_message(const oxc_http_message_t *message, const oxc_http_message_t *hint)
{
    return message->is_request == hint->is_request && oxc_http_is_type(message, "application/mapi-http") &&
           (!oxc_http_value(hint, "x-requestid") ||
            g_strcmp0(oxc_http_value(message, "x-requestid"), oxc_http_value(hint, "x-requestid")) == 0);
}

/* Where the first message begins: what is left of a torn response may be in front of it. */
static int
first_message(tvbuff_t *tvb)
{
    static const char version[] = "HTTP/1.";
    unsigned length = tvb_captured_length(tvb);
    const uint8_t *bytes = tvb_get_ptr(tvb, 0, (int)length);
    const uint8_t *found = (const uint8_t *)ws_memmem(bytes, length, version, sizeof version - 1);

    return found ? (int)(found - bytes) : 0;
}

/* The message of that number in the tvb; NULL if there are not so many. */
static oxc_http_message_t *
nth_message(packet_info *pinfo, messages_t *messages, unsigned number)
{
    while (!messages->all && wmem_array_get_count(messages->read) <= number) {
        unsigned count = wmem_array_get_count(messages->read);
        const oxc_http_message_t *last =
            count ? *(oxc_http_message_t **)wmem_array_index(messages->read, count - 1) : NULL;
        oxc_http_message_t *next = NULL;

        if (!last || last->complete)
            next = oxc_http_read(pinfo, messages->tvb, last ? last->end : 0);
        if (!next && !last)
            next = oxc_http_read(pinfo, messages->tvb, first_message(messages->tvb));
        if (next)
            wmem_array_append_one(messages->read, next);
        else
            messages->all = true;
    }
    return number < wmem_array_get_count(messages->read) ?
        *(oxc_http_message_t **)wmem_array_index(messages->read, number) : NULL;
}

/* The messages on a watched connection; NULL when it is not watched yet, or has none here. */
static messages_t *
watched_messages(packet_info *pinfo)
{
    messages_t *messages = (messages_t *)p_get_proto_data(pinfo->pool, pinfo, proto_mapihttp, FRAME_MESSAGES);

    return messages && nth_message(pinfo, messages, 0) ? messages : NULL;
}

/* The message among them that the headers are of; NULL when there is none. */
static oxc_http_message_t *
watched_message(packet_info *pinfo, const oxc_http_message_t *hint)
{
    messages_t *messages = watched_messages(pinfo);
    oxc_http_message_t *message;

    for (unsigned i = 0; messages && (message = nth_message(pinfo, messages, i)) != NULL; i++) {
        if (!message->dissected && same_message(message, hint))
            return message;
    }
    return NULL;
}

/* The message that begins at an offset where one was found before. */
static oxc_http_message_t *
message_at(packet_info *pinfo, bool is_request, int offset)
{
    messages_t *messages = watched_messages(pinfo);
    oxc_http_message_t *message;

    for (unsigned i = 0; messages && (message = nth_message(pinfo, messages, i)) != NULL; i++) {
        if (!message->dissected && message->offset == offset)
            return message;
    }
    message = messages ? NULL : find_message(pinfo, is_request);
    return message && message->offset == offset ? message : NULL;
}

/* Called for every message until the connection is ours: who suspects something else in it may take it back once. */
static void
watch_connection(packet_info *pinfo)
{
    bool first = oxc_mapihttp_watched_from(pinfo) == 0;
    conversation_t *conversation;

    if (PINFO_FD_VISITED(pinfo))
        return;
    oxc_mapihttp_set_watched(pinfo);
    if (oxc_segment_has_layer(pinfo, proto_tls)) {
        if (first)
            tls_set_appdata_dissector(tls_handle, pinfo, connection_tls_handle);
    } else if (pinfo->ptype == PT_TCP) {
        conversation = find_or_create_conversation(pinfo);
        if (conversation_get_dissector(conversation, pinfo->num + 1) != connection_tcp_handle)
            conversation_set_dissector_from_frame_number(conversation, pinfo->num + 1, connection_tcp_handle);
    }
}

/*
 * Which message a body is of is told by the headers that come with it, on the first visit of the frame: not every
 * release of Wireshark has them on later ones. Kept by frame and ordinal of the message, as the records of
 * proto_mapihttp are.
 */
typedef struct {
    oxc_http_message_t *headers;    /* in file scope; NULL when the message can be read again */
    int offset;                     /* of the message, then */
} body_owner_t;

static oxc_http_message_t *
meet_message(packet_info *pinfo, const media_content_info_t *content)
{
    body_owner_t *owner = wmem_new0(wmem_file_scope(), body_owner_t);
    bool is_request = content->type == MEDIA_CONTAINER_HTTP_REQUEST;
    wmem_map_t *headers = (wmem_map_t *)content->data;
    oxc_http_message_t *hint = oxc_http_hint_from_map(pinfo, is_request, headers, "x-requestid"), *message = NULL;
    oxc_http_message_t *known = watched_message(pinfo, hint);

    if (!known) {
        watch_connection(pinfo);
        known = find_message(pinfo, is_request);
        if (known && !same_message(known, hint))
            known = NULL;
    }
    if (known) {
        owner->offset = known->offset;
    } else {
        message = oxc_http_from_map(pinfo, is_request, headers);
        owner->headers = oxc_http_keep(message);
    }
    p_set_proto_data(wmem_file_scope(), pinfo, proto_connection, *next_ordinal(pinfo), owner);
    return known ? known : message;
}

static oxc_http_message_t *
recall_message(packet_info *pinfo, const media_content_info_t *content)
{
    bool is_request = content->type == MEDIA_CONTAINER_HTTP_REQUEST;
    const body_owner_t *owner = (const body_owner_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_connection,
                                                                       *next_ordinal(pinfo));
    oxc_http_message_t *message = NULL;

    if (owner)
        message = owner->headers ? owner->headers : message_at(pinfo, is_request, owner->offset);
    return message ? message : oxc_http_from_map(pinfo, is_request, (wmem_map_t *)content->data);
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
        known = watched_message(pinfo, message);
        if (known) {
            known->dissected = true;
            message = known;
        }
        dissect_message(pinfo, tree, message, tvb);
        return (int)tvb_captured_length(tvb);
    }
    message = PINFO_FD_VISITED(pinfo) ? recall_message(pinfo, content) : meet_message(pinfo, content);
    message->dissected = true;
    dissect_message(pinfo, tree, message, tvb);
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
           (oxc_http_value(message, "x-requesttype") && !oxc_http_is_type(message, "text/html") &&
            !oxc_http_is_type(message, "text/plain"));
}

/* Compressed or the like, which the http dissector undoes if it can. */
static bool
is_encoded(const oxc_http_message_t *message)
{
    const char *encoding = oxc_http_value(message, "content-encoding");

    return encoding && *encoding && g_ascii_strcasecmp(encoding, "identity") != 0;
}

static void
show_leftover(packet_info *pinfo, proto_tree *tree, oxc_http_message_t *message)
{
    if (message->dissected || !message->complete || (!message->is_request && message->status / 100 == 1))
        return;
    message->dissected = true;
    message->body_unread = is_encoded(message) && may_carry_mapi(message) && message->end > message->body;
    if (message->is_request && !oxc_mapihttp_is_request(message))
        oxc_mapihttp_foreign_request(pinfo);
    else
        dissect_message(pinfo, tree, message,
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
    dissect_message(pinfo, tree, message, body);
}

static int
dissect_connection(dissector_handle_t http_handle, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    uint32_t watched_from = oxc_mapihttp_watched_from(pinfo);
    messages_t *messages;
    oxc_http_message_t *message;
    int used;

    /* The http dissector may want reassembly, which is offered to the next dissector only. */
    if (pinfo->can_desegment > 0)
        pinfo->can_desegment++;
    if (watched_from == 0 || pinfo->num < watched_from)
        return call_dissector_only(http_handle, tvb, pinfo, tree, data);

    messages = wmem_new0(pinfo->pool, messages_t);
    messages->tvb = tvb;
    messages->read = wmem_array_new(pinfo->pool, sizeof(oxc_http_message_t *));
    p_set_proto_data(pinfo->pool, pinfo, proto_mapihttp, FRAME_MESSAGES, messages);
    used = call_dissector_only(http_handle, tvb, pinfo, tree, data);
    p_remove_proto_data(pinfo->pool, pinfo, proto_mapihttp, FRAME_MESSAGES);

    /* What the http dissector wants to see again comes again. */
    if (pinfo->desegment_len != 0 && pinfo->desegment_offset == 0)
        return used;
    for (unsigned i = 0; (message = nth_message(pinfo, messages, i)) != NULL; i++) {
        if (pinfo->desegment_len != 0 && message->end > pinfo->desegment_offset)
            break;
        show_leftover(pinfo, tree, message);
        if (pinfo->desegment_len != 0 && message->end == pinfo->desegment_offset)
            break;
    }
    if (pinfo->desegment_len == 0 && !nth_message(pinfo, messages, 0))
        show_rest(tvb, pinfo, tree);
    return used;
}

static int
dissect_connection_tcp(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return dissect_connection(http_tcp_handle, tvb, pinfo, tree, data);
}

static int
dissect_connection_tls(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    return dissect_connection(http_tls_handle, tvb, pinfo, tree, data);
}

/* ---- what is found behind all dissectors ---- */

/* The first message of a connection, before that is watched, has no body: nobody asked this dissector. */
static void
show_first_message(packet_info *pinfo, proto_tree *tree)
{
    uint32_t watched_from;
    oxc_http_message_t *message;

    if (!oxc_segment_has_layer(pinfo, proto_http))
        return;
    watched_from = oxc_mapihttp_watched_from(pinfo);
    if (PINFO_FD_VISITED(pinfo) ? watched_from != pinfo->num + 1 : watched_from != 0)
        return;
    /* On the first visit, being shown would have made it watched. */
    if (p_get_proto_data(pinfo->pool, pinfo, proto_mapihttp, FRAME_ORDINAL))
        return;
    message = find_message(pinfo, true);
    if (message && message->complete && oxc_mapihttp_is_request(message) &&
        (message->end == message->body || may_carry_mapi(message))) {
        watch_connection(pinfo);
        dissect_message(pinfo, tree, message, oxc_http_body(pinfo, message));
    }
}

static void
show_cut_off(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    wmem_list_t *lost = oxc_mapihttp_cut_off(pinfo);
    uint32_t which = CUT_OFF_WAKEUP;

    if (!lost)
        return;
    for (wmem_list_frame_t *at = wmem_list_head(lost); at; at = wmem_list_frame_next(at), which++) {
        const mapihttp_exchange_t *exchange = (const mapihttp_exchange_t *)wmem_list_frame_data(at);
        oxc_call_t *call = exchange->whole ? exchange->whole->call : exchange->call;
        proto_item *item = proto_tree_add_item(tree, proto_mapihttp, tvb, 0, 0, ENC_NA);
        proto_tree *lost_tree = proto_item_add_subtree(item, ett_mapihttp);

        proto_item_set_generated(item);
        proto_item_append_text(item, ", %s: the connection ends before the response", type_text(exchange->type_name));
        col_append_fstr(pinfo->cinfo, COL_INFO, " [%s of frame %u cut off]", type_text(exchange->type_name),
                        call->request->frame);
        expert_add_info(pinfo, item, &ei_cut_off);
        proto_item_set_generated(proto_tree_add_uint(lost_tree, hf_unanswered, tvb, 0, 0, call->request->frame));
        oxc_listener->call_failed(pinfo, call, OXC_FAILURE_CUT_OFF);
        if (call->kind == OXC_CALL_WAIT)
            oxc_listener->wait_cut_off(tvb, pinfo, lost_tree, which, OXC_WAKEUP_HTTP_WAIT, call,
                                       (oxc_closed_by_t)exchange->closed_by);
    }
}

static void
show_silence(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    const oxc_keepalive_t *silence = oxc_keepalive_ended(pinfo);
    proto_item *item;

    if (!silence)
        return;
    item = proto_tree_add_item(tree, proto_mapihttp, tvb, 0, 0, ENC_NA);
    proto_item_set_generated(item);
    proto_item_append_text(item, ", silence on the NotificationWait of frame %u", silence->wait_in);
    expert_add_info_format(
        pinfo, item, &ei_no_pending,
        "The server said nothing for %s s, although X-PendingPeriod promises a PENDING every %u ms: devices on the "
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

static void
show_overrun(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree)
{
    static const oxc_overrun_kind_t messages = { &proto_mapihttp, &ei_swallowed, "message",
                                                "Content-Length or a chunk's size", message_begins };
    tvbuff_t *data;
    const oxc_overrun_t *overrun = oxc_overrun_show(frame, pinfo, tree, &messages, &data);
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

static int
postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    if (pinfo->ptype != PT_TCP || !proto_is_protocol_enabled(protocol))
        return 0;
    oxc_mapihttp_http2_postdissect(tvb, pinfo, tree);
    show_first_message(pinfo, tree);
    show_overrun(tvb, pinfo, tree);
    oxc_tls_show_undecrypted(tvb, pinfo, tree, proto_mapihttp, &ei_not_decrypted, oxc_mapihttp_is_connection);
    oxc_out_of_order_show(tvb, pinfo, tree, proto_mapihttp, &ei_out_of_order, oxc_mapihttp_is_connection);
    show_silence(tvb, pinfo, tree);
    show_cut_off(tvb, pinfo, tree);
    return (int)tvb_captured_length(tvb);
}

/* ---- bodies of another media type, or of none ---- */

static bool
has_request_type(const oxc_http_message_t *message)
{
    return message && !message->dissected && oxc_http_value(message, "x-requesttype") &&
           !oxc_http_is_type(message, "application/mapi-http");
}

/* The message with X-RequestType whose body comes next; NULL for none. */
static oxc_http_message_t *
find_message_by_request_type(packet_info *pinfo)
{
    messages_t *messages = watched_messages(pinfo);
    oxc_http_message_t *message;

    for (unsigned i = 0; messages && (message = nth_message(pinfo, messages, i)) != NULL; i++) {
        if (has_request_type(message))
            return message;
    }
    for (int is_request = 1; is_request >= 0 && !messages; is_request--) {
        message = find_message(pinfo, is_request);
        if (has_request_type(message))
            return message;
    }
    return NULL;
}

/* See may_carry_mapi(). */
static ws_bool
dissect_mapihttp_heur(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    oxc_http_message_t *message = find_message_by_request_type(pinfo);

    if (!message || !may_carry_mapi(message))
        return false;
    watch_connection(pinfo);
    message->dissected = true;
    dissect_message(pinfo, tree, message, tvb);
    return true;
}

/* ---- registration ---- */

void
proto_register_mapihttp(void)
{
    static hf_register_info hf[] = {
        { &hf_http_status, { "HTTP status", "mapihttp.http_status", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_unanswered,
          { "Unanswered request", "mapihttp.unanswered_request_in", FT_FRAMENUM, BASE_NONE,
            FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_mapihttp, &ett_headers };
    static ei_register_info ei[] = {
        { &ei_no_preamble,
          { "mapihttp.no_preamble", PI_PROTOCOL, PI_NOTE, "The response body has no PROCESSING and DONE in front",
            EXPFILL } },
        { &ei_credentials,
          { "mapihttp.credentials_refused", PI_RESPONSE_CODE, PI_WARN, "Credentials refused", EXPFILL } },
        { &ei_refused, { "mapihttp.http_failure", PI_RESPONSE_CODE, PI_WARN, "The HTTP status is not 200", EXPFILL } },
        { &ei_no_pending,
          { "mapihttp.no_pending", PI_SEQUENCE, PI_NOTE, "No PENDING within X-PendingPeriod", EXPFILL } },
        { &ei_cut_off,
          { "mapihttp.cut_off", PI_SEQUENCE, PI_WARN, "The connection ends before the response was complete",
            EXPFILL } },
        { &ei_request_unknown,
          { "mapihttp.request_not_captured", PI_SEQUENCE, PI_NOTE, "The request was not captured", EXPFILL } },
        { &ei_rest,
          { "mapihttp.beginning_not_captured", PI_SEQUENCE, PI_NOTE, "The beginning of the response was not captured",
            EXPFILL } },
        { &ei_swallowed,
          { "mapihttp.swallowed", PI_REASSEMBLE, PI_WARN, "A message begins inside another", EXPFILL } },
        { &ei_not_decrypted,
          { "mapihttp.not_decrypted", PI_DECRYPTION, PI_WARN,
            "TLS cannot decrypt this direction of the connection any further: a record is missing or damaged",
            EXPFILL } },
        { &ei_out_of_order,
          { "mapihttp.out_of_order", PI_REASSEMBLE, PI_NOTE, "Segments out of order, or missing", EXPFILL } },
        { &ei_encoded,
          { "mapihttp.encoded", PI_UNDECODED, PI_NOTE, "Content-Encoding not decoded", EXPFILL } },
        { &ei_no_headers,
          { "mapihttp.no_headers", PI_ASSUMPTION, PI_NOTE,
            "The headers are not known: request type and session are inferred",
            EXPFILL } },
    };

    proto_mapihttp = proto_register_protocol("MAPI over HTTP", "MAPI/HTTP", "mapihttp");
    protocol = find_protocol_by_id(proto_mapihttp);
    proto_connection = proto_register_protocol_in_name_only("Connection that carries MAPI over HTTP", "HTTP with MAPI",
                                                            "mapihttp.connection", proto_mapihttp, FT_PROTOCOL);
    proto_register_field_array(proto_mapihttp, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto_mapihttp), ei, array_length(ei));
    oxc_register_mapihttp_headers(proto_mapihttp);
    oxc_register_mapihttp_preamble(proto_mapihttp);
    oxc_register_mapihttp_body(proto_mapihttp);
    oxc_register_mapihttp_transaction(proto_mapihttp);
    oxc_register_mapihttp_http2(proto_mapihttp, dissect_message);
    hf_request_type = proto_registrar_get_id_byname("mapihttp.request_type");
}

void
proto_reg_handoff_mapihttp(void)
{
    dissector_handle_t handle = register_dissector("mapihttp", dissect_mapihttp, proto_mapihttp);

    dissector_add_string("media_type", "application/mapi-http", handle);
    heur_dissector_add("http", dissect_mapihttp_heur, "MAPI over HTTP by X-RequestType", "mapihttp_http", proto_mapihttp,
                       HEURISTIC_ENABLE);
    oxc_postdissector_add(postdissect, proto_mapihttp);
    proto_http = proto_get_id_by_filter_name("http");
    proto_tls = proto_get_id_by_filter_name("tls");
    oxc_mapihttp_http2_handoff();
    http_tcp_handle = find_dissector("http-over-tcp");
    http_tls_handle = find_dissector("http-over-tls");
    tls_handle = find_dissector("tls");
    connection_tcp_handle = register_dissector("mapihttp-over-tcp", dissect_connection_tcp, proto_connection);
    connection_tls_handle = register_dissector("mapihttp-over-tls", dissect_connection_tls, proto_connection);
}
