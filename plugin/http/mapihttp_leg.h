/* mapihttp_leg.h
 * Exchanges that were captured on both sides of a proxy
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_LEG_H
#define OXCNOTIF_MAPIHTTP_LEG_H

#include "http/mapihttp_exchange.h"

/*
 * A proxy or load balancer sends what it receives on another connection. If both are in the capture, the same request
 * (X-RequestId, which a client never uses twice, and the same bytes) comes between other addresses while the first is
 * still open: both are legs of one exchange. Each message counts where it was seen first. First visit only.
 */

/*
 * A request begins an exchange, or is the other leg of one: its whole then is the exchange that was seen first. body is
 * NULL for none.
 */
void oxc_leg_request(packet_info *pinfo, mapihttp_exchange_t *exchange, mapihttp_record_t *record, tvbuff_t *body);

/* A response comes on a leg: false if the exchange has ended on the other one, so that it is the same answer again. */
bool oxc_leg_response(packet_info *pinfo, mapihttp_exchange_t *leg, mapihttp_record_t *record);

/*
 * The same of a response that began before the capture, of which only the end of its body is there: a device sends on at
 * once what comes to it.
 */
bool oxc_leg_old_response(packet_info *pinfo, mapihttp_record_t *record, tvbuff_t *body);

/* A leg is cut off: false if the exchange has ended on the other one. Notes in the leg who ended it. */
bool oxc_leg_cut_off(mapihttp_exchange_t *leg, oxc_closed_by_t sender);

/* Did what stands between the legs answer in place of the server, on this leg? */
bool oxc_leg_is_answered_by_device(const mapihttp_exchange_t *leg);

void oxc_register_mapihttp_leg(void);

#endif /* OXCNOTIF_MAPIHTTP_LEG_H */
