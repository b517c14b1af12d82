/* datagram_copy.h
 * Datagrams that are in the capture twice
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_DATAGRAM_COPY_H
#define OXCNOTIF_DATAGRAM_COPY_H

#include "compat.h"

/*
 * A mirror port (SPAN), or a capture on several interfaces, has the same packet twice. Returns the frame of the first
 * copy; 0 if this is none: other addresses, ports or bytes, another IP identification, or more time between them than a
 * switch needs. tvb is the payload of the datagram. First visit only.
 */
uint32_t oxc_datagram_copy_of(packet_info *pinfo, tvbuff_t *tvb);

/* Registers what lives from file to file. */
void oxc_datagram_copy_register(void);

#endif /* OXCNOTIF_DATAGRAM_COPY_H */
