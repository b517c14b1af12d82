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
#include "http/mapihttp_match.h"
#include "http/mapihttp_session.h"
#include "session/event.h"
#include "tcp/segment.h"
#include "tcp/connection.h"

/* Key of the list of lost exchanges in a frame's data. */
#define CUT_OFF_KEY     0xFFFFFFFF

/* What is known of a TCP connection; first pass, except watched_from. */
typedef struct {
    uint32_t watched_from;
    wmem_list_t *open;          /* mapihttp_exchange_t without a response, oldest first */
    const mapihttp_ends_t *ends;        /* of its latest request */
    oxc_session_t *session;     /* of messages without headers: the latest that began here */
} connection_t;

static wmem_map_t *records;     /* by their keys: a frame may have hundreds of messages */
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
        oxc_postdissector_expect(OXC_FRAME_MAPIHTTP);
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
    const oxc_call_t *call;

    if (!oxc_mapihttp_is_ours(exchange) || exchange->given_up)
        return lost;
    call = oxc_mapihttp_call(exchange);
    /* Behind a Disconnect nobody waits for an answer. */
    if (call->session && oxc_session_is_left(call->session))
        return lost;
    exchange->given_up = true;
    if (oxc_call_misses_answer(call))
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

        if (oxc_mapihttp_is_ours(exchange) && !exchange->given_up && exchange->whole == exchange && !exchange->other)
            oxc_listener->call_forgotten(pinfo, oxc_mapihttp_call(exchange));
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

    if (exchange->request->type->kind == OXC_CALL_FETCH && !connection->session)
        connection->session = oxc_mapihttp_new_session(pinfo);
    exchange->told_session = true;
    oxc_call_bind(pinfo, oxc_mapihttp_call(exchange), connection->session, OXC_BOUND_BY_CONTEXT);
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
    }
    if (exchange && exchange->connect) {
        connect.user_dn = exchange->connect->user_dn;
        connect.code_page = exchange->connect->code_page;
        connect.replaces = exchange->connect->replaces;
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
        mapihttp_connect_t *connect = record->exchange ? record->exchange->connect : NULL;

        if (connect)
            connect->code_page = body->code_page;
        if (connect && body->user_dn && *body->user_dn)
            connect->user_dn = wmem_strdup(wmem_file_scope(), body->user_dn);
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

/* What there is of each message, in one piece. */
typedef struct {
    mapihttp_record_t record;
    mapihttp_exchange_t exchange;
    oxc_call_t call;
    oxc_pdu_t pdu;
} request_t;

typedef struct {
    mapihttp_record_t record;
    oxc_pdu_t pdu;
} response_t;

void
oxc_mapihttp_foreign_request(packet_info *pinfo)
{
    if (PINFO_FD_VISITED(pinfo))
        return;
    oxc_exchange_wait(connection_get(pinfo)->open, wmem_new0(wmem_file_scope(), mapihttp_exchange_t));
    oxc_connection_request(pinfo);
}

/* The type of a request without headers; NULL for none. */
static const oxc_request_type_t *
guess_request(packet_info *pinfo, tvbuff_t *body)
{
    const oxc_request_type_t *type = body ? oxc_mapihttp_guess_type(body, true) : NULL;

    /* Two words of zeros fit many a request of the address book, too. */
    if (type && type->kind != OXC_CALL_CONNECT && type->kind != OXC_CALL_FETCH && !connection_get(pinfo)->session)
        return NULL;
    return type;
}

/* The session that the request names, or replaces. */
static void
bind_request(packet_info *pinfo, mapihttp_exchange_t *exchange, const oxc_http_message_t *message)
{
    const oxc_request_type_t *type = exchange->request->type;
    oxc_call_t *call = oxc_mapihttp_call(exchange);

    if (type && type->kind == OXC_CALL_CONNECT) {
        exchange->connect = wmem_new0(wmem_file_scope(), mapihttp_connect_t);
        exchange->connect->replaces = oxc_mapihttp_brought_session(pinfo, message);
    } else if (message->no_headers && type) {
        bind_by_connection(pinfo, exchange);
    } else if (!message->no_headers && (!type || !type->address_book)) {
        exchange->told_session = oxc_mapihttp_bind_request(pinfo, call, message, needs_session(type));
    }
    if (call->session)
        oxc_listener->session_met(pinfo, call->session, true, &pinfo->src, &pinfo->dst);
}

static mapihttp_record_t *
record_request(packet_info *pinfo, const oxc_http_message_t *message, tvbuff_t *body, uint32_t ordinal)
{
    request_t *request = wmem_new0(wmem_file_scope(), request_t);
    mapihttp_record_t *record = &request->record;
    mapihttp_exchange_t *exchange = &request->exchange;
    connection_t *connection = connection_get(pinfo);

    exchange->request = record;
    exchange->ends = ends_of_request(pinfo, connection);
    exchange->stream = message->stream;
    oxc_exchange_wait(connection->open, exchange);
    if (message->no_headers) {
        record->type = guess_request(pinfo, body);
        record->type_name = record->type ? record->type->name : NULL;
        record->type_inferred = true;
    } else {
        record->type_name = oxc_mapihttp_keep_type(message, &record->type);
        exchange->request_id = oxc_mapihttp_keep_header(message, OXC_HEADER_X_REQUESTID);
    }
    record->exchange = exchange;
    oxc_leg_request(pinfo, exchange, record, body);
    record->pdu = &request->pdu;
    oxc_pdu_begin_request(&request->pdu, &request->call, pinfo, ordinal,
                          record->type && !record->is_again ? (oxc_call_kind_t)record->type->kind : OXC_CALL_OTHER);
    request->call.name = record->type_name;
    request->call.gap = oxc_connection_request(pinfo);
    if (record->is_again) {
        const oxc_call_t *call = oxc_mapihttp_call(exchange->whole);

        oxc_call_bind(pinfo, &request->call, call->session, (oxc_bound_t)call->bound);
        record->session = call->session;
    } else {
        bind_request(pinfo, exchange, message);
    }
    return record;
}

/* A message that has been seen on the other leg. */
static void
record_again(packet_info *pinfo, response_t *response, uint32_t ordinal)
{
    response->record.pdu = &response->pdu;
    oxc_pdu_begin_response(&response->pdu, pinfo, ordinal, OXC_CALL_OTHER, NULL);
    response->pdu.call->name = response->record.type_name;
}

/* The answer of the other leg, which has been seen. */
static void
record_answer_again(packet_info *pinfo, response_t *response, const oxc_http_message_t *message, uint32_t ordinal)
{
    const oxc_call_t *call = oxc_mapihttp_call(response->record.exchange->whole);

    record_again(pinfo, response, ordinal);
    oxc_call_bind(pinfo, response->pdu.call, call->session, (oxc_bound_t)call->bound);
    response->record.session = call->session;
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
record_response(packet_info *pinfo, response_t *response, const oxc_http_message_t *message, tvbuff_t *body,
                uint32_t ordinal)
{
    wmem_list_t *open = connection_get(pinfo)->open;
    mapihttp_record_t *record = &response->record;
    const oxc_request_type_t *type = NULL;
    mapihttp_exchange_t *exchange;
    bool is_across;

    if (message->no_headers) {
        type = guess_response(body);
        exchange = oxc_exchange_of_type(open, type);
        if (exchange && !oxc_mapihttp_is_ours(exchange))
            return;
    } else if (message->is_old) {
        type = guess_response(body);
        exchange = NULL;
    } else if (message->is_rest) {
        exchange = oxc_exchange_of_rest(open);
        if (!exchange)
            return;
    } else {
        exchange = message->stream ? oxc_exchange_of_stream(open, message->stream) : oxc_exchange_of_response(open, message);
        if (exchange ? !oxc_mapihttp_is_ours(exchange) : !oxc_mapihttp_is_response(message))
            return;
    }
    record->exchange = exchange;
    record->type_name = oxc_mapihttp_keep_type(message, &record->type);
    if (!record->type_name && type) {
        record->type_name = type->name;
        record->type = type;
        record->type_inferred = true;
    } else if (!record->type_name && exchange) {
        record->type_name = exchange->request->type_name;
        record->type = exchange->request->type;
        record->type_inferred = true;
    }
    if (message->is_old && !oxc_leg_old_response(pinfo, record, body)) {
        record_again(pinfo, response, ordinal);
        return;
    }
    if (exchange && !oxc_leg_response(pinfo, exchange, record)) {
        record_answer_again(pinfo, response, message, ordinal);
        return;
    }
    /* The call is the one of the leg that was seen first. */
    is_across = exchange && exchange->whole && exchange->whole != exchange;
    if (is_across)
        record->exchange = exchange = exchange->whole;
    record->pdu = &response->pdu;
    oxc_pdu_begin_response(&response->pdu, pinfo, ordinal,
                           record->type ? (oxc_call_kind_t)record->type->kind : OXC_CALL_OTHER,
                           exchange ? oxc_mapihttp_call(exchange) : NULL);
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
    uint64_t key = oxc_frame_key(pinfo->num, ordinal);

    return (mapihttp_record_t *)wmem_map_lookup(records, &key);
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
        if (message->is_request) {
            record = record_request(pinfo, message, body, ordinal);
        } else {
            response_t *response = wmem_new0(wmem_file_scope(), response_t);

            record = &response->record;
            record_response(pinfo, response, message, body, ordinal);
        }
        record->headers = message->kept;
        record->offset = message->met ? message->offset : -1;
        record->key = oxc_frame_key(pinfo->num, ordinal);
        wmem_map_insert(records, &record->key, record);
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
    records = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_uint64_hash, g_int64_equal);
    oxc_register_mapihttp_authentication();
    oxc_register_mapihttp_session();
    oxc_register_mapihttp_leg();
    register_init_routine(forget_connections);
}
