/* tcp_payload.h
 * The data of a TCP segment, for who was not asked about them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TCP_PAYLOAD_H
#define OXCNOTIF_TCP_PAYLOAD_H

#include "compat.h"

/*
 * The data of the TCP segment over IPv4 or IPv6 that the frame carries (RFC 9293 3.1), as a part of the frame; NULL if
 * it has none, or is not found: IP fragments, IPv6 extension headers, data that another layer decrypted or joined.
 * seq: the number of their first byte, as it stands in the segment. Behind the TCP dissector, on any visit.
 */
tvbuff_t *oxc_tcp_payload(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq);

/* The same without making a tvb: where in the frame they begin, negative if there are none, and how many they are. */
int oxc_tcp_extent(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq, uint32_t *length);

enum {
    OXC_TCP_NO_DATA = -1,
    OXC_TCP_UNSURE = -2         /* IPv4 options, addresses that Wireshark copied, a frame that was cut: it says nothing */
};

typedef struct {
    int start;                  /* in the frame; negative for none */
    uint32_t length;
    uint32_t seq;
} oxc_tcp_data_t;

/*
 * The two bytes with which the data begin, quickly, to tell from them that the data are of no interest; or one of those.
 * Where the data are is left in *data, unless it is not sure.
 */
int oxc_tcp_first_bytes(tvbuff_t *frame, const packet_info *pinfo, oxc_tcp_data_t *data);

/*
 * Time to Live (RFC 791 3.1) or Hop Limit (RFC 8200 3) of the packet around the frame's segment, as it was captured; 0 if
 * that is not known: addresses that Wireshark copied.
 */
uint8_t oxc_tcp_hops_left(const packet_info *pinfo);

#endif /* OXCNOTIF_TCP_PAYLOAD_H */
