/* datagram_copy.c
 * Datagrams that are in the capture twice
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "udp/datagram_copy.h"

#include <string.h>

#include <epan/epan.h>
#include <epan/wmem_scopes.h>

#include "session/hash.h"

#define UDP_HEADER 8
#define IPV4_HEADER_MIN 20
#define IPV4_HEADER_MAX 60

/* Seconds between two copies: with an IP identification that tells them apart from a repeated datagram, and without. */
#define APART 1.0
#define APART_UNIDENTIFIED 0.0005

/* The latest datagram between two ports. */
typedef struct {
    address src, dst;
    uint16_t srcport, destport;
    uint32_t frame;
    nstime_t time;
    uint32_t identification; /* of IPv4; NO_IDENTIFICATION */
    uint32_t len;
    unsigned hash; /* of the payload */
} datagram_t;

#define NO_IDENTIFICATION 0x10000

static wmem_map_t *datagrams; /* datagram_t: a set */

static unsigned
datagram_hash(const void *key)
{
    const datagram_t *d = (const datagram_t *)key;

    return oxc_address_hash((uint32_t)d->srcport << 16 | d->destport, &d->src, &d->dst);
}

static gboolean
datagram_equal(const void *a, const void *b)
{
    const datagram_t *x = (const datagram_t *)a;
    const datagram_t *y = (const datagram_t *)b;

    return x->srcport == y->srcport && x->destport == y->destport && addresses_equal(&x->src, &y->src) &&
           addresses_equal(&x->dst, &y->dst);
}

/* No release exports the field, so the header is looked up in front of the UDP header. */
static uint32_t
ip_identification(const packet_info *pinfo, tvbuff_t *payload)
{
    tvbuff_t *frame = tvb_get_ds_tvb(payload);
    int udp = tvb_raw_offset(payload) - UDP_HEADER;

    if (pinfo->src.type != AT_IPv4)
        return NO_IDENTIFICATION;
    for (int size = IPV4_HEADER_MIN; size <= IPV4_HEADER_MAX && size <= udp; size += 4)
        if (tvb_get_uint8(frame, udp - size) == (0x40 | size / 4) && tvb_get_uint8(frame, udp - size + 9) == 17 &&
            tvb_memeql(frame, udp - size + 12, (const uint8_t *)pinfo->src.data, 4) == 0)
            return tvb_get_ntohs(frame, udp - size + 4);
    return NO_IDENTIFICATION;
}

static bool
is_copy(const datagram_t *first, const datagram_t *second)
{
    bool identified = first->identification != NO_IDENTIFICATION;
    nstime_t apart;

    /* A sender that does not count its packets gives all of them 0. */
    if (first->identification == 0)
        return false;
    nstime_delta(&apart, &second->time, &first->time);
    return first->identification == second->identification && first->len == second->len &&
           first->hash == second->hash && nstime_to_sec(&apart) < (identified ? APART : APART_UNIDENTIFIED);
}

uint32_t
oxc_datagram_copy_of(packet_info *pinfo, tvbuff_t *tvb)
{
    unsigned len = tvb_captured_length(tvb);
    datagram_t now = {.srcport = (uint16_t)pinfo->srcport, .destport = (uint16_t)pinfo->destport, .frame = pinfo->num,
                      .time = pinfo->abs_ts, .len = tvb_reported_length(tvb)};
    datagram_t *before;

    copy_address_shallow(&now.src, &pinfo->src);
    copy_address_shallow(&now.dst, &pinfo->dst);
    now.identification = ip_identification(pinfo, tvb);
    now.hash = len ? wmem_strong_hash(tvb_get_ptr(tvb, 0, (int)len), len) : 0;
    before = (datagram_t *)wmem_map_lookup(datagrams, &now);
    if (before && before->frame != pinfo->num && is_copy(before, &now))
        return before->frame;
    if (!before) {
        before = wmem_new0(wmem_file_scope(), datagram_t);
        *before = now;
        copy_address_wmem(wmem_file_scope(), &before->src, &pinfo->src);
        copy_address_wmem(wmem_file_scope(), &before->dst, &pinfo->dst);
        wmem_map_insert(datagrams, before, before);
        return 0;
    }
    before->frame = now.frame;
    before->time = now.time;
    before->identification = now.identification;
    before->len = now.len;
    before->hash = now.hash;
    return 0;
}

void
oxc_datagram_copy_register(void)
{
    datagrams = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), datagram_hash, datagram_equal);
}
