/* mapihttp_exchange.h
 * Requests, responses, and what is known of them (MS-OXCMAPIHTTP 3.1.5, 3.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_EXCHANGE_H
#define OXCNOTIF_MAPIHTTP_EXCHANGE_H

#include "compat.h"
#include "session/call.h"
#include "http/http_message.h"
#include "http/mapihttp_body.h"

/*
 * Requests of a connection whose responses are waited for. A session has one besides its wait (X-ResponseCode 15), and
 * HTTP/1.1 does not overtake; of HTTP/2 servers allow about 100 streams a connection. Of more than this the oldest are
 * forgotten.
 */
#define OXC_MAPIHTTP_MAX_OPEN 256

struct mapihttp_record;

/* Between whom, as the request was sent. */
typedef struct {
    address client, server;
    uint32_t server_port;
} mapihttp_ends_t;

/* What a Connect request told. */
typedef struct {
    const char *user_dn;
    oxc_session_t *replaces;    /* session whose cookies it brought */
    uint32_t code_page;         /* DefaultCodePage */
} mapihttp_connect_t;

/* One request and what is known of its answer; of another protocol if that shares the connection. */
typedef struct mapihttp_exchange {
    struct mapihttp_record *request;    /* NULL if not ours */
    char *request_id;           /* X-RequestId, until it is answered; NULL when there was none */
    mapihttp_connect_t *connect;        /* NULL if it is no Connect */
    uint32_t stream;            /* of HTTP/2; 0 for HTTP/1.1 */
    bool told_session : 1;      /* the request named its session context, in a cookie or by its connection */
    bool given_up : 1;          /* the connection, or the stream, has ended without an answer */
    uint8_t closed_by;          /* oxc_closed_by_t, if it was given up */
    /* See mapihttp_leg.h. */
    const mapihttp_ends_t *ends;        /* NULL if not ours */
    uint32_t body_hash;
    uint32_t body_length;
    struct mapihttp_exchange *whole;    /* the leg that was seen first, where the exchange counts; itself if it is that */
    struct mapihttp_exchange *other;    /* of that one: the latest other leg; NULL for none */
    struct mapihttp_exchange *ended_on; /* of that one: the leg on which the exchange ended first; NULL while it is open */
    struct mapihttp_record *response;   /* of that one: the message as it was seen first */
} mapihttp_exchange_t;

/* The same message on the other side of a proxy. */
typedef struct {
    uint32_t frame;
    nstime_t delay;             /* since that one, if it was before */
} mapihttp_other_leg_t;

/* One message, as its frame was seen first. */
typedef struct mapihttp_record {
    uint64_t key;               /* frame, and number of the message there */
    mapihttp_exchange_t *exchange;      /* of a response: NULL when the request was not captured */
    const char *type_name;      /* X-RequestType; NULL when there was none */
    const oxc_request_type_t *type;     /* NULL for an unknown one */
    oxc_pdu_t *pdu;             /* NULL if it has nothing to do with the protocol */
    oxc_session_t *session;     /* NULL when not known then */
    oxc_http_message_t *headers;        /* in file scope; NULL when the message can be read again */
    mapihttp_other_leg_t *other_leg;    /* NULL for none */
    int offset;                 /* of the message in its tvb, then; -1 if the http dissector did not hand it over */
    uint8_t failure;            /* oxc_failure_t of a response */
    bool type_inferred : 1;     /* from the request, or from the body if no headers are known */
    bool credentials_refused : 1;       /* this response shows it first */
    bool settled : 1;           /* nothing of this changes any more */
    bool is_again : 1;          /* it was seen on another leg before, and counts there */
} mapihttp_record_t;

static inline bool
oxc_mapihttp_is_ours(const mapihttp_exchange_t *exchange)
{
    return exchange->request != NULL;
}

/* Of an exchange that is ours. */
static inline oxc_call_t *
oxc_mapihttp_call(const mapihttp_exchange_t *exchange)
{
    return exchange->request->pdu->call;
}

/*
 * Is it a request, or a response, of the protocol, by its own headers? Those that tell it of a response may stand in a
 * request, too.
 */
bool oxc_mapihttp_is_request(const oxc_http_message_t *message);
bool oxc_mapihttp_is_response(const oxc_http_message_t *message);

/* A header value for as long as the capture is open, or until it is freed; NULL when there is none. */
char *oxc_mapihttp_keep_header(const oxc_http_message_t *message, oxc_http_name_t name);

/*
 * The same of X-RequestType, as text for the Info column and statistics, and its type; NULL for one that is not known. The
 * header itself keeps its value. Names of types that are known need no copy.
 */
const char *oxc_mapihttp_keep_type(const oxc_http_message_t *message, const oxc_request_type_t **type);

#endif /* OXCNOTIF_MAPIHTTP_EXCHANGE_H */
