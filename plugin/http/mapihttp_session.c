/* mapihttp_session.c
 * Which session context a message of MAPI/HTTP belongs to (MS-OXCMAPIHTTP 3.1.5, 3.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_session.h"

#include <string.h>

#include <epan/epan.h>
#include <wsutil/str_util.h>

/* Cookies that a session context was given, any of which may turn out to be the one that names it. */
typedef struct {
    const char *name;
    const char *value;
} cookie_t;

static wmem_map_t *session_cookies;     /* oxc_session_t -> wmem_list_t of cookie_t, the one in use first */
static unsigned made;                   /* sessions without a key of their own */

/* ---- cookies ---- */

/* The names that Exchange and gromox (and those who follow them) give to the session context cookie. */
static bool
names_session(const char *name)
{
    return g_ascii_strcasecmp(name, "MapiContext") == 0 || g_ascii_strcasecmp(name, "sid") == 0;
}

/*
 * Of more cookies than a client has to keep for a domain (RFC 6265 6.1), only those with a known name are looked at, and no
 * more of these: each is compared with those of sessions.
 */
#define MAX_COOKIES 50

static bool
is_too_many(const wmem_list_t *cookies, const char *name)
{
    unsigned count = wmem_list_count(cookies);

    return count >= MAX_COOKIES && (count >= 2 * MAX_COOKIES || !names_session(name));
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
            *equals = '\0';
            if (!is_too_many(cookies, pair)) {
                cookie_t *cookie = wmem_new(pinfo->pool, cookie_t);

                cookie->name = pair;
                cookie->value = equals + 1;
                wmem_list_append(cookies, cookie);
            }
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
    oxc_http_name_t wanted = message->is_request ? OXC_HEADER_COOKIE : OXC_HEADER_SET_COOKIE;

    for (unsigned i = 0; oxc_http_value(message, wanted) && i < message->header_count; i++) {
        if (message->headers[i].known == wanted)
            split_cookies(pinfo, message->headers[i].value, !message->is_request, cookies);
    }
    return cookies;
}

/* The key of a cookie at the server of the message: name, value, port and address. */
static wmem_array_t *
cookie_key(packet_info *pinfo, const oxc_http_message_t *message, const cookie_t *cookie)
{
    wmem_array_t *key = wmem_array_new(pinfo->pool, 1);
    const address *server = message->is_request ? &pinfo->dst : &pinfo->src;
    uint32_t port = message->is_request ? pinfo->destport : pinfo->srcport;

    wmem_array_append(key, cookie->name, (unsigned)strlen(cookie->name));
    wmem_array_append(key, "=", 1);
    wmem_array_append(key, cookie->value, (unsigned)strlen(cookie->value) + 1);
    wmem_array_append(key, &port, sizeof port);
    if (server->len > 0)
        wmem_array_append(key, server->data, (unsigned)server->len);
    return key;
}

static oxc_session_t *
session_by_cookie(packet_info *pinfo, const oxc_http_message_t *message, const cookie_t *cookie, bool create)
{
    wmem_array_t *key = cookie_key(pinfo, message, cookie);

    return oxc_session_find(pinfo, OXC_KEY_COOKIE, (const uint8_t *)wmem_array_get_raw(key), wmem_array_get_count(key),
                            create);
}

static void
session_add_cookie(packet_info *pinfo, const oxc_http_message_t *message, oxc_session_t *session,
                   const cookie_t *cookie)
{
    wmem_array_t *key = cookie_key(pinfo, message, cookie);

    oxc_session_add_key(pinfo, session, OXC_KEY_COOKIE, (const uint8_t *)wmem_array_get_raw(key),
                        wmem_array_get_count(key));
}

static const cookie_t *
find_cookie(wmem_list_t *cookies, const char *name)
{
    for (wmem_list_frame_t *at = cookies ? wmem_list_head(cookies) : NULL; at; at = wmem_list_frame_next(at)) {
        const cookie_t *cookie = (const cookie_t *)wmem_list_frame_data(at);

        if (strcmp(cookie->name, name) == 0)
            return cookie;
    }
    return NULL;
}

/* The cookie that names a session context by its own name; NULL for none. */
static const cookie_t *
context_cookie(wmem_list_t *cookies)
{
    for (wmem_list_frame_t *at = wmem_list_head(cookies); at; at = wmem_list_frame_next(at)) {
        const cookie_t *cookie = (const cookie_t *)wmem_list_frame_data(at);

        if (names_session(cookie->name))
            return cookie;
    }
    return NULL;
}

/*
 * The cookie that is most likely to name a new session context, NULL if there are none. One that another session has
 * got as well is a load balancer's.
 */
static const cookie_t *
likely_cookie(packet_info *pinfo, const oxc_http_message_t *message, wmem_list_t *cookies)
{
    const cookie_t *likely = context_cookie(cookies);

    for (wmem_list_frame_t *at = wmem_list_head(cookies); at && !likely; at = wmem_list_frame_next(at)) {
        const cookie_t *cookie = (const cookie_t *)wmem_list_frame_data(at);

        if (!session_by_cookie(pinfo, message, cookie, false))
            likely = cookie;
    }
    if (likely || wmem_list_count(cookies) == 0)
        return likely;
    return (const cookie_t *)wmem_list_frame_data(wmem_list_head(cookies));
}

/* Has the request the cookies that the session was given? With all, none may be missing. */
static bool
agrees(const oxc_session_t *session, wmem_list_t *cookies, bool all)
{
    wmem_list_t *kept = (wmem_list_t *)wmem_map_lookup(session_cookies, session);

    for (wmem_list_frame_t *at = kept ? wmem_list_head(kept) : NULL; at; at = wmem_list_frame_next(at)) {
        const cookie_t *mine = (const cookie_t *)wmem_list_frame_data(at);
        const cookie_t *theirs = find_cookie(cookies, mine->name);

        if (theirs ? strcmp(theirs->value, mine->value) != 0 : all)
            return false;
    }
    return true;
}

/* By the cookies that have no known name, of which some may be a load balancer's and the same for all. */
static oxc_session_t *
session_by_other_cookies(packet_info *pinfo, const oxc_http_message_t *message, wmem_list_t *cookies, bool all)
{
    for (wmem_list_frame_t *at = wmem_list_head(cookies); at; at = wmem_list_frame_next(at)) {
        oxc_session_t *session =
            session_by_cookie(pinfo, message, (const cookie_t *)wmem_list_frame_data(at), false);

        if (session && agrees(session, cookies, all))
            return session;
    }
    return NULL;
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
void
oxc_mapihttp_learn_cookies(packet_info *pinfo, oxc_session_t *session, const oxc_http_message_t *message)
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
            session_add_cookie(pinfo, message, session, cookie);
        } else {
            bool in_use = k == wmem_list_head(kept);

            wmem_list_remove_frame(kept, k);
            if (in_use)
                session_add_cookie(pinfo, message, session,
                                   (const cookie_t *)wmem_list_frame_data(wmem_list_head(kept)));
        }
    }
}

void
oxc_mapihttp_learn_cookies_of_leg(packet_info *pinfo, oxc_session_t *session, const oxc_http_message_t *message)
{
    const cookie_t *context = context_cookie(cookies_of(pinfo, message));

    if (context)
        session_add_cookie(pinfo, message, session, context);
}

/* ---- X-RequestId ---- */

/* The GUID part (MS-OXCMAPIHTTP 2.2.3.3.2); NULL when there is none. */
static const char *
guid_of(packet_info *pinfo, const char *request_id)
{
    const char *colon = request_id ? strchr(request_id, ':') : NULL;

    return colon && colon != request_id ? wmem_ascii_strdown(pinfo->pool, request_id, colon - request_id) : NULL;
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

/* ---- sessions ---- */

/*
 * The GUID names the session, unless the request has a context cookie that the session was not given. If the session is
 * reached at another server with its cookie, that is a key there, too.
 */
static oxc_session_t *
session_of_guid(packet_info *pinfo, const oxc_http_message_t *message, const char *guid, const cookie_t *context)
{
    oxc_session_t *session = session_by_guid(pinfo, guid, false);
    const cookie_t *mine;

    if (!session || !context)
        return session;
    mine = find_cookie((wmem_list_t *)wmem_map_lookup(session_cookies, session), context->name);
    if (mine && strcmp(mine->value, context->value) != 0)
        return NULL;
    session_add_cookie(pinfo, message, session, context);
    return session;
}

static oxc_session_t *
session_before_capture(packet_info *pinfo, const oxc_http_message_t *message, wmem_list_t *cookies, const char *guid)
{
    const cookie_t *context = context_cookie(cookies);
    const cookie_t *likely = likely_cookie(pinfo, message, cookies);
    oxc_session_t *session;

    if (guid && !context)
        session = session_by_guid(pinfo, guid, true);
    else if (likely)
        session = session_by_cookie(pinfo, message, likely, true);
    else
        return NULL;
    if (likely)
        session_keep_cookies(session, cookies, likely);
    session_add_guid(pinfo, session, guid);
    return session;
}

bool
oxc_mapihttp_bind_request(packet_info *pinfo, oxc_call_t *call, const oxc_http_message_t *message, bool needs_session)
{
    wmem_list_t *cookies = cookies_of(pinfo, message);
    bool has_cookies = wmem_list_count(cookies) > 0;
    const cookie_t *context = context_cookie(cookies);
    const char *guid = guid_of(pinfo, oxc_http_value(message, OXC_HEADER_X_REQUESTID));
    oxc_session_t *session = context ? session_by_cookie(pinfo, message, context, false) : NULL;

    if (!session && (needs_session || has_cookies))
        session = session_of_guid(pinfo, message, guid, context);
    if (!session && !guid)
        session = session_by_other_cookies(pinfo, message, cookies, false);
    if (!session && needs_session)
        session = session_before_capture(pinfo, message, cookies, guid);
    oxc_call_bind(pinfo, call, session, has_cookies ? OXC_BOUND_BY_KEY : OXC_BOUND_BY_CONTEXT);
    return session && has_cookies;
}

void
oxc_mapihttp_bind_response(packet_info *pinfo, oxc_call_t *call, const oxc_http_message_t *message)
{
    const char *guid = guid_of(pinfo, oxc_http_value(message, OXC_HEADER_X_REQUESTID));

    oxc_call_bind(pinfo, call, session_by_guid(pinfo, guid, false), OXC_BOUND_BY_CONTEXT);
}

oxc_session_t *
oxc_mapihttp_brought_session(packet_info *pinfo, const oxc_http_message_t *message)
{
    wmem_list_t *cookies = cookies_of(pinfo, message);
    const cookie_t *context = context_cookie(cookies);

    /* A client sends the cookie of a load balancer with its first Connect already. */
    return context ? session_by_cookie(pinfo, message, context, false)
                   : session_by_other_cookies(pinfo, message, cookies, true);
}

oxc_session_t *
oxc_mapihttp_new_session(packet_info *pinfo)
{
    const char *unique = wmem_strdup_printf(pinfo->pool, "\n%u", ++made);

    return oxc_session_find(pinfo, OXC_KEY_COOKIE, (const uint8_t *)unique, strlen(unique), true);
}

oxc_session_t *
oxc_mapihttp_begin_session(packet_info *pinfo, oxc_call_t *call, const oxc_http_message_t *message,
                           const oxc_mapihttp_connect_t *connect)
{
    wmem_list_t *cookies = cookies_of(pinfo, message);
    const cookie_t *cookie = likely_cookie(pinfo, message, cookies);
    const char *request_id = oxc_http_value(message, OXC_HEADER_X_REQUESTID);
    const char *guid;
    oxc_session_t *session;

    if (!request_id)
        request_id = connect->request_id;
    guid = guid_of(pinfo, request_id);
    if (!cookie && !guid && !message->no_headers)
        return NULL;
    session = oxc_mapihttp_new_session(pinfo);
    if (cookie) {
        session_add_cookie(pinfo, message, session, cookie);
        session_keep_cookies(session, cookies, cookie);
    }
    session_add_guid(pinfo, session, guid);
    oxc_session_set_code_page(pinfo, session, connect->code_page);
    oxc_session_set_user(pinfo, session,
                         connect->display_name && *connect->display_name ? connect->display_name : connect->user_dn);
    if (connect->replaces) {
        session->replaces = connect->replaces;
        oxc_session_end(pinfo, session->replaces, OXC_END_REPLACED);
    }
    oxc_call_bind(pinfo, call, session, message->no_headers ? OXC_BOUND_BY_CONTEXT : OXC_BOUND_BY_KEY);
    return session;
}

static void
forget_sessions(void)
{
    made = 0;
}

void
oxc_register_mapihttp_session(void)
{
    session_cookies = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    register_init_routine(forget_sessions);
}
