/* segment_copy.h
 * Data that TCP hands out a second time
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_SEGMENT_COPY_H
#define OXCNOTIF_SEGMENT_COPY_H

#include "compat.h"

/*
 * Wireshark keeps what it recognizes as retransmitted from the protocols above TCP, but not fast retransmissions, although
 * a capture at the sender, or before the place where packets are lost, has both transmissions; nor packets that a mirror
 * port delivered more than twice. Who dissects a connection asks here first.
 *
 * tcpinfo is what the TCP dissector hands over as data; NULL if the data came otherwise, of which nothing is known then.
 */

/* The dissector of this connection had the same data in an earlier frame; then the column Info says so. */
bool oxc_segment_is_copy(packet_info *pinfo, const void *tcpinfo);

/* That was so in this visit of the frame or an earlier one: nothing of it was dissected. */
bool oxc_segment_was_copy(const packet_info *pinfo);

/* The data of the frame were dissected, unless all of them are awaited again with more. Of use on the first visit. */
void oxc_segment_dissected(packet_info *pinfo, const void *tcpinfo);

/* The same for who was not handed tcpinfo, while the frame is being dissected. */
void oxc_segment_dissected_now(packet_info *pinfo);

#endif /* OXCNOTIF_SEGMENT_COPY_H */
