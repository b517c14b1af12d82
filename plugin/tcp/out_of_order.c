/* out_of_order.c
 * Segments that Wireshark's defaults leave out of order
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/out_of_order.h"

#include "registration.h"

#include <epan/dissectors/packet-tcp.h>
#include <epan/proto_data.h>

#include "tcp/postdissector.h"
#include "tcp/record.h"
#include "tcp/segment.h"

/* Bytes in front of a segment that were not captured before it; kept with its frame. */
typedef struct {
    uint32_t from;
    uint32_t to;
    bool filled;                /* some of them came later */
} gap_t;

/* Of what is remembered with a frame; others have keys of their own there. */
#define GAP_KEY 0x40000000

/* One direction of a connection; first pass. */
typedef struct {
    bool known;
    uint32_t next;              /* behind the latest byte seen */
    wmem_tree_t *gaps;          /* first byte -> gap_t; NULL for none */
} direction_t;

static unsigned both_directions;        /* two direction_t of the record of a connection */
static unsigned gaps;           /* in the file */
static int proto_oxcnotif = -1;
static bool is_reassembled;     /* tcp.reassemble_out_of_order, which changes only between two readings of a file */

/* What a host acknowledges is what comes next in the other direction. */
static void
learn_from_ack(packet_info *pinfo, direction_t *other)
{
    const struct tcp_analysis *tcp = other->known ? NULL : oxc_segment_tcp(pinfo);

    if (!tcp || !tcp->fwd || !tcp->fwd->tcp_analyze_seq_info ||
        tcp->fwd->tcp_analyze_seq_info->lastack == 0)
        return;
    other->known = true;
    other->next = tcp->fwd->tcp_analyze_seq_info->lastack;
}

/* Gaps do not overlap: a segment begins in one of them at most. */
static void
fill_gap(direction_t *direction, uint32_t seq)
{
    gap_t *gap = direction->gaps ? (gap_t *)wmem_tree_lookup32_le(direction->gaps, seq) : NULL;

    if (gap && LT_SEQ(seq, gap->to))
        gap->filled = true;
}

/* The gap in front of the frame's segment; NULL for none. First visit only. */
static const gap_t *
find_gap(tvbuff_t *frame, packet_info *pinfo)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);
    direction_t *directions, *direction;        /* by whether they are from the higher port */
    gap_t *gap = NULL;
    uint32_t seq, length, end;

    if (!conversation || oxc_segment_extent(frame, pinfo, &seq, &length) < 0)
        return NULL;
    directions = (direction_t *)oxc_record_part(conversation, both_directions, true);
    learn_from_ack(pinfo, &directions[pinfo->srcport <= pinfo->destport]);
    direction = &directions[pinfo->srcport > pinfo->destport];
    end = seq + length;
    fill_gap(direction, seq);
    if (direction->known && GT_SEQ(seq, direction->next)) {
        gap = wmem_new0(wmem_file_scope(), gap_t);
        gaps++;
        gap->from = direction->next;
        gap->to = seq;
        if (!direction->gaps)
            direction->gaps = wmem_tree_new(wmem_file_scope());
        wmem_tree_insert32(direction->gaps, gap->from, gap);
    }
    if (!direction->known || GT_SEQ(end, direction->next))
        direction->next = end;
    direction->known = true;
    return gap;
}

/* What is to be shown in the frame; NULL for nothing. */
static const gap_t *
recall_gap(packet_info *pinfo, int proto)
{
    const gap_t *gap = gaps == 0 ? NULL : (const gap_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif,
                                                                          GAP_KEY | (uint32_t)proto);

    return gap && PINFO_FD_VISITED(pinfo) && !gap->filled ? NULL : gap;
}

bool
oxc_out_of_order_note(tvbuff_t *frame, packet_info *pinfo, int proto, bool (*is_ours)(packet_info *))
{
    const gap_t *gap;

    if (!oxc_postdissector_expected() || (PINFO_FD_VISITED(pinfo) && gaps == 0) || is_reassembled)
        return false;
    if (PINFO_FD_VISITED(pinfo))
        return recall_gap(pinfo, proto) != NULL;
    if (oxc_segment_first_bytes(frame, pinfo) == OXC_TCP_NO_DATA)
        return false;
    gap = is_ours(pinfo) ? find_gap(frame, pinfo) : NULL;
    if (gap)
        p_add_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif, GAP_KEY | (uint32_t)proto, (void *)gap);
    return gap != NULL;
}

void
oxc_out_of_order_show(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, int proto, expert_field *ei)
{
    const gap_t *gap = is_reassembled ? NULL : recall_gap(pinfo, proto);
    proto_item *item;

    if (!gap)
        return;
    item = proto_tree_add_item(tree, proto, frame, 0, 0, ENC_NA);
    proto_item_set_generated(item);
    proto_item_append_text(item, ", segments before this one are missing here");
    expert_add_info_format(pinfo, item, ei,
                           "Segments before this one %s. Messages whose segments come out of order are read only with "
                           "the preference tcp.reassemble_out_of_order",
                           gap->filled ? "come later" : "were lost, or come later");
}

static void
forget(void)
{
    is_reassembled = oxc_segment_tcp_preference("reassemble_out_of_order");
    gaps = 0;
}

void
proto_register_oxc_out_of_order(void)
{
    register_init_routine(forget);
    both_directions = oxc_record_reserve(2 * sizeof(direction_t));
    proto_oxcnotif = proto_get_id_by_filter_name("oxcnotif");
}
