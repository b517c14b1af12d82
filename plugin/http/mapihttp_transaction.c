/* mapihttp_transaction.c
 * Which HTTP messages belong together, and to which session context (MS-OXCMAPIHTTP 3.1.5, 3.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_transaction.h"

#include <string.h>

#include <epan/epan.h>
#include <epan/proto_data.h>

#include "tcp/postdissector.h"
#include "http/mapihttp_authentication.h"
#include "http/mapihttp_keepalive.h"
#include "http/mapihttp_leg.h"
#include "http/mapihttp_session.h"
#include "session/event.h"
#include "tcp/segment.h"
#include "tcp/connection.h"

/* Key of the list of lost exchanges in a frame's data; messages have theirs from 0 on. */
#define CUT_OFF_KEY     0xFFFFFFFF

/* What is known of a TCP connection; first pass, except watched_from. */
typedef struct {
    uint32_t watched_from;
    wmem_list_t *open;          /* mapihttp_exchange_t without a response, oldest first */
    const mapihttp_ends_t *ends;        /* of its latest request */
    oxc_session_t *session;     /* of messages without headers: the latest that began here */
} connection_t;

static int proto_mapihttp_track = -1;
static unsigned connections;

/* ---- connections ---- */

/*
 * In the tunnel of a CONNECT request the http dissector calls others with the port that the request names, so that they have
 * another conversation than TCP has. That one ends: it gets the record, too, behind all dissectors.
 */
static struct {
    uint32_t frame;             /* 0: none */
    connection_t *connection;
} carried;

static connection_t *
connection_find(packet_info *pinfo)
{
    conversation_t *conversation;
    connection_t *connection;

    if (connections == 0)
        return NULL;
    conversation = oxc_segment_conversation(pinfo);
    connection = conversation ? (connection_t *)conversation_get_proto_data(conversation, proto_mapihttp_track) : NULL;
    if (!connection && conversation && carried.frame == pinfo->num && !PINFO_FD_VISITED(pinfo) && oxc_segment_tcp(pinfo)) {
        connection = carried.connection;
        conversation_add_proto_data(conversation, proto_mapihttp_track, connection);
    }
    return connection;
}

static connection_t *
connection_get(packet_info *pinfo)
{
    conversation_t *found = oxc_segment_conversation(pinfo);
    conversation_t *conversation = found ? found : find_or_create_conversation(pinfo);
    connection_t *connection = (connection_t *)conversation_get_proto_data(conversation, proto_mapihttp_track);

    if (!connection) {
        connection = wmem_new0(wmem_file_scope(), connection_t);
        connection->open = wmem_list_new(wmem_file_scope());
        conversation_add_proto_data(conversation, proto_mapihttp_track, connection);
        connections++;
        oxc_postdissector_expect(OXC_FRAME_CONNECTION);
    }
    if (!PINFO_FD_VISITED(pinfo) && !oxc_segment_tcp(pinfo)) {
        carried.frame = pinfo->num;
        carried.connection = connection;
    }
    return connection;
}

bool
oxc_mapihttp_is_connection(packet_info *pinfo)
{
    return connection_find(pinfo) != NULL;
}

uint32_t
oxc_mapihttp_watched_from(packet_info *pinfo)
{
    const connection_t *connection = connection_find(pinfo);

    return connection ? connection->watched_from : 0;
}

void
oxc_mapihttp_set_watched(packet_info *pinfo)
{
    connection_t *connection = connection_get(pinfo);

    if (!PINFO_FD_VISITED(pinfo) && connection->watched_from == 0)
        connection->watched_from = pinfo->num + 1;
}

/* Appends what this frame cuts off to its list, which is returned. */
static wmem_list_t *
give_up(packet_info *pinfo, mapihttp_exchange_t *exchange)
{
    wmem_list_t *lost = (wmem_list_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_mapihttp_track, CUT_OFF_KEY);

    /* Behind a Disconnect nobody waits for an answer. */
    if (!exchange->ours || exchange->given_up ||
        (exchange->call->session && oxc_session_is_left(exchange->call->session)))
        return lost;
    exchange->given_up = true;
    if (oxc_call_misses_answer(exchange->call))
        return lost;
    if (!oxc_leg_cut_off(exchange, oxc_connection_closer(pinfo)))
        return lost;
    if (!lost) {
        lost = wmem_list_new(wmem_file_scope());
        p_add_proto_data(wmem_file_scope(), pinfo, proto_mapihttp_track, CUT_OFF_KEY, lost);
    }
    wmem_list_append(lost, exchange);
    return lost;
}

void
oxc_mapihttp_stream_ended(packet_info *pinfo, uint32_t stream, bool all_above)
{
    connection_t *connection = connection_find(pinfo);
    wmem_list_frame_t *at = connection ? wmem_list_head(connection->open) : NULL;

    if (PINFO_FD_VISITED(pinfo))
        return;
    while (at) {
        wmem_list_frame_t *next = wmem_list_frame_next(at);
        mapihttp_exchange_t *exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);

        if (exchange->stream != 0 && (all_above ? exchange->stream > stream : exchange->stream == stream)) {
            give_up(pinfo, exchange);
            wmem_list_remove_frame(connection->open, at);
        }
        at = next;
    }
}

void
oxc_mapihttp_forget_connection(packet_info *pinfo)
{
    const conversation_t *before = connections > 0 && !PINFO_FD_VISITED(pinfo) ? oxc_connection_before(pinfo) : NULL;
    connection_t *connection =
        before ? (connection_t *)conversation_get_proto_data(before, proto_mapihttp_track) : NULL;

    for (wmem_list_frame_t *at = connection ? wmem_list_head(connection->open) : NULL; at; at = wmem_list_frame_next(at)) {
        mapihttp_exchange_t *exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);

        if (exchange->ours && !exchange->given_up && exchange->whole == exchange && !exchange->other)
            oxc_listener->call_forgotten(pinfo, exchange->call);
    }
}

wmem_list_t *
oxc_mapihttp_cut_off(packet_info *pinfo)
{
    connection_t *connection;
    wmem_list_t *lost;
    bool ends_now;

    if (connections == 0 || pinfo->ptype != PT_TCP)
        return NULL;
    lost = (wmem_list_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_mapihttp_track, CUT_OFF_KEY);
    if (PINFO_FD_VISITED(pinfo))
        return lost;
    connection = connection_find(pinfo);
    ends_now = connection && oxc_connection_ends_now(pinfo);
    if (connection && oxc_connection_bytes_missing())
        oxc_connection_tell_missing_call(pinfo);
    if (!ends_now)
        return lost;
    /* They stay in the list: after the client's FIN a server may still answer. */
    for (wmem_list_frame_t *at = wmem_list_head(connection->open); at; at = wmem_list_frame_next(at))
        lost = give_up(pinfo, (mapihttp_exchange_t *)wmem_list_frame_data(at));
    return lost;
}

/* ---- sessions ---- */

/* Calls that only make sense inside a session context of the mailbox endpoint. */
static bool
needs_session(const oxc_request_type_t *type)
{
    return type && (type->kind == OXC_CALL_FETCH || type->kind == OXC_CALL_WAIT || type->kind == OXC_CALL_DISCONNECT);
}

/* Without headers the connection is all there is to tell the session. */
static void
bind_by_connection(packet_info *pinfo, mapihttp_exchange_t *exchange)
{
    connection_t *connection = connection_get(pinfo);

    if (exchange->type->kind == OXC_CALL_FETCH && !connection->session)
        connection->session = oxc_mapihttp_new_session(pinfo);
    exchange->told_session = true;
    oxc_call_bind(pinfo, exchange->call, connection->session, OXC_BOUND_BY_CONTEXT);
}

/* A Connect call succeeded: a new session context, in place of the one whose cookies the request had (3.1.5.7). */
static void
begin_session(packet_info *pinfo, mapihttp_record_t *record, const oxc_http_message_t *message, const oxc_body_t *body)
{
    const mapihttp_exchange_t *exchange = record->exchange;
    oxc_mapihttp_connect_t connect = { 0 };
    oxc_session_t *session;

    connect.display_name = body->display_name;
    if (exchange) {
        connect.request_id = exchange->request_id;
        connect.user_dn = exchange->user_dn;
        connect.code_page = exchange->code_page;
        connect.replaces = exchange->replaces;
    }
    session = oxc_mapihttp_begin_session(pinfo, record->pdu->call, message, &connect);
    if (session && message->no_headers)
        connection_get(pinfo)->session = session;
}

/* X-ResponseCodes that say that the session context of the cookie is gone (2.2.3.3.3, 3.2.5.1). */
static bool
context_is_lost(uint32_t response_code)
{
    return response_code == 6 || response_code == 10 || response_code == 18;
}

/* It was for finding the answer. */
static void
forget_request_id(mapihttp_exchange_t *exchange)
{
    wmem_free(wmem_file_scope(), exchange->request_id);
    exchange->request_id = NULL;
}

void
oxc_mapihttp_settle(packet_info *pinfo, mapihttp_record_t *record, const oxc_http_message_t *message,
                    const oxc_body_t *body, uint32_t response_code)
{
    oxc_call_t *call = record->pdu->call;
    bool success = response_code == 0 && body->has_error_code && body->status_code == 0 && body->error_code == 0;

    if (PINFO_FD_VISITED(pinfo) || record->settled)
        return;
    record->settled = true;
    if (message->is_request) {
        if (record->exchange)
            record->exchange->code_page = body->code_page;
        if (record->exchange && body->user_dn && *body->user_dn)
            record->exchange->user_dn = wmem_strdup(wmem_file_scope(), body->user_dn);
    } else if (call->kind == OXC_CALL_CONNECT) {
        if (success)
            begin_session(pinfo, record, message, body);
    } else if (call->session) {
        oxc_mapihttp_learn_cookies(pinfo, call->session, message);
        if ((call->kind == OXC_CALL_DISCONNECT && success) ||
            (context_is_lost(response_code) && record->exchange && record->exchange->told_session))
            oxc_session_end(pinfo, call->session, response_code == 0 ? OXC_END_DISCONNECTED : OXC_END_LOST);
    }
    record->session = call->session;
    if (!message->is_request && record->exchange && !record->pdu->is_across)
        forget_request_id(record->exchange);
    if (!message->is_request)
        oxc_keepalive_promise(pinfo, call->session, oxc_http_value(message, OXC_HEADER_X_PENDINGPERIOD));
    if (call->kind == OXC_CALL_WAIT && message->is_request)
        oxc_keepalive_wait_begins(pinfo, call, message->stream != 0);
    else if (call->kind == OXC_CALL_WAIT)
        oxc_keepalive_wait_ends(pinfo);
}

/* ---- messages ---- */

/* The same for all requests of a connection. */
static const mapihttp_ends_t *
ends_of_request(const packet_info *pinfo, connection_t *connection)
{
    const mapihttp_ends_t *known = connection->ends;
    mapihttp_ends_t *ends;

    if (known && known->server_port == pinfo->destport && addresses_equal(&known->client, &pinfo->src) &&
        addresses_equal(&known->server, &pinfo->dst))
        return known;
    ends = wmem_new(wmem_file_scope(), mapihttp_ends_t);
    copy_address_wmem(wmem_file_scope(), &ends->client, &pinfo->src);
    copy_address_wmem(wmem_file_scope(), &ends->server, &pinfo->dst);
    ends->server_port = pinfo->destport;
    connection->ends = ends;
    return ends;
}

static mapihttp_exchange_t *
exchange_new(packet_info *pinfo, bool ours)
{
    mapihttp_exchange_t *exchange = wmem_new0(wmem_file_scope(), mapihttp_exchange_t);
    connection_t *connection = connection_get(pinfo);
    wmem_list_t *open = connection->open;

    exchange->ours = ours;
    if (ours)
        exchange->ends = ends_of_request(pinfo, connection);
    wmem_list_append(open, exchange);
    if (wmem_list_count(open) > OXC_MAPIHTTP_MAX_OPEN)
        wmem_list_remove_frame(open, wmem_list_head(open));
    return exchange;
}

void
oxc_mapihttp_foreign_request(packet_info *pinfo)
{
    if (PINFO_FD_VISITED(pinfo))
        return;
    exchange_new(pinfo, false);
    oxc_connection_request(pinfo);
}

static void
record_request(packet_info *pinfo, mapihttp_record_t *record, const oxc_http_message_t *message, tvbuff_t *body,
               uint32_t ordinal)
{
    mapihttp_exchange_t *exchange = exchange_new(pinfo, true);

    exchange->stream = message->stream;
    if (message->no_headers) {
        const oxc_request_type_t *type = body ? oxc_mapihttp_guess_type(body, true) : NULL;

        /* Two words of zeros fit many a request of the address book, too. */
        if (type && type->kind != OXC_CALL_CONNECT && type->kind != OXC_CALL_FETCH && !connection_get(pinfo)->session)
            type = NULL;
        exchange->type = type;
        exchange->type_name = type ? type->name : NULL;
        record->type_inferred = true;
    } else {
        exchange->type_name = oxc_mapihttp_keep_type(message, &exchange->type);
        exchange->request_id = oxc_mapihttp_keep_header(message, OXC_HEADER_X_REQUESTID);
    }
    record->exchange = exchange;
    record->type_name = exchange->type_name;
    record->type = exchange->type;
    oxc_leg_request(pinfo, exchange, record, body);
    record->pdu = oxc_pdu_new_request(pinfo, ordinal,
                                      exchange->type && !record->is_again ? exchange->type->kind : OXC_CALL_OTHER);
    record->pdu->call->name = record->type_name;
    exchange->call = record->pdu->call;
    exchange->call->gap = oxc_connection_request(pinfo);
    if (record->is_again) {
        oxc_call_bind(pinfo, exchange->call, exchange->whole->call->session, exchange->whole->call->bound);
        record->session = exchange->call->session;
        return;
    }
    if (exchange->type && exchange->type->kind == OXC_CALL_CONNECT)
        exchange->replaces = oxc_mapihttp_brought_session(pinfo, message);
    else if (message->no_headers && exchange->type)
        bind_by_connection(pinfo, exchange);
    else if (!message->no_headers && (!exchange->type || !exchange->type->address_book))
        exchange->told_session = oxc_mapihttp_bind_request(pinfo, exchange->call, message,
                                                           needs_session(exchange->type));
    if (exchange->call->session)
        oxc_listener->session_met(pinfo, exchange->call->session, true, &pinfo->src, &pinfo->dst);
}

/* The latest request: a client does not send another one before it has the whole answer to the one before. */
static mapihttp_exchange_t *
match_rest(packet_info *pinfo)
{
    wmem_list_t *open = connection_get(pinfo)->open;
    wmem_list_frame_t *at = wmem_list_tail(open);
    mapihttp_exchange_t *exchange = at ? (mapihttp_exchange_t *)wmem_list_frame_data(at) : NULL;

    if (!exchange || !exchange->ours)
        return NULL;
    wmem_list_remove_frame(open, at);
    return exchange;
}

/* HTTP/2 answers in any order, on the stream of the request. */
static mapihttp_exchange_t *
match_stream(packet_info *pinfo, uint32_t stream)
{
    wmem_list_t *open = connection_get(pinfo)->open;

    for (wmem_list_frame_t *at = wmem_list_head(open); at; at = wmem_list_frame_next(at)) {
        mapihttp_exchange_t *exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);

        if (exchange->stream == stream) {
            wmem_list_remove_frame(open, at);
            return exchange;
        }
    }
    return NULL;
}

/*
 * The exchange that a response ends. HTTP/1.1 answers in the order of the requests, but a request may have been missed:
 * X-RequestId, which is echoed, tells. Requests in front of the one that is answered get no answer any more.
 */
static mapihttp_exchange_t *
match_response(packet_info *pinfo, const oxc_http_message_t *message)
{
    wmem_list_t *open = connection_get(pinfo)->open;
    const char *id = oxc_http_value(message, OXC_HEADER_X_REQUESTID);
    bool ours = oxc_mapihttp_is_response(message);
    mapihttp_exchange_t *exchange, *found = NULL;
    wmem_list_frame_t *at;

    for (at = wmem_list_head(open); id && at && !found; at = wmem_list_frame_next(at)) {
        exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);
        if (exchange->request_id && g_ascii_strcasecmp(exchange->request_id, id) == 0)
            found = exchange;
    }
    for (at = wmem_list_head(open); at && !found; at = wmem_list_frame_next(at)) {
        exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);
        if (exchange->ours && id && exchange->request_id)
            break;              /* of a request that was not captured */
        if (exchange->ours || !ours)
            found = exchange;
    }
    while (found && (at = wmem_list_head(open)) != NULL) {
        exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);
        wmem_list_remove_frame(open, at);
        if (exchange == found)
            break;
    }
    return found;
}

/*
 * The same without headers: streams end in any order, but of one type there is one call at a time in a session. A body
 * that fits no type (type is NULL then) is taken for the answer to the oldest request.
 */
static mapihttp_exchange_t *
match_by_type(packet_info *pinfo, const oxc_request_type_t *type)
{
    wmem_list_t *open = connection_get(pinfo)->open;

    for (wmem_list_frame_t *at = wmem_list_head(open); at; at = wmem_list_frame_next(at)) {
        mapihttp_exchange_t *exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);

        if (!type || exchange->type == type) {
            wmem_list_remove_frame(open, at);
            return exchange;
        }
    }
    return NULL;
}

/* A message that has been seen on the other leg. */
static void
record_again(packet_info *pinfo, mapihttp_record_t *record, uint32_t ordinal)
{
    record->pdu = oxc_pdu_new_response(pinfo, ordinal, OXC_CALL_OTHER, NULL);
    record->pdu->call->name = record->type_name;
}

/* The answer of the other leg, which has been seen. */
static void
record_answer_again(packet_info *pinfo, mapihttp_record_t *record, const oxc_http_message_t *message, uint32_t ordinal)
{
    const oxc_call_t *call = record->exchange->whole->call;

    record_again(pinfo, record, ordinal);
    oxc_call_bind(pinfo, record->pdu->call, call->session, call->bound);
    record->session = call->session;
    if (call->session)
        oxc_mapihttp_learn_cookies_of_leg(pinfo, call->session, message);
    if (call->kind == OXC_CALL_WAIT)
        oxc_keepalive_wait_ends(pinfo);
}

/* The type that the body behind the preamble fits; NULL for none. */
static const oxc_request_type_t *
guess_response(tvbuff_t *body)
{
    return body ? oxc_mapihttp_guess_type(tvb_new_subset_remaining(body, oxc_mapihttp_preamble_size(body)), false) : NULL;
}

/* No PDU for a response that has nothing to do with the protocol. */
static void
record_response(packet_info *pinfo, mapihttp_record_t *record, const oxc_http_message_t *message, tvbuff_t *body,
                uint32_t ordinal)
{
    const oxc_request_type_t *type = NULL;
    mapihttp_exchange_t *exchange;
    bool is_across;

    if (message->no_headers) {
        type = guess_response(body);
        exchange = match_by_type(pinfo, type);
    } else if (message->is_old) {
        type = guess_response(body);
        exchange = NULL;
    } else if (message->is_rest) {
        exchange = match_rest(pinfo);
        if (!exchange)
            return;
    } else {
        exchange = message->stream ? match_stream(pinfo, message->stream) : match_response(pinfo, message);
        if (exchange ? !exchange->ours : !oxc_mapihttp_is_response(message))
            return;
    }
    record->exchange = exchange;
    record->type_name = oxc_mapihttp_keep_type(message, &record->type);
    if (!record->type_name && type) {
        record->type_name = type->name;
        record->type = type;
        record->type_inferred = true;
    } else if (!record->type_name && exchange) {
        record->type_name = exchange->type_name;
        record->type = exchange->type;
        record->type_inferred = true;
    }
    if (message->is_old && !oxc_leg_old_response(pinfo, record, body)) {
        record_again(pinfo, record, ordinal);
        return;
    }
    if (exchange && !oxc_leg_response(pinfo, exchange, record)) {
        record_answer_again(pinfo, record, message, ordinal);
        return;
    }
    /* The call is the one of the leg that was seen first. */
    is_across = exchange && exchange->whole && exchange->whole != exchange;
    if (is_across)
        record->exchange = exchange = exchange->whole;
    record->pdu = oxc_pdu_new_response(pinfo, ordinal, record->type ? record->type->kind : OXC_CALL_OTHER,
                                       exchange ? exchange->call : NULL);
    record->pdu->is_across = is_across;
    if (!record->pdu->call->name)
        record->pdu->call->name = record->type_name;
    if (message->is_old)
        oxc_listener->old_wait_ended_on(oxc_segment_conversation(pinfo), record->pdu->call, true, &pinfo->dst, &pinfo->src);
    else if (!exchange && needs_session(record->type))
        oxc_mapihttp_bind_response(pinfo, record->pdu->call, message);
}

mapihttp_record_t *
oxc_mapihttp_known_record(packet_info *pinfo, uint32_t ordinal)
{
    return (mapihttp_record_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_mapihttp_track, ordinal);
}

mapihttp_record_t *
oxc_mapihttp_record(packet_info *pinfo, const oxc_http_message_t *message, tvbuff_t *body, uint32_t ordinal)
{
    mapihttp_record_t *record = oxc_mapihttp_known_record(pinfo, ordinal);

    if (record) {
        if (record->pdu)
            oxc_pdu_visit(record->pdu);
    } else if (PINFO_FD_VISITED(pinfo)) {
        return NULL;
    } else {
        record = wmem_new0(wmem_file_scope(), mapihttp_record_t);
        record->headers = message->kept;
        record->offset = message->met ? message->offset : -1;
        if (message->is_request)
            record_request(pinfo, record, message, body, ordinal);
        else
            record_response(pinfo, record, message, body, ordinal);
        p_add_proto_data(wmem_file_scope(), pinfo, proto_mapihttp_track, ordinal, record);
    }
    return record->pdu ? record : NULL;
}

static void
forget_connections(void)
{
    connections = 0;
    carried.frame = 0;
}

void
oxc_register_mapihttp_transaction(int proto)
{
    oxc_keepalive_register(proto);
    proto_mapihttp_track = proto;
    oxc_register_mapihttp_authentication();
    oxc_register_mapihttp_session();
    oxc_register_mapihttp_leg();
    register_init_routine(forget_connections);
}
