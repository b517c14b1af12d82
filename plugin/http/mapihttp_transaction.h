/* mapihttp_transaction.h
 * Which HTTP messages belong together, and to which session context (MS-OXCMAPIHTTP 3.1.5, 3.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_TRANSACTION_H
#define OXCNOTIF_MAPIHTTP_TRANSACTION_H

#include "http/mapihttp_exchange.h"

/*
 * The record of a message; ordinal counts the messages of the protocol in the frame. The first visit matches responses
 * to requests and requests to sessions. body is what the type is guessed from when no headers are known. NULL for a
 * response that has nothing to do with the protocol.
 */
mapihttp_record_t *oxc_mapihttp_record(packet_info *pinfo, const oxc_http_message_t *message, tvbuff_t *body,
                                       uint32_t ordinal);

/* The record that the first visit made for the message of that number in the frame; NULL for none. */
mapihttp_record_t *oxc_mapihttp_known_record(packet_info *pinfo, uint32_t ordinal);

/* A request on the connection that is not of the protocol: its response must not be taken for another's. */
void oxc_mapihttp_foreign_request(packet_info *pinfo);

/* After the body was read: sessions begin and end. response_code is 0 when the message has none. */
void oxc_mapihttp_settle(packet_info *pinfo, mapihttp_record_t *record, const oxc_http_message_t *message,
                         const oxc_body_t *body, uint32_t response_code);

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

/* The frame begins a connection: if its addresses and ports were another one's, no answer comes on that any more. */
void oxc_mapihttp_forget_connection(packet_info *pinfo);

/*
 * The exchanges that lost their connection with this frame (FIN or RST before the response was complete), a list of
 * mapihttp_exchange_t *; NULL for none.
 */
wmem_list_t *oxc_mapihttp_cut_off(packet_info *pinfo);

/*
 * The stream of HTTP/2 ends with this frame, or, with all_above, those with a greater number do: what was open is cut
 * off.
 */
void oxc_mapihttp_stream_ended(packet_info *pinfo, uint32_t stream, bool all_above);

void oxc_register_mapihttp_transaction(int proto);

#endif /* OXCNOTIF_MAPIHTTP_TRANSACTION_H */
