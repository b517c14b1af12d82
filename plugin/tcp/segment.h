/* segment.h
 * The connection and the layers of a frame with a TCP segment
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_SEGMENT_H
#define OXCNOTIF_SEGMENT_H

#include "compat.h"

#include <epan/dissectors/packet-tcp.h>

/*
 * find_conversation_pinfo(). All post-dissectors ask for it, so that it is looked up once for each frame: between these
 * two calls, behind all dissectors. Anywhere else it is the plain look-up.
 */
conversation_t *oxc_segment_conversation(packet_info *pinfo);
void oxc_segment_begin(packet_info *pinfo);
void oxc_segment_end(void);

/* What TCP knows of the conversation; NULL for none. */
const struct tcp_analysis *oxc_segment_tcp(packet_info *pinfo);

/* Is the protocol among the layers of the frame? By number: proto_is_frame_protocol() compares names. */
bool oxc_segment_has_layer(const packet_info *pinfo, int proto);

void oxc_segment_register(void);

#endif /* OXCNOTIF_SEGMENT_H */
