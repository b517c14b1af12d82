/* event.h
 * What transports and the reader of ROPs have seen, for whoever decides what it means
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_EVENT_H
#define OXCNOTIF_EVENT_H

#include "session/rop_state.h"

/* Why a TLS connection that is not decrypted may be Exchange's; stronger ones come first. */
typedef enum {
    OXC_TLS_SERVER_NAME = 1,    /* of the ClientHello */
    OXC_TLS_CERTIFICATE,        /* of the server */
    OXC_TLS_SERVER_ADDRESS,     /* of another connection that was recognized by its name, and a long poll */
    OXC_TLS_LONG_POLLS          /* of whatever protocol */
} oxc_tls_evidence_t;

/* Lives as long as the file is open. */
typedef struct {
    oxc_tls_evidence_t evidence;
    const char *name;           /* of the server; NULL if it is not known */
    bool from_client;           /* the frame */
} oxc_tls_note_t;

/*
 * A transport knows how bytes arrive and which session they belong to, and nothing of notifications: it says here what
 * it has seen, and notify/listener.c hears it. Items that come of it are put into the tree that is given.
 */
typedef struct {
    /* ---- on every visit ---- */

    /* A PDU of the session, which may be NULL: to be shown. Fetches and wake-ups show their session themselves. */
    void (*session)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session);

    /* A call other than a fetch, or the request of a wait: after its session is known, and has ended if it does. */
    void (*call)(packet_info *pinfo, const oxc_pdu_t *pdu);

    /* A PDU of kind OXC_CALL_FETCH: once its session is known, after its ROP buffers. */
    void (*fetch)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu);

    /* The request of a wait; one in a frame at most is shown. */
    void (*wait)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_wakeup_method_t method,
                 const oxc_pdu_t *request);

    /*
     * A wake-up: a wait was answered, or a datagram came. session may be NULL (not known), bound says how it was found;
     * request is the PDU that began the wait, NULL for datagrams or when it was not captured. which tells several
     * wake-ups of one frame apart.
     */
    void (*wakeup)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which, oxc_wakeup_method_t method,
                   oxc_wakeup_outcome_t outcome, oxc_session_t *session, oxc_bound_t bound, const oxc_pdu_t *request);

    /* The same through a channel of which no key shows the session. */
    void (*wakeup_through)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which,
                           oxc_wakeup_method_t method, oxc_wakeup_outcome_t outcome, oxc_channel_t *channel,
                           const oxc_pdu_t *request);

    /* The connection of a wait ended before its answer. */
    void (*wait_cut_off)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which,
                         oxc_wakeup_method_t method, const oxc_call_t *wait, oxc_closed_by_t closed_by);

    /*
     * A message that was captured on the other side of a proxy, too, in that frame: delay is what passed since, if that
     * was before; NULL if it comes later.
     */
    void (*other_leg)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_pdu_t *pdu, uint32_t frame,
                      const nstime_t *delay);

    /* A RopRegisterNotification succeeded: object is the subscription. */
    void (*subscription)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu,
                         const oxc_object_t *object);

    /* A table was opened, of which the client is notified without a subscription (MS-OXCNOTIF 3.1.4.3). */
    void (*table)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session,
                  const oxc_object_t *object);

    /* A RopNotify was read; folder is its folder as text, if has_statistics(). rop may be NULL on a later visit. */
    void (*notification)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_rop_t *rop,
                         const char *folder);

    /* The first frame in which it is known that a TLS connection may be Exchange's and is not decrypted. */
    void (*tls_undecrypted)(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, const oxc_tls_note_t *note);

    /* A RopPending was read. rop may be NULL on a later visit. */
    void (*rop_pending)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_rop_t *rop);

    /* ---- on the first visit ---- */

    /*
     * An attempt at a call was refused, failed, or its connection ended before the answer: it is not the call, and the
     * client repeats it. Before the event of its response, if there is one.
     */
    void (*call_failed)(packet_info *pinfo, oxc_call_t *call, oxc_failure_t how);

    /*
     * The capture lacks a call between these addresses as a whole, its request and its answer; the request was not sent
     * before since.
     */
    void (*call_missing)(packet_info *pinfo, const address *client, const address *server, const nstime_t *since);

    /* A connection between these addresses lacks bytes that may hold messages; or they came late, and it lacks none now. */
    void (*bytes_missing)(const address *client, const address *server, bool missing);

    /* A connection begins with the addresses and ports of another one, on which the call has no answer: none comes now. */
    void (*call_forgotten)(packet_info *pinfo, oxc_call_t *call);

    /* A session was met between these addresses, over MAPI/HTTP or over RPC. */
    void (*session_met)(packet_info *pinfo, oxc_session_t *session, bool over_http, const address *client,
                        const address *server);

    /* An asynchronous context handle was given out to the session, which has no other (MS-OXCRPC 3.1.1). */
    void (*has_async_handle)(oxc_session_t *session);

    /* A wait names an asynchronous context handle that nothing ties to a session. len bytes, copied. */
    void (*wait_by_unknown_handle)(oxc_call_t *wait, const uint8_t *handle, size_t len, const address *client,
                                   const address *server);

    /*
     * A wait of a known session began, or any wait ended, on a connection that carries waits of several sessions. A
     * refused wait is one besides another one, which goes on.
     */
    void (*wait_began_on)(const conversation_t *connection, const oxc_call_t *wait, const address *client,
                          const address *server);
    void (*wait_ended_on)(const conversation_t *connection, oxc_call_t *wait, bool refused, const address *client,
                          const address *server);

    /* The same for a wait that began before the capture: nothing but its connection tells whose it is. */
    void (*old_wait_ended_on)(const conversation_t *connection, oxc_call_t *wait, bool over_http, const address *client,
                              const address *server);

    /* A session registered for datagrams; or it did, but what it registered is not known. */
    void (*push_registered)(oxc_session_t *session);
    void (*push_expected)(oxc_session_t *session);

    /* Two registrations that a datagram fits: one more session that it may be for. */
    void (*push_shared)(oxc_channel_t *channel, oxc_session_t *session);

    /* A datagram, of whatever protocol, was sent. */
    void (*datagram_sent)(packet_info *pinfo);

    /* ---- questions, on any visit unless said otherwise ---- */

    /* Does a statistic listen? If not, nobody reads what is made for them alone. */
    bool (*has_statistics)(void);

    /* Is this datagram, which no registration explains, one of notifications, as far as is known now? First visit. */
    bool (*is_push)(packet_info *pinfo, const uint8_t *bytes, size_t len);

    /* The channel of datagrams with these bytes to the frame's destination. */
    oxc_channel_t *(*push_channel)(packet_info *pinfo, const uint8_t *bytes, size_t len);

    /* Does a session exist between these addresses, as far as the capture was read? */
    bool (*are_peers)(const address *client, const address *server);

    /* Is there a wake-up in this frame, with this which? Later frames may have shown that. */
    bool (*is_wakeup)(const packet_info *pinfo, uint32_t which);

    /* Does the capture go on after this moment for longer than a follow-up may take? */
    bool (*is_past)(const nstime_t *when);
} oxc_listener_t;

/* Who listens: set by oxc_listen() while protocols are registered, never NULL after that. */
extern const oxc_listener_t *oxc_listener;

void oxc_listen(const oxc_listener_t *listener);

#endif /* OXCNOTIF_EVENT_H */
