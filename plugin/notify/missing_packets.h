/* missing_packets.h
 * What nobody can say of a wake-up because the capture lacks packets
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MISSING_PACKETS_H
#define OXCNOTIF_MISSING_PACKETS_H

#include "notify/matcher.h"

/*
 * That no call followed a wake-up is not shown if one may be missing: an answer of the session has no question, or a call
 * between its client and its server is missing as a whole (tcp/connection.h). Where bytes between these two are missing, a wake-up is shown
 * as superseded only if the session fetches later, and if no repeated datagram is due between the two.
 *
 * First visit only, unless said otherwise; constant time and memory for each event and session.
 */

/* The latest wake-up of its session. */
void oxc_missing_wakeup(oxc_wakeup_t *wakeup);

/* A call of a session was asked. */
void oxc_missing_asked(const oxc_pdu_t *request);

/* An answer of a session has no question. */
void oxc_missing_question(const oxc_pdu_t *answer);

/* The listener's call_missing. */
void oxc_missing_call(packet_info *pinfo, const address *client, const address *server, const nstime_t *since);

/* The frame of the wake-up that superseded this one; 0 for none, and if nobody can say. On any visit. */
uint32_t oxc_superseded_in(const oxc_wakeup_t *wakeup);

/* Registers what lives from file to file. */
void oxc_missing_register(void);

#endif /* OXCNOTIF_MISSING_PACKETS_H */
