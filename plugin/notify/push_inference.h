/* push_inference.h
 * Which datagrams wake a client whose registration was not captured
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_PUSH_INFERENCE_H
#define OXCNOTIF_PUSH_INFERENCE_H

#include "notify/matcher.h"

/*
 * A push datagram has the client's context bytes and nothing else (MS-OXCNOTIF 2.2.1.3.3). If nothing tells that they
 * were registered, this is the evidence: a session of that client fetches at once, with a call that asks for nothing but
 * notifications, or brings some. How much that says is measured by how often the session makes such calls: rate times
 * elapsed time is the probability that one follows by chance. A port of the client is believed to receive push datagrams
 * if what followed all datagrams to it is so improbable that it is not expected in any look at a port of that client.
 * So no fixed time is in the rule, and the more foreign datagrams a client receives, and the more sessions are behind its
 * address, the more evidence a port needs.
 *
 * The source must be a server to which the client speaks EMSMDB; or the bytes must recur, since a server may send from
 * another address. A port that the client itself sends from is that of another protocol. A session with a known
 * registration is woken by no other datagrams.
 *
 * A port is believed in the frame of a call, and then its earlier datagrams are wake-ups, too: they are shown from the
 * next visit on. First visit only; what is kept is bounded for each port of a client, which is known by its datagrams.
 */

/* A small datagram that no registration explains: is it a push datagram, as far as is known now? */
bool oxc_push_inference_received(packet_info *pinfo, const uint8_t *bytes, size_t len);

/* A datagram that may be of another protocol was sent from this address and port. */
void oxc_push_inference_sent(packet_info *pinfo);

/* The request of a fetch was seen, before the matcher sees it. */
void oxc_push_inference_call(packet_info *pinfo, const oxc_pdu_t *request);

/* The response of a fetch was seen, before the matcher sees it. */
void oxc_push_inference_answer(packet_info *pinfo, const oxc_pdu_t *response);

/* Key of the channel that a datagram to this port with these bytes came through; allocated in scope. */
wmem_array_t *oxc_push_channel_key(wmem_allocator_t *scope, const address *client, uint16_t port, const uint8_t *bytes,
                                   size_t len);

/* Registers what lives from file to file. */
void oxc_push_inference_register(void);

#endif /* OXCNOTIF_PUSH_INFERENCE_H */
