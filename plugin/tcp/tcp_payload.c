/* tcp_payload.c
 * The data of a TCP segment, for who was not asked about them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/tcp_payload.h"

#include <string.h>

#include <epan/ipproto.h>
#include <wsutil/str_util.h>

#define MAX_LINK_HEADER 256
#define MIN_TCP_HEADER 20
#define IPV6_HEADER 40

/* From the TCP header up to the end of the packet; NULL if it is not the header that the TCP dissector saw. */
static tvbuff_t *
data_of_segment(tvbuff_t *frame, const packet_info *pinfo, int tcp, int end, uint32_t *seq)
{
    int start;

    if (!tvb_bytes_exist(frame, tcp, MIN_TCP_HEADER) || tvb_get_ntohs(frame, tcp) != pinfo->srcport ||
        tvb_get_ntohs(frame, tcp + 2) != pinfo->destport)
        return NULL;
    start = tcp + (tvb_get_uint8(frame, tcp + 12) >> 4) * 4;
    if (start < tcp + MIN_TCP_HEADER || start >= end || end > (int)tvb_reported_length(frame) ||
        !tvb_bytes_exist(frame, start, 1))
        return NULL;
    *seq = tvb_get_ntohl(frame, tcp + 4);
    return tvb_new_subset_length(frame, start, end - start);
}

/* Of a packet that the sending host captured before it was cut into segments, the length may be 0: up to the end. */
static int
end_of_packet(tvbuff_t *frame, int from, int length)
{
    return length ? from + length : (int)tvb_reported_length(frame);
}

/* The addresses of an IPv4 header stand at 12, those of an IPv6 header at 8 (RFC 791 3.1, RFC 8200 3). */
static tvbuff_t *
data_of_packet(tvbuff_t *frame, const packet_info *pinfo, int addresses, uint32_t *seq)
{
    int ip = addresses - (pinfo->net_src.type == AT_IPv4 ? 12 : 8);
    int header;

    if (ip < 0)
        return NULL;
    if (pinfo->net_src.type == AT_IPv6) {
        if (tvb_get_uint8(frame, ip) >> 4 != 6 || tvb_get_uint8(frame, ip + 6) != IP_PROTO_TCP)
            return NULL;
        return data_of_segment(frame, pinfo, ip + IPV6_HEADER,
                               end_of_packet(frame, ip + IPV6_HEADER, tvb_get_ntohs(frame, ip + 4)), seq);
    }
    header = (tvb_get_uint8(frame, ip) & 0x0F) * 4;
    if (tvb_get_uint8(frame, ip) >> 4 != 4 || header < 20 || tvb_get_uint8(frame, ip + 9) != IP_PROTO_TCP ||
        tvb_get_ntohs(frame, ip + 6) & 0x3FFF)
        return NULL;
    return data_of_segment(frame, pinfo, ip + header, end_of_packet(frame, ip, tvb_get_ntohs(frame, ip + 2)), seq);
}

/* No layer says where it began, but the IP header is where its two addresses stand one behind the other. */
tvbuff_t *
oxc_tcp_payload(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq)
{
    const address *source = &pinfo->net_src, *destination = &pinfo->net_dst;
    int size = source->len;
    uint8_t both[2 * 16];
    const uint8_t *bytes;
    unsigned length;

    if (pinfo->ptype != PT_TCP || source->type != destination->type ||
        !((source->type == AT_IPv4 && size == 4) || (source->type == AT_IPv6 && size == 16)) ||
        destination->len != size)
        return NULL;
    memcpy(both, source->data, size);
    memcpy(both + size, destination->data, size);
    length = MIN(tvb_captured_length(frame), MAX_LINK_HEADER - 1 + 2 * (unsigned)size);
    bytes = tvb_get_ptr(frame, 0, (int)length);
    for (unsigned from = 0; from < length; from++) {
        const uint8_t *found = (const uint8_t *)ws_memmem(bytes + from, length - from, both, 2 * (size_t)size);
        tvbuff_t *data;

        if (!found)
            break;
        from = (unsigned)(found - bytes);
        data = data_of_packet(frame, pinfo, (int)from, seq);
        if (data)
            return data;
    }
    return NULL;
}
