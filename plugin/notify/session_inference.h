/* session_inference.h
 * Whose wake-ups come through a channel that nothing in the capture ties to a session
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_SESSION_INFERENCE_H
#define OXCNOTIF_SESSION_INFERENCE_H

#include "notify/notify.h"

/*
 * A wake-up comes through a channel: an ACXH, an address with its context bytes, a session index. The call that ties
 * the channel to a session may be missing: the packet was lost, the capture began later, the stubs are encrypted. Then
 * it is learnt, on the first pass, from what happens at the same client and server: a client that was woken fetches
 * soon, so the session whose fetches keep coming right after the channel's wake-ups is the channel's.
 *
 * How much a fetch says is the ratio of two densities: that of a follow-up at this latency, by how long follow-ups took
 * so far at these two, and that of any fetch of a session, by how often the sessions of this client and server fetch.
 * A fetch without ROPs, and one that brings notifications, says more than others. Ratios are multiplied up over
 * wake-ups; what is shown as confidence is the share of the best session in the sum over all that could be meant, among
 * them those that were not seen yet. A session that has another channel of the same kind is hardly meant (MS-OXCRPC
 * 3.1.1: one asynchronous context handle per session).
 *
 * Cost per event is bounded: so is what is kept of a channel (CANDIDATES sessions), of a client and server (FEW
 * sessions, NEAR wake-ups of the last seconds with FETCHERS fetches each) and of a session.
 */

typedef enum {
    OXC_CHANNEL_WAIT,       /* ACXH */
    OXC_CHANNEL_PUSH,       /* address, port and context bytes */
    OXC_CHANNEL_INDEX,      /* SessionIndex of a RopPending */
    OXC_CHANNEL_CONNECTION, /* connection of waits whose requests were not captured; several sessions may use it */
    OXC_CHANNEL_HTTP,       /* the same over MAPI/HTTP */
    OXC_CHANNEL_KINDS
} oxc_channel_kind_t;

/* The channel with this key between client and server, made if it is new. First visit only; the key is copied. */
oxc_channel_t *oxc_channel_find(oxc_channel_kind_t kind, const void *key, size_t len, const address *client,
                                const address *server);

/* The channel belongs to one of the sessions that told it; with several, nobody can say which of them is woken. */
void oxc_channel_share(oxc_channel_t *channel, oxc_session_t *session);

/* The session that is believed to have the channel; NULL if that is open. First visit only. */
oxc_session_t *oxc_channel_session(const oxc_channel_t *channel);

/*
 * A wait of a session begins or ends on a connection (channel of OXC_CHANNEL_CONNECTION). A session has one wait at a
 * time, so an end whose beginning was not captured is that of a session which has none open. First visit only.
 */
void oxc_channel_wait_begins(oxc_channel_t *channel, const oxc_session_t *session);
void oxc_channel_wait_ended(oxc_channel_t *channel, oxc_session_t *session);

/*
 * Did the wait that ends now begin before the capture? Then it is not one of a session of which a wait was captured from
 * its request on: a session has one at a time. First visit only.
 */
void oxc_channel_wait_is_old(oxc_channel_t *channel, bool is_old);

/* A wait of the session began. First visit only. */
void oxc_inference_waits(oxc_session_t *session);

/* The session was met between client and server, over MAPI/HTTP or over RPC. First visit only. */
void oxc_inference_meet(packet_info *pinfo, oxc_session_t *session, bool over_http, const address *client,
                        const address *server);

/* Was it met over RPC? MAPI/HTTP has no datagrams, and gives no session index out. First visit only. */
bool oxc_inference_is_rpc(const oxc_session_t *session);

/* The listener's bytes_missing. First visit only. */
void oxc_inference_bytes_missing(const address *client, const address *server, bool missing);

/* How the client and the server of the session behave; never NULL. */
struct oxc_habits *oxc_inference_habits(oxc_session_t *session);

/* The session has registered for datagrams, and what it registered was not captured. First visit only. */
void oxc_inference_expect_push(oxc_session_t *session);

/*
 * A small datagram came through the channel: has a session of the client registered for such, with a call that cannot
 * be read? First visit only.
 */
bool oxc_inference_is_push(const oxc_channel_t *channel);

/* Is it known which channel of this kind the session has, by a key? First visit only. */
bool oxc_inference_is_by_key(const oxc_session_t *session, oxc_channel_kind_t kind);

/* A wake-up through the channel was followed by a call of the session, beyond doubt. First visit only. */
void oxc_channel_learn(oxc_channel_t *channel, oxc_session_t *session);

/* Was a session met between them over RPC? First visit only. */
bool oxc_inference_are_peers(const address *client, const address *server);

/* Calls fn for those sessions of the two that were met last, a few. First visit only. */
void oxc_inference_each_met(const address *client, const address *server,
                            void (*fn)(const oxc_session_t *session, const void *user), const void *user);

/* A key shows which channel of this kind the session has: it has no other. First visit only. */
void oxc_inference_taken(oxc_session_t *session, oxc_channel_kind_t kind);

/* ---- for the matcher; first visit only ---- */

struct oxc_wakeup;

/*
 * A wake-up came through the channel: the session that it is for, with the confidence of that in per cent; NULL if that
 * is too uncertain, and then the next fetches will be offered it.
 */
oxc_session_t *oxc_inference_woken(oxc_channel_t *channel, struct oxc_wakeup *wakeup, uint8_t *confidence);

/*
 * A session fetches: the wake-up of unknown session that this follows up, with the confidence of that; NULL for none. own is
 * the latest wake-up that is known to be the session's, if nothing followed it so far; else NULL. doubt: that the fetch
 * follows up one of unknown session that came after that, in per cent.
 */
struct oxc_wakeup *oxc_inference_fetch(const oxc_pdu_t *request, const struct oxc_wakeup *own, uint8_t *confidence,
                                       uint8_t *doubt);

/*
 * What a fetch brought: a number of notifications. Returns the wake-up through a channel that several sessions share
 * which this shows to be the session's, with the confidence of that; NULL for none.
 */
struct oxc_wakeup *oxc_inference_answer(const oxc_pdu_t *response, unsigned notifications, uint8_t *confidence);

/* A call failed: it is no follow-up of anything. */
void oxc_inference_failed(const oxc_call_t *call);

/* Registers what lives from file to file. */
void oxc_inference_register(void);

#endif /* OXCNOTIF_SESSION_INFERENCE_H */
