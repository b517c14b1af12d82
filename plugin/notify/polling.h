/* polling.h
 * Clients that poll although they registered for push datagrams (MS-OXCNOTIF 3.2.5.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_POLLING_H
#define OXCNOTIF_POLLING_H

#include "notify/matcher.h"

/*
 * A client that registered polls until the first datagram reaches it, and then no more. A poll is a call that asks for
 * nothing but notifications, without a wake-up or another such call shortly before. A rhythm of polls shows that no datagram
 * reaches the client, if a poll brings notifications whose datagram the client had not acted on, or for which none had come:
 * servers send it at once, so hardly a poll is quicker. A call soon after a datagram shows the contrary. First visit only.
 */
void oxc_polling_request(const oxc_pdu_t *request);
void oxc_polling_response(const oxc_pdu_t *response, unsigned notifications);
void oxc_polling_wakeup(const oxc_wakeup_t *wakeup);

/* Is this the response that shows it, one for each session? On every visit; period becomes the seconds between polls. */
bool oxc_polling_is_shown_by(const oxc_pdu_t *response, double *period);

/* Registers what lives from file to file. */
void oxc_polling_register(void);

#endif /* OXCNOTIF_POLLING_H */
