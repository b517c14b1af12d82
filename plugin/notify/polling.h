/* polling.h
 * Clients that poll although they registered for push datagrams (MS-OXCNOTIF 3.2.5.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_POLLING_H
#define OXCNOTIF_POLLING_H

#include "notify/matcher.h"

/*
 * A client that registered polls until the first datagram reaches it, and then no more. If a poll brings notifications,
 * a datagram was due: it did not reach the client. The rhythm of the calls shows it, at the latest with the third one.
 * First visit only.
 */
void oxc_polling_request(const oxc_pdu_t *request);
void oxc_polling_response(const oxc_pdu_t *response, unsigned notifications);

/* Is this the response that shows it, one for each session? On every visit; period becomes the seconds between polls. */
bool oxc_polling_is_shown_by(const oxc_pdu_t *response, double *period);

/* Registers what lives from file to file. */
void oxc_polling_register(void);

#endif /* OXCNOTIF_POLLING_H */
