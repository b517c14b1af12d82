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

/* The frame's bytes. */
typedef struct {
    const uint8_t *bytes;
    int captured;
    int reported;
} view_t;

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
data_of_segment(const view_t *frame, const packet_info *pinfo, int tcp, int end, uint32_t *seq, uint32_t *length)
{
    const uint8_t *header = frame->bytes + tcp;
    int start;

    if (tcp > frame->captured - MIN_TCP_HEADER)
        return OTHER_HEADER;
    if (be16(header) != pinfo->srcport || be16(header + 2) != pinfo->destport)
        return OTHER_HEADER;
    start = tcp + (header[12] >> 4) * 4;
    if (start < tcp + MIN_TCP_HEADER || start > end || end > frame->reported)
        return OTHER_HEADER;
    if (start == end || start >= frame->captured)
        return NO_DATA;
    *seq = (uint32_t)be16(header + 4) << 16 | be16(header + 6);
    *length = (uint32_t)(end - start);
    return start;
}

/* Of a packet that the sending host captured before it was cut into segments, the length may be 0: up to the end. */
static int
end_of_packet(const view_t *frame, int from, int length)
{
    return length ? from + length : frame->reported;
}

/* The addresses of an IPv4 header stand at 12, those of an IPv6 header at 8 (RFC 791 3.1, RFC 8200 3). */
static int
data_of_packet(const view_t *frame, const packet_info *pinfo, int ip, uint32_t *seq, uint32_t *length)
{
    const uint8_t *header = frame->bytes + ip;
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

/* The IP header is where its two addresses stand one behind the other. */
static int
search_data(const view_t *frame, const packet_info *pinfo, int before, uint32_t *seq, uint32_t *length)
{
    const address *source = &pinfo->net_src, *destination = &pinfo->net_dst;
    size_t size = (size_t)source->len;
    int there = (int)MIN((unsigned)frame->captured, MAX_LINK_HEADER - 1 + 2 * (unsigned)size);
    uint8_t both[2 * 16];

    memcpy(both, source->data, size);
    memcpy(both + size, destination->data, size);
    for (int from = before; from + 2 * (int)size <= there; from++) {
        int start;

        if (frame->bytes[from] != both[0] || memcmp(frame->bytes + from, both, 2 * size) != 0)
            continue;
        start = data_of_packet(frame, pinfo, from - before, seq, length);
        if (start != OTHER_HEADER)
            return start;
    }
    return NO_DATA;
}

/* No layer says where it began, but Wireshark's addresses are the bytes of the IP header, or copies of them. */
int
oxc_tcp_extent(tvbuff_t *tvb, const packet_info *pinfo, uint32_t *seq, uint32_t *length)
{
    const address *source = &pinfo->net_src, *destination = &pinfo->net_dst;
    view_t frame = { NULL, (int)tvb_captured_length(tvb), (int)tvb_reported_length(tvb) };
    int size = source->len, before = size == 4 ? 12 : 8, start = OTHER_HEADER;
    uintptr_t from;

    if (pinfo->ptype != PT_TCP || source->type != destination->type ||
        !((source->type == AT_IPv4 && size == 4) || (source->type == AT_IPv6 && size == 16)) ||
        destination->len != size)
        return NO_DATA;
    frame.bytes = tvb_get_ptr(tvb, 0, frame.captured);
    from = (uintptr_t)source->data - (uintptr_t)frame.bytes;
    if (from >= (uintptr_t)before && from <= MAX_LINK_HEADER && (int)from + 2 * size <= frame.captured &&
        (const uint8_t *)destination->data == (const uint8_t *)source->data + size)
        start = data_of_packet(&frame, pinfo, (int)from - before, seq, length);
    return start != OTHER_HEADER ? start : search_data(&frame, pinfo, before, seq, length);
}

tvbuff_t *
oxc_tcp_payload(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq)
{
    uint32_t length;
    int start = oxc_tcp_extent(frame, pinfo, seq, &length);

    return start < 0 ? NULL : tvb_new_subset_length(frame, start, (int)length);
}
