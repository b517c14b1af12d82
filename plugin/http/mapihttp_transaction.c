/* mapihttp_transaction.c
 * Which HTTP messages belong together, and to which session context (MS-OXCMAPIHTTP 3.1.5, 3.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_transaction.h"

#include <string.h>

#include <epan/epan.h>
#include <epan/proto_data.h>
#include <wsutil/str_util.h>

#include "tcp/postdissector.h"
#include "http/mapihttp_keepalive.h"
#include "tcp/tcp_close.h"

/* Key of the list of lost exchanges in a frame's data; messages have theirs from 0 on. */
#define CUT_OFF_KEY     0xFFFFFFFF

/*
 * Requests of a connection whose responses are waited for. A session has one besides its wait (X-ResponseCode 15), and
 * HTTP/1.1 does not overtake; of HTTP/2 servers allow about 100 streams a connection. Of more than this the oldest are
 * forgotten.
 */
#define MAX_OPEN        256

/* What is known of a TCP connection; first pass, except watched_from. */
typedef struct {
    uint32_t watched_from;
    uint8_t ends_seen;          /* see oxc_tcp_ends_seen() */
    uint32_t client_port;       /* of the latest request */
    wmem_list_t *open;          /* mapihttp_exchange_t without a response, oldest first */
    oxc_session_t *session;     /* of messages without headers: the latest that began here */
} connection_t;

/* Cookies that a session context was given, any of which may turn out to be the one that names it. */
typedef struct {
    const char *name;
    const char *value;
} cookie_t;

static int proto_mapihttp_track = -1;
static wmem_map_t *authentications; /* X-RequestId -> number of responses with 401 or 407 in a row */
static wmem_map_t *session_cookies;     /* oxc_session_t -> wmem_list_t of cookie_t, the one in use first */
static unsigned connections;

/* ---- connections ---- */

static connection_t *
connection_find(packet_info *pinfo)
{
    conversation_t *conversation;

    if (connections == 0)
        return NULL;
    conversation = find_conversation_pinfo(pinfo, 0);
    return conversation ? (connection_t *)conversation_get_proto_data(conversation, proto_mapihttp_track) : NULL;
}

static connection_t *
connection_get(packet_info *pinfo)
{
    conversation_t *conversation = find_or_create_conversation(pinfo);
    connection_t *connection = (connection_t *)conversation_get_proto_data(conversation, proto_mapihttp_track);

    if (!connection) {
        connection = wmem_new0(wmem_file_scope(), connection_t);
        connection->open = wmem_list_new(wmem_file_scope());
        conversation_add_proto_data(conversation, proto_mapihttp_track, connection);
        connections++;
        oxc_postdissector_expect();
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

wmem_list_t *
oxc_mapihttp_cut_off(packet_info *pinfo)
{
    connection_t *connection;
    wmem_list_t *lost = NULL;
    uint8_t ends, news;

    if (connections == 0 || pinfo->ptype != PT_TCP)
        return NULL;
    if (PINFO_FD_VISITED(pinfo))
        return (wmem_list_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_mapihttp_track, CUT_OFF_KEY);
    connection = connection_find(pinfo);
    if (!connection)
        return NULL;
    ends = oxc_tcp_ends_seen(pinfo);
    news = ends & (uint8_t)~connection->ends_seen;
    connection->ends_seen = ends;
    if (!news)
        return NULL;
    for (wmem_list_frame_t *at = wmem_list_head(connection->open); at; at = wmem_list_frame_next(at)) {
        mapihttp_exchange_t *exchange = (mapihttp_exchange_t *)wmem_list_frame_data(at);

        /* It stays in the list: after the client's FIN a server may still answer. */
        if (!exchange->ours || exchange->given_up)
            continue;
        /* Behind a Disconnect nobody waits for an answer. */
        if (exchange->call->session && exchange->call->session->end == OXC_END_DISCONNECTED)
            continue;
        exchange->given_up = true;
        if (!lost)
            lost = wmem_list_new(wmem_file_scope());
        wmem_list_append(lost, exchange);
    }
    if (lost)
        p_add_proto_data(wmem_file_scope(), pinfo, proto_mapihttp_track, CUT_OFF_KEY, lost);
    return lost;
}

oxc_closed_by_t
oxc_mapihttp_closed_by(packet_info *pinfo)
{
    const connection_t *connection = connection_find(pinfo);

    if (!connection || connection->client_port == 0)
        return OXC_CLOSED_BY_UNKNOWN;
    return pinfo->srcport == connection->client_port ? OXC_CLOSED_BY_CLIENT : OXC_CLOSED_BY_SERVER;
}

/* ---- cookies ---- */

/* The names that Exchange and gromox (and those who follow them) give to the session context cookie. */
static bool
names_session(const char *name)
{
    return g_ascii_strcasecmp(name, "MapiContext") == 0 || g_ascii_strcasecmp(name, "sid") == 0;
}

/* "name=value" pairs, separated by semicolons (RFC 6265 4.2.1). */
static void
split_cookies(packet_info *pinfo, const char *text, bool only_first, wmem_list_t *cookies)
{
    while (*text) {
        size_t length = strcspn(text, ";");
        char *pair = g_strstrip(wmem_strndup(pinfo->pool, text, length));
        char *equals = strchr(pair, '=');

        if (equals && equals != pair) {
            cookie_t *cookie = wmem_new(pinfo->pool, cookie_t);

            *equals = '\0';
            cookie->name = pair;
            cookie->value = equals + 1;
            wmem_list_append(cookies, cookie);
        }
        /* Behind the pair of a Set-Cookie header are attributes. */
        if (only_first)
            return;
        text += length;
        text += *text == ';';
    }
}

/* Cookies of a message in order: Cookie of a request, Set-Cookie of a response. */
static wmem_list_t *
cookies_of(packet_info *pinfo, const oxc_http_message_t *message)
{
    wmem_list_t *cookies = wmem_list_new(pinfo->pool);
    const char *wanted = message->is_request ? "cookie" : "set-cookie";
    unsigned count = wmem_array_get_count(message->headers);

    for (unsigned i = 0; i < count; i++) {
        const oxc_http_header_t *header = (const oxc_http_header_t *)wmem_array_index(message->headers, i);

        if (strcmp(header->name, wanted) == 0)
            split_cookies(pinfo, header->value, !message->is_request, cookies);
    }
    return cookies;
}

static oxc_session_t *
session_by_cookie(packet_info *pinfo, const cookie_t *cookie, bool create)
{
    const char *key = wmem_strdup_printf(pinfo->pool, "%s=%s", cookie->name, cookie->value);

    return oxc_session_find(pinfo, OXC_KEY_COOKIE, (const uint8_t *)key, strlen(key), create);
}

static void
session_add_cookie(packet_info *pinfo, oxc_session_t *session, const cookie_t *cookie)
{
    const char *key = wmem_strdup_printf(pinfo->pool, "%s=%s", cookie->name, cookie->value);

    oxc_session_add_key(pinfo, session, OXC_KEY_COOKIE, (const uint8_t *)key, strlen(key));
}

static oxc_session_t *
session_by_cookies(packet_info *pinfo, const oxc_http_message_t *message)
{
    wmem_list_t *cookies = cookies_of(pinfo, message);

    for (wmem_list_frame_t *at = wmem_list_head(cookies); at; at = wmem_list_frame_next(at)) {
        oxc_session_t *session = session_by_cookie(pinfo, (const cookie_t *)wmem_list_frame_data(at), false);

        if (session)
            return session;
    }
    return NULL;
}

/* The cookie that is most likely to name the session context, NULL if there are none. */
static const cookie_t *
likely_cookie(wmem_list_t *cookies, bool only_known_name)
{
    for (wmem_list_frame_t *at = wmem_list_head(cookies); at; at = wmem_list_frame_next(at)) {
        const cookie_t *cookie = (const cookie_t *)wmem_list_frame_data(at);

        if (names_session(cookie->name))
            return cookie;
    }
    if (only_known_name || wmem_list_count(cookies) == 0)
        return NULL;
    return (const cookie_t *)wmem_list_frame_data(wmem_list_head(cookies));
}

static cookie_t *
cookie_keep(const cookie_t *cookie)
{
    cookie_t *kept = wmem_new(wmem_file_scope(), cookie_t);

    kept->name = wmem_strdup(wmem_file_scope(), cookie->name);
    kept->value = wmem_strdup(wmem_file_scope(), cookie->value);
    return kept;
}

/* The cookies that came with a new session context, the likely one first. */
static void
session_keep_cookies(oxc_session_t *session, wmem_list_t *cookies, const cookie_t *likely)
{
    wmem_list_t *kept = wmem_list_new(wmem_file_scope());

    wmem_list_append(kept, cookie_keep(likely));
    for (wmem_list_frame_t *at = wmem_list_head(cookies); at; at = wmem_list_frame_next(at)) {
        const cookie_t *cookie = (const cookie_t *)wmem_list_frame_data(at);

        if (strcmp(cookie->name, likely->name) != 0)
            wmem_list_append(kept, cookie_keep(cookie));
    }
    wmem_map_insert(session_cookies, session, kept);
}

/*
 * A later response sets a cookie again: one with a new value is a sequence cookie (MS-OXCMAPIHTTP 3.1.5.6). If that was
 * thought to name the session context, the next of the cookies is; the last one does whatever becomes of it.
 */
static void
session_learn_cookies(packet_info *pinfo, oxc_session_t *session, const oxc_http_message_t *message)
{
    wmem_list_t *kept = (wmem_list_t *)wmem_map_lookup(session_cookies, session);
    wmem_list_t *cookies = cookies_of(pinfo, message);

    for (wmem_list_frame_t *at = wmem_list_head(cookies); kept && at; at = wmem_list_frame_next(at)) {
        const cookie_t *cookie = (const cookie_t *)wmem_list_frame_data(at);
        wmem_list_frame_t *k = wmem_list_head(kept);

        while (k && strcmp(((cookie_t *)wmem_list_frame_data(k))->name, cookie->name) != 0)
            k = wmem_list_frame_next(k);
        if (!k || strcmp(((cookie_t *)wmem_list_frame_data(k))->value, cookie->value) == 0)
            continue;
        if (names_session(cookie->name) || wmem_list_count(kept) == 1) {
            ((cookie_t *)wmem_list_frame_data(k))->value = wmem_strdup(wmem_file_scope(), cookie->value);
            session_add_cookie(pinfo, session, cookie);
        } else {
            bool in_use = k == wmem_list_head(kept);

            wmem_list_remove_frame(kept, k);
            if (in_use)
                session_add_cookie(pinfo, session, (const cookie_t *)wmem_list_frame_data(wmem_list_head(kept)));
        }
    }
}

/* ---- sessions ---- */

/* The GUID part of X-RequestId (MS-OXCMAPIHTTP 2.2.3.3.2); NULL when there is none. */
static const char *
request_guid(packet_info *pinfo, const oxc_http_message_t *message)
{
    const char *id = oxc_http_value(message, "x-requestid");
    const char *colon = id ? strchr(id, ':') : NULL;

    return colon && colon != id ? wmem_ascii_strdown(pinfo->pool, id, colon - id) : NULL;
}

static oxc_session_t *
session_by_guid(packet_info *pinfo, const char *guid, bool create)
{
    return guid ? oxc_session_find(pinfo, OXC_KEY_REQUEST_ID, (const uint8_t *)guid, strlen(guid), create) : NULL;
}

static void
session_add_guid(packet_info *pinfo, oxc_session_t *session, const char *guid)
{
    if (guid)
        oxc_session_add_key(pinfo, session, OXC_KEY_REQUEST_ID, (const uint8_t *)guid, strlen(guid));
}

/* Calls that only make sense inside a session context of the mailbox endpoint. */
static bool
needs_session(const oxc_request_type_t *type)
{
    return type && (type->kind == OXC_CALL_FETCH || type->kind == OXC_CALL_WAIT || type->kind == OXC_CALL_DISCONNECT);
}

/* Binds a request by what it says of its session context; the session may have begun before the capture. */
static void
bind_request(packet_info *pinfo, mapihttp_exchange_t *exchange, const oxc_http_message_t *message)
{
    wmem_list_t *cookies = cookies_of(pinfo, message);
    const char *guid = request_guid(pinfo, message);
    const cookie_t *cookie;
    oxc_session_t *session = session_by_cookies(pinfo, message);

    if (session) {
        exchange->told_session = true;
        oxc_call_bind(pinfo, exchange->call, session, OXC_BOUND_BY_KEY);
        return;
    }
    if (!needs_session(exchange->type))
        return;
    cookie = likely_cookie(cookies, true);
    if (!cookie) {
        session = session_by_guid(pinfo, guid, false);
        if (session) {
            oxc_call_bind(pinfo, exchange->call, session, OXC_BOUND_BY_CONTEXT);
            return;
        }
        cookie = likely_cookie(cookies, false);
    }
    if (cookie) {
        session = session_by_cookie(pinfo, cookie, true);
        session_keep_cookies(session, cookies, cookie);
        session_add_guid(pinfo, session, guid);
        exchange->told_session = true;
        oxc_call_bind(pinfo, exchange->call, session, OXC_BOUND_BY_KEY);
    } else if (guid) {
        oxc_call_bind(pinfo, exchange->call, session_by_guid(pinfo, guid, true), OXC_BOUND_BY_CONTEXT);
    }
}

/* A session of its own for what has no key, or whose key a server may have given out before. */
static oxc_session_t *
new_session(packet_info *pinfo)
{
    const char *unique = wmem_strdup_printf(pinfo->pool, "\n%u", pinfo->num);

    return oxc_session_find(pinfo, OXC_KEY_COOKIE, (const uint8_t *)unique, strlen(unique), true);
}

/* Without headers the connection is all there is to tell the session. */
static void
bind_by_connection(packet_info *pinfo, mapihttp_exchange_t *exchange)
{
    connection_t *connection = connection_get(pinfo);

    if (exchange->type->kind == OXC_CALL_FETCH && !connection->session)
        connection->session = new_session(pinfo);
    exchange->told_session = true;
    oxc_call_bind(pinfo, exchange->call, connection->session, OXC_BOUND_BY_CONTEXT);
}

/* A Connect call succeeded: a new session context, in place of the one whose cookies the request had (3.1.5.7). */
static void
begin_session(packet_info *pinfo, mapihttp_record_t *record, const oxc_http_message_t *message, const oxc_body_t *body)
{
    wmem_list_t *cookies = cookies_of(pinfo, message);
    const cookie_t *cookie = likely_cookie(cookies, false);
    const char *guid = request_guid(pinfo, message);
    oxc_session_t *session;

    if (!guid && record->exchange && record->exchange->request_id) {
        const char *colon = strchr(record->exchange->request_id, ':');

        if (colon)
            guid = wmem_ascii_strdown(pinfo->pool, record->exchange->request_id, colon - record->exchange->request_id);
    }
    if (!cookie && !guid && !message->no_headers)
        return;
    session = new_session(pinfo);
    if (message->no_headers)
        connection_get(pinfo)->session = session;
    if (cookie) {
        session_add_cookie(pinfo, session, cookie);
        session_keep_cookies(session, cookies, cookie);
    }
    session_add_guid(pinfo, session, guid);
    if (record->exchange)
        oxc_session_set_code_page(pinfo, session, record->exchange->code_page);
    if (body->display_name && *body->display_name)
        oxc_session_set_user(pinfo, session, body->display_name);
    else if (record->exchange)
        oxc_session_set_user(pinfo, session, record->exchange->user_dn);
    if (record->exchange && record->exchange->replaces) {
        session->replaces = record->exchange->replaces;
        oxc_session_end(pinfo, session->replaces, OXC_END_REPLACED);
    }
    oxc_call_bind(pinfo, record->pdu->call, session, message->no_headers ? OXC_BOUND_BY_CONTEXT : OXC_BOUND_BY_KEY);
}

/* X-ResponseCodes that say that the session context of the cookie is gone (2.2.3.3.3, 3.2.5.1). */
static bool
context_is_lost(uint32_t response_code)
{
    return response_code == 6 || response_code == 10 || response_code == 18;
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
        session_learn_cookies(pinfo, call->session, message);
        if ((call->kind == OXC_CALL_DISCONNECT && success) ||
            (context_is_lost(response_code) && record->exchange && record->exchange->told_session))
            oxc_session_end(pinfo, call->session, response_code == 0 ? OXC_END_DISCONNECTED : OXC_END_LOST);
    }
    record->session = call->session;
    if (!message->is_request)
        oxc_keepalive_promise(pinfo, call->session, oxc_http_value(message, "x-pendingperiod"));
    if (call->kind == OXC_CALL_WAIT && message->is_request)
        oxc_keepalive_wait_begins(pinfo, call);
    else if (call->kind == OXC_CALL_WAIT)
        oxc_keepalive_wait_ends(pinfo);
}

/* ---- messages ---- */

/* A header value for as long as the capture is open; NULL when there is none. */
static const char *
keep_header(const oxc_http_message_t *message, const char *name)
{
    const char *value = oxc_http_value(message, name);

    return value ? wmem_strdup(wmem_file_scope(), value) : NULL;
}

bool
oxc_mapihttp_is_request(const oxc_http_message_t *message)
{
    return message->is_request &&
           (oxc_http_value(message, "x-requesttype") || oxc_http_is_type(message, "application/mapi-http"));
}

bool
oxc_mapihttp_is_response(const oxc_http_message_t *message)
{
    return oxc_http_value(message, "x-requesttype") || oxc_http_value(message, "x-responsecode") ||
           oxc_http_is_type(message, "application/mapi-http");
}

static mapihttp_exchange_t *
exchange_new(packet_info *pinfo, bool ours)
{
    mapihttp_exchange_t *exchange = wmem_new0(wmem_file_scope(), mapihttp_exchange_t);
    wmem_list_t *open = connection_get(pinfo)->open;

    exchange->ours = ours;
    connection_get(pinfo)->client_port = pinfo->srcport;
    wmem_list_append(open, exchange);
    if (wmem_list_count(open) > MAX_OPEN)
        wmem_list_remove_frame(open, wmem_list_head(open));
    return exchange;
}

void
oxc_mapihttp_foreign_request(packet_info *pinfo)
{
    if (!PINFO_FD_VISITED(pinfo))
        exchange_new(pinfo, false);
}

static void
record_request(packet_info *pinfo, mapihttp_record_t *record, const oxc_http_message_t *message, tvbuff_t *body,
               uint32_t ordinal)
{
    mapihttp_exchange_t *exchange = exchange_new(pinfo, true);

    if (message->no_headers) {
        const oxc_request_type_t *type = body ? oxc_mapihttp_guess_type(body, true) : NULL;

        /* Two words of zeros fit many a request of the address book, too. */
        if (type && type->kind != OXC_CALL_CONNECT && type->kind != OXC_CALL_FETCH && !connection_get(pinfo)->session)
            type = NULL;
        exchange->type = type;
        exchange->type_name = type ? type->name : NULL;
        record->type_inferred = true;
    } else {
        exchange->type_name = keep_header(message, "x-requesttype");
        exchange->request_id = keep_header(message, "x-requestid");
        exchange->type = oxc_mapihttp_request_type(exchange->type_name);
    }
    record->exchange = exchange;
    record->type_name = exchange->type_name;
    record->type = exchange->type;
    record->pdu = oxc_pdu_request(pinfo, ordinal, exchange->type ? exchange->type->kind : OXC_CALL_OTHER);
    record->pdu->call->name = record->type_name;
    exchange->call = record->pdu->call;
    if (exchange->type && exchange->type->kind == OXC_CALL_CONNECT)
        exchange->replaces = session_by_cookies(pinfo, message);
    else if (message->no_headers && exchange->type)
        bind_by_connection(pinfo, exchange);
    else if (!message->no_headers && (!exchange->type || !exchange->type->address_book))
        bind_request(pinfo, exchange, message);
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

/*
 * The exchange that a response ends. HTTP/1.1 answers in the order of the requests, but a request may have been missed:
 * X-RequestId, which is echoed, tells. Requests in front of the one that is answered get no answer any more.
 */
static mapihttp_exchange_t *
match_response(packet_info *pinfo, const oxc_http_message_t *message)
{
    wmem_list_t *open = connection_get(pinfo)->open;
    const char *id = oxc_http_value(message, "x-requestid");
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

static bool
record_response(packet_info *pinfo, mapihttp_record_t *record, const oxc_http_message_t *message, tvbuff_t *body,
                uint32_t ordinal)
{
    const oxc_request_type_t *type = NULL;
    mapihttp_exchange_t *exchange;
    oxc_session_t *session;

    if (message->no_headers) {
        if (body)
            type = oxc_mapihttp_guess_type(tvb_new_subset_remaining(body, oxc_mapihttp_preamble_size(body)), false);
        exchange = match_by_type(pinfo, type);
    } else if (message->is_rest) {
        exchange = match_rest(pinfo);
        if (!exchange)
            return false;
    } else {
        exchange = match_response(pinfo, message);
        if (exchange ? !exchange->ours : !oxc_mapihttp_is_response(message))
            return false;
    }
    record->exchange = exchange;
    record->type_name = keep_header(message, "x-requesttype");
    if (record->type_name) {
        record->type = oxc_mapihttp_request_type(record->type_name);
    } else if (type) {
        record->type_name = type->name;
        record->type = type;
        record->type_inferred = true;
    } else if (exchange) {
        record->type_name = exchange->type_name;
        record->type = exchange->type;
        record->type_inferred = true;
    }
    record->pdu = oxc_pdu_response(pinfo, ordinal, record->type ? record->type->kind : OXC_CALL_OTHER,
                                   exchange ? exchange->call : NULL);
    if (!record->pdu->call->name)
        record->pdu->call->name = record->type_name;
    if (!exchange && needs_session(record->type)) {
        session = session_by_guid(pinfo, request_guid(pinfo, message), false);
        oxc_call_bind(pinfo, record->pdu->call, session, OXC_BOUND_BY_CONTEXT);
    }
    return true;
}

mapihttp_record_t *
oxc_mapihttp_record(packet_info *pinfo, const oxc_http_message_t *message, tvbuff_t *body, uint32_t ordinal)
{
    mapihttp_record_t *record =
        (mapihttp_record_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_mapihttp_track, ordinal);

    if (record) {
        /* Rewinds the PDU to its first ROP. */
        if (message->is_request)
            oxc_pdu_request(pinfo, ordinal, record->pdu->call->kind);
        else
            oxc_pdu_response(pinfo, ordinal, record->pdu->call->kind, record->pdu->call);
        return record;
    }
    if (PINFO_FD_VISITED(pinfo))
        return NULL;
    record = wmem_new0(wmem_file_scope(), mapihttp_record_t);
    if (message->is_request)
        record_request(pinfo, record, message, body, ordinal);
    else if (!record_response(pinfo, record, message, body, ordinal))
        return NULL;
    p_add_proto_data(wmem_file_scope(), pinfo, proto_mapihttp_track, ordinal, record);
    return record;
}

/* Legs of NTLM: no credentials, then the challenge. */
#define AUTHENTICATION_LEGS 2

void
oxc_mapihttp_authenticate(packet_info *pinfo, mapihttp_record_t *record, unsigned status)
{
    const char *id = record->exchange ? record->exchange->request_id : NULL;
    unsigned legs;

    if (PINFO_FD_VISITED(pinfo) || record->settled)
        return;
    if (status != 401 && status != 407) {
        if (id && status != 0)
            wmem_map_remove(authentications, id);
        return;
    }
    record->failure = OXC_FAILURE_AUTHENTICATION;
    if (!id)
        return;
    legs = GPOINTER_TO_UINT(wmem_map_lookup(authentications, id)) + 1;
    wmem_map_insert(authentications, id, GUINT_TO_POINTER(legs));
    record->credentials_refused = legs == AUTHENTICATION_LEGS + 1;
}

static void
forget_connections(void)
{
    connections = 0;
}

void
oxc_register_mapihttp_transaction(int proto)
{
    oxc_keepalive_register(proto);
    proto_mapihttp_track = proto;
    authentications = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_str_hash, g_str_equal);
    session_cookies = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    register_init_routine(forget_connections);
}
