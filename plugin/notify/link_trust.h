/* link_trust.h
 * How sure the link of a wake-up with a call of its session is
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_LINK_TRUST_H
#define OXCNOTIF_LINK_TRUST_H

#include "notify/matcher.h"

/* For the matcher; first visit only. */

/*
 * Confidence in per cent that the call follows the wake-up up, whose session is known. wait is the latest one of the
 * session, NULL for none; no_datagram: datagrams come for the session, and none did since its last fetch.
 */
uint8_t oxc_trust(const oxc_wakeup_t *wakeup, const oxc_pdu_t *fetch, const oxc_call_t *wait, bool no_datagram);

/* A fetch of a session was answered: an answer without its question shows that the capture lacks packets. */
void oxc_trust_answer(const oxc_pdu_t *response);

/* Does the capture lack packets, between the client and the server of the session or fetches of others? */
bool oxc_trust_packets_lost(oxc_session_t *session);

/* A session fetches after the end of a wait and a datagram. */
void oxc_trust_woken_twice(oxc_session_t *session, bool datagram_last);

void oxc_trust_register(void);

#endif /* OXCNOTIF_LINK_TRUST_H */
