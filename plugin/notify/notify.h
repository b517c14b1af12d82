/* notify.h
 * Wake-ups, follow-ups and what they tell
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_NOTIFY_H
#define OXCNOTIF_NOTIFY_H

#include "compat.h"
#include "session/call.h"

/*
 * Shows which session a PDU belongs to and, where the session ends without being asked to, what ends with it. NULL
 * shows nothing. The functions below show the session themselves.
 */
void oxc_notify_session(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session);

/*
 * Shows a wake-up in the tree and, on the first visit, remembers it for the matcher. session may be NULL (not known);
 * request is the PDU that began the wait, NULL for push datagrams or when it was not captured. which tells several
 * wake-ups of one frame apart. bound says how the session was found.
 */
void oxc_notify_wakeup(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which, oxc_wakeup_method_t method,
                       oxc_wakeup_outcome_t outcome, oxc_session_t *session, oxc_bound_t bound,
                       const oxc_pdu_t *request);

/* The same for a wake-up that came through a channel of which no key shows the session. */
void oxc_notify_wakeup_through(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which,
                               oxc_wakeup_method_t method, oxc_wakeup_outcome_t outcome, oxc_channel_t *channel,
                               const oxc_pdu_t *request);

/*
 * The connection of a wait ended before its answer: shows the wake-up, and who ended it. which tells several wake-ups of
 * one frame apart.
 */
void oxc_notify_wait_cut_off(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which,
                             oxc_wakeup_method_t method, const oxc_call_t *wait, oxc_closed_by_t closed_by);

/*
 * The request of a wait, on every visit: shows on later ones that the client went on without an answer. A frame has one
 * such request at most that is shown.
 */
void oxc_notify_wait(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_wakeup_method_t method,
                     const oxc_pdu_t *request);

/*
 * Shows, on the request and the response of a fetch, which wake-up it answers; to be called by the transport for every
 * PDU of kind OXC_CALL_FETCH once the session is known, after the ROP buffers.
 */
void oxc_notify_fetch(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu);

/*
 * An attempt at a call was refused, failed, or its connection ended before the answer: it is not the call, and the
 * client repeats it. Before the event of its response, if there is one. First visit only.
 */
void oxc_notify_call_failed(packet_info *pinfo, oxc_call_t *call, oxc_failure_t how);

/*
 * Every other call, and the request of a wait: for statistics only. After the session is known, and has ended if it
 * does.
 */
void oxc_notify_call(packet_info *pinfo, const oxc_pdu_t *pdu);

void oxc_notify_other_leg(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_pdu_t *pdu, uint32_t frame,
                          const nstime_t *delay);

/* A RopRegisterNotification succeeded: object is the subscription. */
void oxc_notify_subscription(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu,
                             const oxc_object_t *object);

/* A contents table was opened, of which the client is notified without a subscription (MS-OXCNOTIF 3.1.4.3). */
void oxc_notify_table(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session,
                      const oxc_object_t *object);

/* A RopNotify was read: shows what belongs to it beyond its own bytes, and counts it. folder is its folder as text. */
void oxc_notify_notification(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_rop_t *rop,
                             const char *folder);

/* A RopPending was read: a wake-up of the session its index names, or of its own session. */
void oxc_notify_rop_pending(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_rop_t *rop);

#endif /* OXCNOTIF_NOTIFY_H */
