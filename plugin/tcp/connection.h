/* connection.h
 * A TCP connection with something of ours: who is its client, and how it ended
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_CONNECTION_H
#define OXCNOTIF_CONNECTION_H

#include "compat.h"

#include "session/event.h"

#include <epan/conversation.h>

/*
 * One record of a connection for whoever watches it, whatever it carries. It begins when one is first asked for, and is
 * of use on the first visit only. The end of what stands in for a connection, a stream of HTTP/2 or a virtual connection of
 * RPC over HTTP, is found by who reads that: oxc_mapihttp_stream_ended(), rpch_ended().
 */

/*
 * The frame carries a request, so that its sender is the client. Returns where the latest frame is kept that showed bytes of
 * the server to be missing which were not captured since, for oxc_call_t; NULL if nobody looks for them, as on later visits.
 */
const uint32_t *oxc_connection_request(packet_info *pinfo);

/* Which side sent the frame; unknown before the first request. */
oxc_closed_by_t oxc_connection_sender(packet_info *pinfo);

/*
 * The first FIN, or the first RST, of either side comes with this frame. To be asked from the first request on, of every
 * frame of the connection, behind the TCP dissector; it has the same answer as often as it is asked.
 */
bool oxc_connection_ends_now(packet_info *pinfo);

/*
 * Who is to blame for the end that comes with this frame: its sender, or a device between if the frame is an RST whose
 * packet came another way than the others of its sender. On the first visit, once oxc_connection_ends_now() has said so.
 */
oxc_closed_by_t oxc_connection_closer(packet_info *pinfo);

/*
 * The conversation that had the addresses and ports before, if this frame begins another one on them; NULL for none. First
 * visit only.
 */
const conversation_t *oxc_connection_before(packet_info *pinfo);

/* It was seen to end, in this frame or before. Behind the TCP dissector; on any visit. */
bool oxc_connection_has_ended(packet_info *pinfo);

/*
 * What of the connection was not captured: bytes of a side in front of a later segment of it, or that the other side
 * acknowledges. What comes later, out of order, is not missing from then on. Nothing is known where Wireshark does not analyze sequence
 * numbers.
 */

/*
 * Tells the listener if the frame shows that a call is missing as a whole: its request, and bytes of its answer. To be
 * asked like oxc_connection_ends_now(), but only once in a frame.
 */
void oxc_connection_tell_missing_call(packet_info *pinfo);

/* Do bytes of any connection of ours miss, as far as the file was read? On any visit. */
bool oxc_connection_bytes_missing(void);

void oxc_connection_register(void);

#endif /* OXCNOTIF_CONNECTION_H */
