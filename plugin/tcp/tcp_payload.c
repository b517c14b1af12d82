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
#define IPV4_ADDRESSES 8        /* two of them */
#define IPV6_ADDRESSES 32

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

static uint32_t
be32(const uint8_t *bytes)
{
    return (uint32_t)be16(bytes) << 16 | be16(bytes + 2);
}

/* What data_of_packet() finds, if it is no place. */
enum { NO_DATA = -1, OTHER_HEADER = -2 };

/* Of a packet that the sending host captured before it was cut into segments, the length may be 0: up to the end. */
static int
end_of_packet(const view_t *frame, int from, unsigned length)
{
    return length ? from + (int)length : frame->reported;
}

/*
 * Where the data begin behind the IP and TCP headers; they go up to the end of the packet. OTHER_HEADER if these are not
 * the ones that the TCP dissector saw. RFC 791 3.1, RFC 8200 3, RFC 9293 3.1.
 */
static int
data_of_packet(const view_t *frame, const packet_info *pinfo, int ip, uint32_t *seq, uint32_t *length)
{
    const uint8_t *header = frame->bytes + ip;
    int size = (header[0] & 0x0F) * 4, tcp, start, end;

    if (pinfo->net_src.type == AT_IPv6) {
        if (header[0] >> 4 != 6 || header[6] != IP_PROTO_TCP)
            return OTHER_HEADER;
        tcp = ip + IPV6_HEADER;
        end = end_of_packet(frame, tcp, be16(header + 4));
    } else {
        if (header[0] >> 4 != 4 || size < 20 || header[9] != IP_PROTO_TCP || be16(header + 6) & 0x3FFF)
            return OTHER_HEADER;
        tcp = ip + size;
        end = end_of_packet(frame, ip, be16(header + 2));
    }
    header = frame->bytes + tcp;
    if (tcp > frame->captured - MIN_TCP_HEADER || be16(header) != pinfo->srcport || be16(header + 2) != pinfo->destport)
        return OTHER_HEADER;
    start = tcp + (header[12] >> 4) * 4;
    if (start < tcp + MIN_TCP_HEADER || start > end || end > frame->reported)
        return OTHER_HEADER;
    if (start == end || start >= frame->captured)
        return NO_DATA;
    *seq = be32(header + 4);
    *length = (uint32_t)(end - start);
    return start;
}

/* Where Wireshark's addresses stand in the frame, one behind the other; negative if they are copies. */
static int
place_of_addresses(const view_t *frame, const packet_info *pinfo, int size)
{
    const uint8_t *source = (const uint8_t *)pinfo->net_src.data;
    uintptr_t place = (uintptr_t)source - (uintptr_t)frame->bytes;

    if (place > MAX_LINK_HEADER || (int)place + 2 * size > frame->captured || pinfo->net_dst.data != source + size)
        return -1;
    return (int)place;
}

/* The next place from there on where bytes are the two addresses; negative for none. */
static int
search_addresses(const view_t *frame, const packet_info *pinfo, int size, int from)
{
    int there = MIN(frame->captured, MAX_LINK_HEADER - 1 + 2 * size);

    for (; from + 2 * size <= there; from++)
        if (memcmp(frame->bytes + from, pinfo->net_src.data, (size_t)size) == 0 &&
            memcmp(frame->bytes + from + size, pinfo->net_dst.data, (size_t)size) == 0)
            return from;
    return -1;
}

/* No layer says where it began, but the IP header is where its two addresses stand: at 12 of IPv4, at 8 of IPv6. */
int
oxc_tcp_extent(tvbuff_t *tvb, const packet_info *pinfo, uint32_t *seq, uint32_t *length)
{
    const address *source = &pinfo->net_src, *destination = &pinfo->net_dst;
    view_t frame = { NULL, (int)tvb_captured_length(tvb), (int)tvb_reported_length(tvb) };
    int size = source->len, before = size == 4 ? 12 : 8, place, start = OTHER_HEADER, from = before;

    if (pinfo->ptype != PT_TCP || source->type != destination->type ||
        !((source->type == AT_IPv4 && size == 4) || (source->type == AT_IPv6 && size == 16)) ||
        destination->len != size)
        return NO_DATA;
    frame.bytes = tvb_get_ptr(tvb, 0, frame.captured);
    place = place_of_addresses(&frame, pinfo, size);
    while (start == OTHER_HEADER) {
        if (place < before) {
            place = search_addresses(&frame, pinfo, size, from);
            from = place + 1;
        }
        if (place < before)
            return NO_DATA;
        start = data_of_packet(&frame, pinfo, place - before, seq, length);
        place = -1;
    }
    return start;
}

/* The TCP header behind an IP header of the usual kind, and the end of the packet; NULL for others. */
static const uint8_t *
usual_header(const uint8_t *bytes, unsigned place, bool is_ipv4, unsigned *end)
{
    const uint8_t *addresses = bytes + place, *tcp;
    unsigned size;

    if (is_ipv4) {
        tcp = addresses + IPV4_ADDRESSES;
        size = be16(addresses - 10);
        *end = place - 12 + size;
        return addresses[-12] == 0x45 && size != 0 && (be16(addresses - 6) & 0x3FFF) == 0 ? tcp : NULL;
    }
    tcp = addresses + IPV6_ADDRESSES;
    size = be16(addresses - 4);
    *end = place + IPV6_ADDRESSES + size;
    return addresses[-8] >> 4 == 6 && addresses[-2] == IP_PROTO_TCP && size != 0 ? tcp : NULL;
}

int
oxc_tcp_first_bytes(tvbuff_t *tvb, const packet_info *pinfo, oxc_tcp_data_t *data)
{
    bool is_ipv4 = pinfo->net_src.type == AT_IPv4;
    unsigned captured = tvb_captured_length(tvb), end, start;
    const uint8_t *bytes = tvb_get_ptr(tvb, 0, (int)captured), *tcp;
    uintptr_t place = (uintptr_t)pinfo->net_src.data - (uintptr_t)bytes;

    if (place < 12 || place > captured || captured - place < (is_ipv4 ? IPV4_ADDRESSES : IPV6_ADDRESSES) + MIN_TCP_HEADER)
        return OXC_TCP_UNSURE;
    tcp = usual_header(bytes, (unsigned)place, is_ipv4, &end);
    if (!tcp || be32(tcp) != (pinfo->srcport << 16 | pinfo->destport) || tcp[12] >> 4 < MIN_TCP_HEADER / 4)
        return OXC_TCP_UNSURE;
    start = (unsigned)(tcp - bytes) + (tcp[12] >> 4) * 4U;
    data->start = NO_DATA;
    if (start >= end)
        return OXC_TCP_NO_DATA;
    if (captured < start + 2 || end > tvb_reported_length(tvb))
        return OXC_TCP_UNSURE;
    data->start = (int)start;
    data->length = end - start;
    data->seq = be32(tcp + 4);
    return (int)be16(bytes + start);
}

uint8_t
oxc_tcp_hops_left(const packet_info *pinfo)
{
    const struct data_source *source = pinfo->data_src ? (const struct data_source *)pinfo->data_src->data : NULL;
    tvbuff_t *tvb = source ? get_data_source_tvb(source) : NULL;
    const uint8_t *addresses = (const uint8_t *)pinfo->net_src.data;
    uintptr_t place;

    if (!tvb || tvb_captured_length(tvb) == 0)
        return 0;
    place = (uintptr_t)addresses - (uintptr_t)tvb_get_ptr(tvb, 0, 1);
    if (place < 12 || place > tvb_captured_length(tvb))
        return 0;
    if (pinfo->net_src.type == AT_IPv4 && addresses[-12] >> 4 == 4)
        return addresses[-4];
    return pinfo->net_src.type == AT_IPv6 && addresses[-8] >> 4 == 6 ? addresses[-1] : 0;
}

tvbuff_t *
oxc_tcp_payload(tvbuff_t *frame, const packet_info *pinfo, uint32_t *seq)
{
    uint32_t length;
    int start = oxc_tcp_extent(frame, pinfo, seq, &length);

    return start < 0 ? NULL : tvb_new_subset_length(frame, start, (int)length);
}
