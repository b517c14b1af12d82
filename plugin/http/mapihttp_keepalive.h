/* mapihttp_keepalive.h
 * Long polls on which the server says nothing for longer than it promised (MS-OXCMAPIHTTP 2.2.3.3.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_KEEPALIVE_H
#define OXCNOTIF_MAPIHTTP_KEEPALIVE_H

#include "compat.h"
#include "session/session.h"

/*
 * A response of the session promised a PENDING tag every so many milliseconds while it has no answer yet. First visit
 * only.
 */
void oxc_keepalive_promise(packet_info *pinfo, oxc_session_t *session, const char *pending_period);

/* A wait begins on, or was answered on, the TCP connection of this frame; as a stream of HTTP/2 or not. First visit only. */
void oxc_keepalive_wait_begins(packet_info *pinfo, oxc_call_t *call, bool is_stream);
void oxc_keepalive_wait_ends(packet_info *pinfo);

/* A silence that this frame ended, or the end of its connection did. */
typedef struct {
    nstime_t lasted;
    uint32_t period;            /* milliseconds that were promised */
    uint32_t wait_in;           /* request frame of the wait */
} oxc_keepalive_t;

/* The silence that ended with this frame, NULL when there was none that is too long. Behind the TCP dissector. */
const oxc_keepalive_t *oxc_keepalive_ended(packet_info *pinfo);

void oxc_keepalive_register(int proto);

#endif /* OXCNOTIF_MAPIHTTP_KEEPALIVE_H */
