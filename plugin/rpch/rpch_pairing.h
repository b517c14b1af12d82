/* rpch_pairing.h
 * Channels that were opened before the capture: which belong to one virtual connection [MS-RPCH 3.2]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPCH_PAIRING_H
#define OXCNOTIF_RPCH_PAIRING_H

#include "rpch/rpch_connection.h"

/*
 * The cookie of a virtual connection stands in the PDUs that open a channel only. Without them the calls tell: the context
 * handle with which most requests and responses of Exchange begin (MS-OXCRPC 3.1.4.2) is a GUID that the server made, so a
 * response on one connection whose handle and call id are those of the latest request with it on another connection of the
 * client is its answer. Clients wait on virtual connections of their own, whose responses have no handle (MS-OXCRPC 3.3.4.1):
 * there the call id tells, if the client has only one wait with it at that server.
 */

/*
 * Learns from a call's PDU which virtual connection the connection belongs to. Requests of one that no cookie named have a
 * virtual connection without a cookie from the first one on. First pass only.
 */
void rpch_pair(rpch_connection_t *connection, const packet_info *pinfo, tvbuff_t *pdu);

void rpch_register_pairing(void);

#endif /* OXCNOTIF_RPCH_PAIRING_H */
