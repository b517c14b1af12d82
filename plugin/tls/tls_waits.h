/* tls_waits.h
 * Long polls that cannot be read
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TLS_WAITS_H
#define OXCNOTIF_TLS_WAITS_H

#include "compat.h"

#define OXC_TLS_WAITS 3         /* waits that make a long poll of a connection */

/* What was seen of a connection, by directions, sizes and times alone. Zeroed at its start. */
typedef struct {
    nstime_t last;              /* message */
    uint32_t request_size;      /* bytes of the request that is being sent, or waits for its response */
    uint32_t wait_size;         /* of the requests of the waits */
    uint8_t waits;              /* in a row, with requests of one size */
    bool begun;                 /* a response began at once, and may go on */
    bool answered;              /* a response came later than that: it was all that the client asked for */
    bool waited;                /* to a wait, after which the client has sent nothing yet */
    bool no_poll;               /* the server sent without being asked */
} oxc_tls_waits_t;

/*
 * Data of a frame: bytes of the TCP segment that were not sent before, at a time. Returns whether a wait ended with
 * them.
 *
 * A wait is a request to which the server responds after 20 s or more in which neither sends more than keep-alives. A
 * response that begins at once (MS-OXCMAPIHTTP 2.2.2.7: PROCESSING) is no end of it. Waits count when their requests
 * have one size, and the client sends its next request within 5 s. A server that sends without being asked (WebSocket,
 * server-sent events) is no server of long polls.
 */
bool oxc_tls_waits_add(oxc_tls_waits_t *waits, bool from_client, uint32_t bytes, const nstime_t *time);

#endif /* OXCNOTIF_TLS_WAITS_H */
