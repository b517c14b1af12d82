/* mapihttp_message.c
 * One message of MAPI/HTTP as it is shown, and what it tells (MS-OXCMAPIHTTP 2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_message.h"

#include "http/mapihttp_authentication.h"
#include "http/mapihttp_body.h"
#include "http/mapihttp_leg.h"
#include "http/mapihttp_transaction.h"
#include "registration.h"
#include "rop/buffer.h"
#include "oxcnotif_item.h"
#include "session/event.h"

#include <string.h>

#include <epan/exceptions.h>
#include <epan/expert.h>
#include <epan/proto_data.h>
#include <epan/show_exception.h>

static int proto_mapihttp = -1;

static int hf_request_type = -1;        /* registered with the headers */
static int hf_http_status = -1;

static int ett_mapihttp = -1;
static int ett_headers = -1;

static expert_field ei_no_preamble = EI_INIT;
static expert_field ei_text = EI_INIT;
static expert_field ei_credentials = EI_INIT;
static expert_field ei_refused = EI_INIT;
static expert_field ei_request_unknown = EI_INIT;
static expert_field ei_rest = EI_INIT;
static expert_field ei_encoded = EI_INIT;
static expert_field ei_no_headers = EI_INIT;

/* Key of what lives as long as one dissection of a frame: how many messages of the protocol were shown so far. */
#define FRAME_ORDINAL 0

uint32_t *
oxc_mapihttp_next_ordinal(packet_info *pinfo)
{
    uint32_t *ordinal = (uint32_t *)p_get_proto_data(pinfo->pool, pinfo, proto_mapihttp, FRAME_ORDINAL);

    if (!ordinal) {
        ordinal = wmem_new0(pinfo->pool, uint32_t);
        p_add_proto_data(pinfo->pool, pinfo, proto_mapihttp, FRAME_ORDINAL, ordinal);
    }
    return ordinal;
}

const char *
oxc_mapihttp_type_text(const char *type_name)
{
    return type_name && *type_name ? type_name : "[no request type]";
}

static void
show_headers(packet_info *pinfo, proto_tree *tree, tvbuff_t *tvb, const oxc_http_message_t *message)
{
    proto_tree *headers;

    if (message->tvb)
        headers = proto_tree_add_subtree(tree, message->tvb, message->offset, message->body - message->offset,
                                         ett_headers, NULL, "HTTP headers");
    else
        headers = proto_tree_add_subtree(tree, tvb, 0, 0, ett_headers, NULL, "HTTP headers");
    for (unsigned i = 0; i < message->header_count; i++)
        oxc_mapihttp_header(message->tvb ? message->tvb : tvb, pinfo, headers, &message->headers[i]);
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
                                  oxc_http_status_name(status));
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

/*
 * HTML or XML: a login page, or what a device says of an error, whatever media type it has. The StatusCode with which a body
 * of MAPI/HTTP begins is none of the numbers that these letters would be.
 */
static bool
is_markup(tvbuff_t *tvb, int offset)
{
    int left = tvb_captured_length_remaining(tvb, offset);
    uint8_t next;

    while (left > 1 && g_ascii_isspace(tvb_get_uint8(tvb, offset))) {
        offset++;
        left--;
    }
    if (left < 2 || tvb_get_uint8(tvb, offset) != '<')
        return false;
    next = tvb_get_uint8(tvb, offset + 1);
    return g_ascii_isalpha(next) || next == '!' || next == '?';
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
    oxc_channel_t *channel = oxc_call_wait(wait)->channel;

    if (outcome == OXC_OUTCOME_CUT_OFF && record->exchange && oxc_leg_is_answered_by_device(record->exchange))
        oxc_listener->wait_cut_off(tvb, pinfo, tree, ordinal, OXC_WAKEUP_HTTP_WAIT, wait, OXC_CLOSED_BY_DEVICE);
    else if (channel)
        oxc_listener->wakeup_through(tvb, pinfo, tree, ordinal, OXC_WAKEUP_HTTP_WAIT, outcome, channel, NULL);
    else
        oxc_listener->wakeup(tvb, pinfo, tree, ordinal, OXC_WAKEUP_HTTP_WAIT, outcome, record->session, wait->bound,
                             wait->request);
}

static void
dissect_response(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, proto_item *item,
                 const oxc_http_message_t *message, tvbuff_t *body_tvb, mapihttp_record_t *record, uint32_t ordinal)
{
    oxc_preamble_t preamble = { 0 };
    bool is_text;
    oxc_body_t body = { 0 };
    uint32_t response_code = 0;
    bool known = true;          /* nothing that tells how a wait ended was left out of the capture */
    int offset = 0;

    oxc_mapihttp_number(oxc_http_value(message, OXC_HEADER_X_RESPONSECODE), &response_code);
    oxc_mapihttp_authenticate(pinfo, record, message->status);
    if (message->status != 0) {
        int length = message->stream ? 0 : (int)strlen("HTTP/1.1 200");
        const char *name = oxc_is_seen(tree) || message->status != 200 ? oxc_http_status_name(message->status) : "";
        proto_item *status = proto_tree_add_uint_format_value(tree, hf_http_status, message->tvb, message->offset,
                                                              length, message->status, "%u %s", message->status, name);

        if (record->failure == OXC_FAILURE_AUTHENTICATION)
            show_authentication(pinfo, status, record);
        else if (message->status != 200)
            expert_add_info_format(pinfo, status, &ei_refused, "HTTP status %u: %s", message->status, name);
    }
    if (body_tvb) {
        offset = oxc_mapihttp_preamble(body_tvb, pinfo, tree, &preamble);
        is_text = preamble.is_text || is_markup(body_tvb, offset);
        if (!preamble.there && response_code == 0 && !is_text)
            expert_add_info(pinfo, item, &ei_no_preamble);
        if (preamble.has_response_code && preamble.response_code != 0)
            response_code = preamble.response_code;
        if (is_text)
            proto_tree_add_expert(tree, pinfo, &ei_text, body_tvb, offset, -1);
        else if ((preamble.done || !preamble.there) && tvb_reported_length_remaining(body_tvb, offset) > 0)
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

void
oxc_mapihttp_show_message(packet_info *pinfo, proto_tree *tree, const oxc_http_message_t *message, tvbuff_t *body_tvb)
{
    tvbuff_t *tvb = body_tvb ? body_tvb : message->tvb;
    uint32_t ordinal = (*oxc_mapihttp_next_ordinal(pinfo))++;
    mapihttp_record_t *record = oxc_mapihttp_record(pinfo, message, body_tvb, ordinal);
    proto_item *item;
    const char *type_text, *kind = message->is_request ? "request" : "response";

    if (!record)
        return;
    type_text = oxc_mapihttp_type_text(record->type_name);
    col_set_str(pinfo->cinfo, COL_PROTOCOL, "MAPIHTTP");
    /* The http dissector fences what it says of each message: one behind others is appended, the first one replaced. */
    if ((!body_tvb || message->is_old) && ordinal == 0)
        col_clear_fence(pinfo->cinfo, COL_INFO);
    col_clear(pinfo->cinfo, COL_INFO);
    col_append_sep_fstr(pinfo->cinfo, COL_INFO, NULL, "%s %s", type_text, kind);
    if (body_tvb)
        item = proto_tree_add_item(tree, proto_mapihttp, body_tvb, 0, -1, ENC_NA);
    else
        item = proto_tree_add_item(tree, proto_mapihttp, message->tvb, message->offset, message->body - message->offset,
                                   ENC_NA);
    proto_item_append_text(item, ", %s %s", type_text, kind);
    tree = proto_item_add_subtree(item, ett_mapihttp);

    oxc_show_call_links(tvb, pinfo, tree, record->pdu);
    if (message->body_unread && oxc_http_value(message, OXC_HEADER_CONTENT_ENCODING))
        expert_add_info_format(pinfo, item, &ei_encoded, "The body is not read: Wireshark does not decode it (%s)",
                               oxc_http_value(message, OXC_HEADER_CONTENT_ENCODING));
    if (message->no_headers)
        expert_add_info(pinfo, item, &ei_no_headers);
    else if (message->is_rest)
        expert_add_info(pinfo, item, &ei_rest);
    else
        show_headers(pinfo, tree, tvb, message);
    if (record->type_inferred && record->type_name)
        proto_item_set_generated(proto_tree_add_string(tree, hf_request_type, tvb, 0, 0, record->type_name));
    if (record->other_leg && (record->is_again || PINFO_FD_VISITED(pinfo)))
        oxc_listener->other_leg(tvb, pinfo, tree, record->pdu, record->other_leg->frame,
                                record->is_again ? &record->other_leg->delay : NULL);
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

bool
oxc_mapihttp_has_shown(packet_info *pinfo)
{
    return p_get_proto_data(pinfo->pool, pinfo, proto_mapihttp, FRAME_ORDINAL) != NULL;
}

void
oxc_register_mapihttp_message(int proto)
{
    static hf_register_info hf[] = {
        { &hf_http_status, { "HTTP status", "mapihttp.http_status", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_mapihttp, &ett_headers };
    static ei_register_info ei[] = {
        { &ei_text, { "mapihttp.text", PI_UNDECODED, PI_NOTE, "A text in place of the response body", EXPFILL } },
        { &ei_no_preamble,
          { "mapihttp.no_preamble", PI_PROTOCOL, PI_NOTE,
            "No PROCESSING and DONE before the response body", EXPFILL } },
        { &ei_credentials,
          { "mapihttp.credentials_refused", PI_RESPONSE_CODE, PI_WARN, "Credentials refused", EXPFILL } },
        { &ei_refused, { "mapihttp.http_failure", PI_RESPONSE_CODE, PI_WARN, "HTTP status is not 200", EXPFILL } },
        { &ei_request_unknown,
          { "mapihttp.request_not_captured", PI_SEQUENCE, PI_NOTE, "Request not captured", EXPFILL } },
        { &ei_rest,
          { "mapihttp.beginning_not_captured", PI_SEQUENCE, PI_NOTE, "Start of the response not captured", EXPFILL } },
        { &ei_encoded,
          { "mapihttp.encoded", PI_UNDECODED, PI_NOTE, "Content-Encoding not decoded", EXPFILL } },
        { &ei_no_headers,
          { "mapihttp.no_headers", PI_ASSUMPTION, PI_NOTE,
            "HTTP headers unknown; request type and session inferred", EXPFILL } },
    };

    proto_mapihttp = proto;
    proto_register_field_array(proto, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
    hf_request_type = proto_registrar_get_id_byname("mapihttp.request_type");
}
