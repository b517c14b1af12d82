/* tcp_close.h
 * How a TCP connection ended
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TCP_CLOSE_H
#define OXCNOTIF_TCP_CLOSE_H

#include "compat.h"

/*
 * The ways in which the frame's TCP connection was seen to end so far: one bit for FIN, one for RST, 0 while it is
 * open. A bit that was not there before the frame came with it. First visit only, behind the TCP dissector.
 */
uint8_t oxc_tcp_ends_seen(packet_info *pinfo);

#endif /* OXCNOTIF_TCP_CLOSE_H */
