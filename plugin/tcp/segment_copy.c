/* segment_copy.c
 * Data that TCP hands out a second time
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/segment_copy.h"

#include "registration.h"

#include <epan/dissectors/packet-tcp.h>

#include "tcp/record.h"
#include "tcp/segment.h"

/* What was dissected: one range, and one more for each gap in the capture. The oldest are forgotten. */
#define RANGES 4

/* The longest that numbers tell apart (RFC 9293 3.4), halved: to be on the safe side. */
#define LONGEST_RANGE 0x40000000

/* Of a segment whose first number is not at hand (RFC 9293 3.1, RFC 791 3.1). */
#define LONGEST_SEGMENT 0xFFFF

/* Numbers of TCP, from the first byte to behind the last. */
typedef struct {
    uint32_t from;
    uint32_t to;
    uint32_t frame;             /* the one that brought the last of it; 0: none */
} dissected_t;

typedef struct {
    dissected_t first;
    unsigned next;
    dissected_t *others;        /* RANGES - 1; NULL as long as one is enough, as mostly */
} direction_t;

static unsigned both_directions;        /* two direction_t of the record of a connection */
static wmem_map_t *copies;      /* frames whose data were dissected before */
static bool is_relative;        /* TCP hands over numbers from the first of the connection on; its analysis counts as the packets do */

/* By whether it is from the higher port; NULL for none. */
static direction_t *
direction_of(packet_info *pinfo, bool create)
{
    direction_t *both = (direction_t *)oxc_record_part(oxc_segment_conversation(pinfo), both_directions, create);

    return both ? &both[pinfo->srcport > pinfo->destport] : NULL;
}

/* The i-th range, less than RANGES; NULL for none. */
static dissected_t *
range_of(direction_t *direction, unsigned i)
{
    if (i == 0)
        return &direction->first;
    return direction->others ? &direction->others[i - 1] : NULL;
}

bool
oxc_segment_was_copy(const packet_info *pinfo)
{
    return wmem_map_size(copies) > 0 && wmem_map_contains(copies, GUINT_TO_POINTER(pinfo->num));
}

static bool
find_copy(packet_info *pinfo, const struct tcpinfo *info)
{
    direction_t *direction;
    const dissected_t *range;

    if (PINFO_FD_VISITED(pinfo))
        return oxc_segment_was_copy(pinfo);
    direction = direction_of(pinfo, false);
    for (unsigned i = 0; direction && i < RANGES && (range = range_of(direction, i)) != NULL; i++) {
        if (range->frame && range->frame != pinfo->num && !GT_SEQ(range->from, info->seq) &&
            !GT_SEQ(info->nxtseq, range->to)) {
            wmem_map_insert(copies, GUINT_TO_POINTER(pinfo->num), NULL);
            return true;
        }
    }
    return false;
}

bool
oxc_segment_is_copy(packet_info *pinfo, const void *tcpinfo)
{
    bool is_copy = tcpinfo && !pinfo->flags.in_error_pkt && find_copy(pinfo, (const struct tcpinfo *)tcpinfo);

    if (is_copy)
        col_append_str(pinfo->cinfo, COL_INFO, " [data of an earlier frame]");
    return is_copy;
}

/* The range that the number is in, or right behind of; a new one if there is none. */
static dissected_t *
range_at(direction_t *direction, uint32_t number)
{
    dissected_t *range;

    for (unsigned i = 0; i < RANGES && (range = range_of(direction, i)) != NULL; i++) {
        if (range->frame && !GT_SEQ(range->from, number) && !GT_SEQ(number, range->to))
            return range;
    }
    if (direction->next > 0 && !direction->others)
        direction->others = wmem_alloc0_array(wmem_file_scope(), dissected_t, RANGES - 1);
    range = range_of(direction, direction->next++ % RANGES);
    range->from = range->to = number;
    return range;
}

static void
remember(packet_info *pinfo, uint32_t from, uint32_t to)
{
    direction_t *direction = direction_of(pinfo, true);
    dissected_t *range;

    if (!direction)
        return;
    range = range_at(direction, from);
    range->frame = pinfo->num;
    if (GT_SEQ(to, range->to))
        range->to = to;
    if (range->to - range->from > LONGEST_RANGE)
        range->from = range->to - LONGEST_RANGE;
}

void
oxc_segment_dissected(packet_info *pinfo, const void *tcpinfo)
{
    const struct tcpinfo *info = (const struct tcpinfo *)tcpinfo;

    if (info && !PINFO_FD_VISITED(pinfo) && !pinfo->flags.in_error_pkt &&
        (pinfo->desegment_len == 0 || pinfo->desegment_offset > 0))
        remember(pinfo, info->seq, info->nxtseq);
}

void
oxc_segment_dissected_now(packet_info *pinfo)
{
    const struct tcp_analysis *tcp =
        pinfo->ptype == PT_TCP && !PINFO_FD_VISITED(pinfo) && !pinfo->flags.in_error_pkt ? oxc_segment_tcp(pinfo) : NULL;
    uint32_t end;

    /* TCP has just counted the segment in. */
    if (!tcp || !tcp->fwd || !tcp->fwd->tcp_analyze_seq_info || !tcp->fwd->tcp_analyze_seq_info->nextseq)
        return;
    end = tcp->fwd->tcp_analyze_seq_info->nextseq - (is_relative ? tcp->fwd->base_seq : 0);
    remember(pinfo, end - LONGEST_SEGMENT, end);
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
    both_directions = oxc_record_reserve(2 * sizeof(direction_t));
    copies = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
