/* segment.h
 * The connection, the layers and the data of a frame with a TCP segment
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_SEGMENT_H
#define OXCNOTIF_SEGMENT_H

#include "compat.h"

#include <epan/dissectors/packet-tcp.h>

#include "tcp/tcp_payload.h"

/* find_conversation_pinfo(), once for each frame and its addresses. */
conversation_t *oxc_segment_conversation(packet_info *pinfo);

/*
 * Where who looks at many frames may keep what it found by the frame's conversation, so that it needs no other look-up: NULL
 * as long as it kept nothing, and again whenever the conversation lost its place. One only. NULL if there is no such place,
 * as on later visits, and outside the two calls below.
 */
void **oxc_segment_note(packet_info *pinfo);

/* As long as pinfo->conv_elements is this, the conversation is that; NULL: what the elements find. */
void oxc_segment_name(const conversation_element_t *elements, conversation_t *conversation);

/* A preference of the TCP dissector that is on or off; they change only between two readings of a file. */
bool oxc_segment_tcp_preference(const char *name);

/* What TCP knows of the conversation; NULL for none. */
const struct tcp_analysis *oxc_segment_tcp(packet_info *pinfo);

/*
 * Post-dissectors ask the same of a frame, so that what follows is found once: between these two calls, behind all
 * dissectors. Anywhere else it is found each time. layers: what oxc_segment_find_layers() returned.
 */
void oxc_segment_begin(tvbuff_t *frame, packet_info *pinfo, unsigned layers);
void oxc_segment_end(void);

typedef enum {
    OXC_LAYER_TLS = 1,          /* the most frequent one first, to be found first */
    OXC_LAYER_DATA = 2,         /* nobody wanted what stands there */
    OXC_LAYER_HTTP = 4,
    OXC_LAYER_DCERPC = 8,
    OXC_LAYER_HTTP2 = 16,
    OXC_LAYER_OTHER = 32,
    OXC_LAYER_LOST = 64         /* nothing, but somebody may have been there: compat_layer_was_taken_away() */
} oxc_layer_t;

/* The layers above the frame's last TCP, as bits; OXC_LAYER_LOST is one of the post-dissector's. By number: proto_is_frame_protocol() compares names. */
unsigned oxc_segment_layers(const packet_info *pinfo);
unsigned oxc_segment_find_layers(const packet_info *pinfo);     /* for the post-dissector, before any layer of its own is there */

/* oxc_tcp_payload(), oxc_tcp_extent(), which makes no tvb, and oxc_tcp_first_bytes(). */
tvbuff_t *oxc_segment_payload(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq);
int oxc_segment_extent(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq, uint32_t *length);
int oxc_segment_first_bytes(tvbuff_t *frame, const packet_info *pinfo);

/* How many bytes of data that are, and the number of the first one if there are any: between the two calls above. */
uint32_t oxc_segment_length(const packet_info *pinfo, uint32_t *seq);

/*
 * A dissector asked for one more segment, but TCP (4.2 to 4.6, behind a retransmission) handed over a part of this one
 * only: then it asks for the rest, because TCP would skip that and wait for the next. data has that part at its end;
 * tcpinfo is what TCP told of it.
 */
void oxc_segment_ask_for_rest(packet_info *pinfo, const tvbuff_t *data, const struct tcpinfo *tcpinfo);

void oxc_segment_register(void);

#endif /* OXCNOTIF_SEGMENT_H */
