/* segment_copy.c
 * Data that TCP hands out a second time
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/segment_copy.h"

#include "registration.h"

#include <epan/dissectors/packet-tcp.h>

#include "tcp/segment.h"

/* What is sent again was sent a short while ago. */
#define LATEST 4

/* A segment that ends where one ended that was dissected brings nothing new. */
typedef struct {
    uint32_t end;
    uint32_t frame;             /* 0: none */
} dissected_t;

typedef struct {
    dissected_t latest[LATEST];
    unsigned next;
} direction_t;

static wmem_map_t *connections; /* conversation -> two direction_t */
static wmem_map_t *copies;      /* frame -> frame that had its data first */
static bool is_relative;        /* TCP hands over numbers from the first of the connection on; its analysis counts as the packets do */

/* By whether it is from the higher port; NULL for none. */
static direction_t *
direction_of(packet_info *pinfo, bool create)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);
    direction_t *directions = conversation ? (direction_t *)wmem_map_lookup(connections, conversation) : NULL;

    if (conversation && !directions && create) {
        directions = wmem_alloc0_array(wmem_file_scope(), direction_t, 2);
        wmem_map_insert(connections, conversation, directions);
    }
    return directions ? &directions[pinfo->srcport > pinfo->destport] : NULL;
}

/* 0 for none. */
static uint32_t
first_of_copy(const packet_info *pinfo)
{
    return wmem_map_size(copies) ? GPOINTER_TO_UINT(wmem_map_lookup(copies, GUINT_TO_POINTER(pinfo->num))) : 0;
}

bool
oxc_segment_was_copy(const packet_info *pinfo)
{
    return first_of_copy(pinfo) != 0;
}

/* 0 for none. */
static uint32_t
find_first(packet_info *pinfo, const struct tcpinfo *info)
{
    const direction_t *direction;

    if (PINFO_FD_VISITED(pinfo))
        return first_of_copy(pinfo);
    direction = direction_of(pinfo, false);
    for (unsigned i = 0; direction && i < LATEST; i++) {
        const dissected_t *one = &direction->latest[i];

        if (one->frame && one->frame != pinfo->num && one->end == info->nxtseq) {
            wmem_map_insert(copies, GUINT_TO_POINTER(pinfo->num), GUINT_TO_POINTER(one->frame));
            return one->frame;
        }
    }
    return 0;
}

bool
oxc_segment_is_copy(packet_info *pinfo, const void *tcpinfo)
{
    uint32_t first = tcpinfo && !pinfo->flags.in_error_pkt ? find_first(pinfo, (const struct tcpinfo *)tcpinfo) : 0;

    if (first)
        col_append_fstr(pinfo->cinfo, COL_INFO, " [the data of frame %u again]", first);
    return first != 0;
}

static void
remember(packet_info *pinfo, uint32_t end)
{
    direction_t *direction = direction_of(pinfo, true);
    dissected_t one = { end, pinfo->num };

    if (direction)
        direction->latest[direction->next++ % LATEST] = one;
}

void
oxc_segment_dissected(packet_info *pinfo, const void *tcpinfo)
{
    if (tcpinfo && !PINFO_FD_VISITED(pinfo) && !pinfo->flags.in_error_pkt &&
        (pinfo->desegment_len == 0 || pinfo->desegment_offset > 0))
        remember(pinfo, ((const struct tcpinfo *)tcpinfo)->nxtseq);
}

void
oxc_segment_dissected_now(packet_info *pinfo)
{
    const struct tcp_analysis *tcp =
        pinfo->ptype == PT_TCP && !PINFO_FD_VISITED(pinfo) && !pinfo->flags.in_error_pkt ? oxc_segment_tcp(pinfo) : NULL;

    /* TCP has just counted the segment in. */
    if (tcp && tcp->fwd && tcp->fwd->tcp_analyze_seq_info && tcp->fwd->tcp_analyze_seq_info->nextseq)
        remember(pinfo, tcp->fwd->tcp_analyze_seq_info->nextseq - (is_relative ? tcp->fwd->base_seq : 0));
}

static void
forget(void)
{
    is_relative = oxc_segment_tcp_preference("relative_sequence_numbers");
}

void
proto_register_oxc_segment_copy(void)
{
    register_init_routine(forget);
    connections = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    copies = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
