/* mapihttp_session.h
 * Which session context a message of MAPI/HTTP belongs to (MS-OXCMAPIHTTP 3.1.5, 3.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_SESSION_H
#define OXCNOTIF_MAPIHTTP_SESSION_H

#include "compat.h"
#include "session/call.h"
#include "http/http_message.h"

/*
 * Keys of a session context, the strongest first: a cookie that Exchange or gromox gives to session contexts; the GUID
 * of X-RequestId, which a client never uses for two of them (2.2.3.3.2); without that, any other cookie. A cookie is a
 * key at the server that set it only: another server may give out the same one. Everything is for the first visit.
 */

/* What a Connect call told of the session context that it makes. */
typedef struct {
    const char *request_id;     /* X-RequestId of the request; NULL if there was none */
    const char *user_dn;
    const char *display_name;
    uint32_t code_page;
    oxc_session_t *replaces;    /* see oxc_mapihttp_brought_session() */
} oxc_mapihttp_connect_t;

/*
 * Binds the call of a request; a session that began before the capture is made if the request needs one. Did the
 * request name its session context by a cookie?
 */
bool oxc_mapihttp_bind_request(packet_info *pinfo, oxc_call_t *call, const oxc_http_message_t *message,
                               bool needs_session);

/* Binds the call of a response whose request was not captured, if its session is known. */
void oxc_mapihttp_bind_response(packet_info *pinfo, oxc_call_t *call, const oxc_http_message_t *message);

/* The session whose cookies a Connect request brings, which the new one replaces (3.1.5.7); NULL for none. */
oxc_session_t *oxc_mapihttp_brought_session(packet_info *pinfo, const oxc_http_message_t *message);

/* The session that a successful Connect response makes; NULL if the response has no key of it. */
oxc_session_t *oxc_mapihttp_begin_session(packet_info *pinfo, oxc_call_t *call, const oxc_http_message_t *message,
                                          const oxc_mapihttp_connect_t *connect);

/* A session of its own for what has no key, or whose key a server may have given out before. */
oxc_session_t *oxc_mapihttp_new_session(packet_info *pinfo);

/* Cookies that a later response of the session sets. */
void oxc_mapihttp_learn_cookies(packet_info *pinfo, oxc_session_t *session, const oxc_http_message_t *message);

/*
 * The context cookie that the client gets with a response that was seen on the server's side of a proxy before: some
 * encrypt or rename the values. First visit only.
 */
void oxc_mapihttp_learn_cookies_of_leg(packet_info *pinfo, oxc_session_t *session, const oxc_http_message_t *message);

void oxc_register_mapihttp_session(void);

#endif /* OXCNOTIF_MAPIHTTP_SESSION_H */
