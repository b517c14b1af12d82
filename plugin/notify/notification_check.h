/* notification_check.h
 * Notifications that the server got wrong: exchanged ids, and subscriptions that were passed over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_NOTIFICATION_CHECK_H
#define OXCNOTIF_NOTIFICATION_CHECK_H

#include "session/session.h"

/* A subscription was made by the response in this frame. First visit only. */
void oxc_check_subscription(const packet_info *pinfo, const oxc_session_t *session, const oxc_object_t *object);

/* The server answered ROPs of the session, and so could have sent notifications. First visit only. */
void oxc_check_answer(packet_info *pinfo, oxc_session_t *session);

/*
 * Shows at a RopNotify what is wrong with it, and on the first visit remembers it. Whether another subscription was
 * passed over is known from the second visit on, when a later answer of the session did not bring the event either.
 */
void oxc_check_notification(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session,
                            const oxc_rop_t *rop);

/* Registers fields and expert items with the protocol of notifications. */
void oxc_check_register(int proto);

#endif /* OXCNOTIF_NOTIFICATION_CHECK_H */
