/* mapihttp_match.h
 * Which request a response answers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_MATCH_H
#define OXCNOTIF_MAPIHTTP_MATCH_H

#include "http/mapihttp_exchange.h"

/*
 * What is open on a connection, mapihttp_exchange_t, the oldest first: exchanges of the protocol and others. What is found
 * leaves the list; NULL is returned for none. Everything is for the first visit.
 */

/* A request was sent. Of more than OXC_MAPIHTTP_MAX_OPEN the oldest is forgotten. */
void oxc_exchange_wait(wmem_list_t *open, mapihttp_exchange_t *exchange);

/* The latest request: a client does not send another one before it has the whole answer to the one before. */
mapihttp_exchange_t *oxc_exchange_of_rest(wmem_list_t *open);

/* HTTP/2 answers in any order, on the stream of the request. */
mapihttp_exchange_t *oxc_exchange_of_stream(wmem_list_t *open, uint32_t stream);

/*
 * The exchange that a response ends. HTTP/1.1 answers in the order of the requests, but a request may have been missed:
 * X-RequestId, which is echoed, tells. Requests in front of the one that is answered get no answer any more.
 */
mapihttp_exchange_t *oxc_exchange_of_response(wmem_list_t *open, const oxc_http_message_t *message);

/*
 * The same without headers: streams end in any order, but of one type there is one call at a time in a session. A body
 * that fits no type (type is NULL then) is taken for the answer to the oldest request.
 */
mapihttp_exchange_t *oxc_exchange_of_type(wmem_list_t *open, const oxc_request_type_t *type);

#endif /* OXCNOTIF_MAPIHTTP_MATCH_H */
