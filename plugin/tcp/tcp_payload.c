/* tcp_payload.c
 * The data of a TCP segment, for who was not asked about them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/tcp_payload.h"

#include <string.h>

#include <epan/ipproto.h>

#define MAX_LINK_HEADER 256
#define MIN_TCP_HEADER 20
#define IPV6_HEADER 40

static unsigned
be16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* What data_of_segment() and data_of_packet() find, if it is no place. */
enum { NO_DATA = -1, OTHER_HEADER = -2 };

/*
 * Where the data begin behind the TCP header; they go up to the end of the packet. OTHER_HEADER if it is not the one
 * that the TCP dissector saw.
 */
static int
data_of_segment(tvbuff_t *frame, const packet_info *pinfo, int tcp, int end, uint32_t *seq, uint32_t *length)
{
    const uint8_t *header;
    int start;

    if (!tvb_bytes_exist(frame, tcp, MIN_TCP_HEADER))
        return OTHER_HEADER;
    header = tvb_get_ptr(frame, tcp, MIN_TCP_HEADER);
    if (be16(header) != pinfo->srcport || be16(header + 2) != pinfo->destport)
        return OTHER_HEADER;
    start = tcp + (header[12] >> 4) * 4;
    if (start < tcp + MIN_TCP_HEADER || start > end || end > (int)tvb_reported_length(frame))
        return OTHER_HEADER;
    if (start == end || start >= (int)tvb_captured_length(frame))
        return NO_DATA;
    *seq = tvb_get_ntohl(frame, tcp + 4);
    *length = (uint32_t)(end - start);
    return start;
}

/* Of a packet that the sending host captured before it was cut into segments, the length may be 0: up to the end. */
static int
end_of_packet(tvbuff_t *frame, int from, int length)
{
    return length ? from + length : (int)tvb_reported_length(frame);
}

/* The addresses of an IPv4 header stand at 12, those of an IPv6 header at 8 (RFC 791 3.1, RFC 8200 3). */
static int
data_of_packet(tvbuff_t *frame, const packet_info *pinfo, const uint8_t *bytes, int ip, uint32_t *seq, uint32_t *length)
{
    const uint8_t *header = bytes + ip;
    int size = (header[0] & 0x0F) * 4;

    if (pinfo->net_src.type == AT_IPv6) {
        if (header[0] >> 4 != 6 || header[6] != IP_PROTO_TCP)
            return OTHER_HEADER;
        return data_of_segment(frame, pinfo, ip + IPV6_HEADER,
                               end_of_packet(frame, ip + IPV6_HEADER, (int)be16(header + 4)), seq, length);
    }
    if (header[0] >> 4 != 4 || size < 20 || header[9] != IP_PROTO_TCP || be16(header + 6) & 0x3FFF)
        return OTHER_HEADER;
    return data_of_segment(frame, pinfo, ip + size, end_of_packet(frame, ip, (int)be16(header + 2)), seq, length);
}

/* No layer says where it began, but the IP header is where its two addresses stand one behind the other. */
int
oxc_tcp_extent(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq, uint32_t *length)
{
    const address *source = &pinfo->net_src, *destination = &pinfo->net_dst;
    int size = source->len, before, there;
    uint8_t both[2 * 16];
    const uint8_t *bytes;

    if (pinfo->ptype != PT_TCP || source->type != destination->type ||
        !((source->type == AT_IPv4 && size == 4) || (source->type == AT_IPv6 && size == 16)) ||
        destination->len != size)
        return NO_DATA;
    memcpy(both, source->data, (size_t)size);
    memcpy(both + size, destination->data, (size_t)size);
    before = size == 4 ? 12 : 8;
    there = (int)MIN(tvb_captured_length(frame), MAX_LINK_HEADER - 1 + 2 * (unsigned)size);
    bytes = tvb_get_ptr(frame, 0, there);
    for (int from = before; from + 2 * size <= there; from++) {
        int start;

        if (bytes[from] != both[0] || memcmp(bytes + from, both, 2 * (size_t)size) != 0)
            continue;
        start = data_of_packet(frame, pinfo, bytes, from - before, seq, length);
        if (start != OTHER_HEADER)
            return start;
    }
    return NO_DATA;
}

tvbuff_t *
oxc_tcp_payload(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq)
{
    uint32_t length;
    int start = oxc_tcp_extent(frame, pinfo, seq, &length);

    return start < 0 ? NULL : tvb_new_subset_length(frame, start, (int)length);
}
