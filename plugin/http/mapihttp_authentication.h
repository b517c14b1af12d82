/* mapihttp_authentication.h
 * Legs of HTTP authentication, and credentials that are refused (RFC 9110 11, MS-NTHT 3.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_AUTHENTICATION_H
#define OXCNOTIF_MAPIHTTP_AUTHENTICATION_H

#include "http/mapihttp_exchange.h"

/*
 * Notes on the first visit whether a response is a leg of HTTP authentication, and whether the client's credentials are
 * refused: its request has come back with 401 or 407 more often than any scheme needs.
 */
void oxc_mapihttp_authenticate(packet_info *pinfo, mapihttp_record_t *record, unsigned status);

void oxc_register_mapihttp_authentication(void);

#endif /* OXCNOTIF_MAPIHTTP_AUTHENTICATION_H */
