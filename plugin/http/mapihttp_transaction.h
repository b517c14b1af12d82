/* mapihttp_transaction.h
 * Which HTTP messages belong together, and to which session context (MS-OXCMAPIHTTP 3.1.5, 3.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_TRANSACTION_H
#define OXCNOTIF_MAPIHTTP_TRANSACTION_H

#include "compat.h"
#include "session/call.h"
#include "http/http_message.h"
#include "http/mapihttp_body.h"

/* One request and what is known of its answer. */
typedef struct {
    bool ours;                  /* MAPI/HTTP; others share the connection */
    const char *type_name;      /* X-RequestType; NULL when there was none */
    const oxc_request_type_t *type;     /* NULL for an unknown one */
    const char *request_id;
    const char *user_dn;        /* of a Connect request */
    uint32_t code_page;         /* its DefaultCodePage */
    oxc_call_t *call;           /* NULL if not ours */
    oxc_session_t *replaces;    /* session whose cookies a Connect request brought */
    bool told_session;          /* the request named its session context, in a cookie or by its connection */
    bool given_up;              /* the connection has ended without an answer */
} mapihttp_exchange_t;

/* One message, as its frame was seen first. */
typedef struct {
    mapihttp_exchange_t *exchange;      /* of a response: NULL when the request was not captured */
    const char *type_name;
    bool type_inferred;         /* from the request, or from the body if no headers are known */
    const oxc_request_type_t *type;
    oxc_pdu_t *pdu;
    oxc_session_t *session;     /* NULL when not known then */
    uint8_t failure;            /* oxc_failure_t of a response */
    bool credentials_refused;   /* this response shows it first */
    bool settled;               /* nothing of this changes any more */
} mapihttp_record_t;

/* Is it a request, or a response, of the protocol, by its own headers? */
bool oxc_mapihttp_is_request(const oxc_http_message_t *message);
bool oxc_mapihttp_is_response(const oxc_http_message_t *message);

/*
 * The record of a message; ordinal counts the messages of the protocol in the frame. The first visit matches responses
 * to requests and requests to sessions. body is what the type is guessed from when no headers are known. NULL for a
 * response that has nothing to do with the protocol.
 */
mapihttp_record_t *oxc_mapihttp_record(packet_info *pinfo, const oxc_http_message_t *message, tvbuff_t *body,
                                       uint32_t ordinal);

/* A request on the connection that is not of the protocol: its response must not be taken for another's. */
void oxc_mapihttp_foreign_request(packet_info *pinfo);

/* After the body was read: sessions begin and end. response_code is 0 when the message has none. */
void oxc_mapihttp_settle(packet_info *pinfo, mapihttp_record_t *record, const oxc_http_message_t *message,
                         const oxc_body_t *body, uint32_t response_code);

/*
 * Notes on the first visit whether a response is a leg of HTTP authentication, and whether the client's credentials are
 * refused: its request has come back with 401 or 407 more often than any scheme needs.
 */
void oxc_mapihttp_authenticate(packet_info *pinfo, mapihttp_record_t *record, unsigned status);

/* ---- the connection ---- */

/* Has the frame's connection carried messages of the protocol? */
bool oxc_mapihttp_is_connection(packet_info *pinfo);

/*
 * The first frame whose HTTP messages are looked at by oxc_mapihttp_watch(); 0 when the connection is not known to
 * carry any.
 */
uint32_t oxc_mapihttp_watched_from(packet_info *pinfo);

/* From the next frame on the connection is watched. */
void oxc_mapihttp_set_watched(packet_info *pinfo);

/*
 * The exchanges that lost their connection with this frame (FIN or RST before the response was complete), a list of
 * mapihttp_exchange_t *; NULL for none.
 */
wmem_list_t *oxc_mapihttp_cut_off(packet_info *pinfo);

/* Which side of the frame's connection sent this frame, for one that ends it. */
oxc_closed_by_t oxc_mapihttp_closed_by(packet_info *pinfo);

void oxc_register_mapihttp_transaction(int proto);

#endif /* OXCNOTIF_MAPIHTTP_TRANSACTION_H */
