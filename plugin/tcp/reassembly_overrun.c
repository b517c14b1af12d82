/* reassembly_overrun.c
 * Messages that TCP took for the rest of an earlier one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/reassembly_overrun.h"

#include "registration.h"

#include <epan/proto_data.h>

#include "tcp/segment.h"

static int proto_oxcnotif = -1;
static wmem_map_t *latest;      /* PDU of TCP -> oxc_overrun_t */
static unsigned overruns;       /* in the file */

/* Several ask for the same frame, one behind the other. */
static struct {
    uint32_t frame;             /* 0: none */
    const struct tcp_multisegment_pdu *pdu;
} taker;

/* Does the PDU that TCP puts together have data of this frame, and did it begin in an earlier one? First visit only. */
static bool
took_from(const struct tcp_multisegment_pdu *pdu, const packet_info *pinfo)
{
    return pdu->last_frame == pinfo->num && pdu->first_frame != pinfo->num && pdu->first_frame_with_seq != pinfo->num;
}

/*
 * The PDU that took the data in front. It is the latest of its direction, unless that begins in this frame itself,
 * behind it.
 */
static const struct tcp_multisegment_pdu *
taken_by(packet_info *pinfo)
{
    const struct tcp_analysis *tcp = oxc_segment_tcp(pinfo);
    const struct tcp_multisegment_pdu *pdu;
    wmem_tree_t *pdus = tcp && tcp->fwd ? tcp->fwd->multisegment_pdus : NULL;

    if (taker.frame == pinfo->num)
        return taker.pdu;
    taker.frame = pinfo->num;
    pdu = pdus ? (const struct tcp_multisegment_pdu *)wmem_tree_lookup32_le(pdus, UINT32_MAX) : NULL;
    if (pdu && pdu->first_frame == pinfo->num && pdu->seq > 0)
        pdu = (const struct tcp_multisegment_pdu *)wmem_tree_lookup32_le(pdus, pdu->seq - 1);
    taker.pdu = pdu && took_from(pdu, pinfo) ? pdu : NULL;
    return taker.pdu;
}

bool
oxc_overrun_is_possible(packet_info *pinfo)
{
    const struct tcp_analysis *tcp = oxc_segment_tcp(pinfo);
    wmem_tree_t *pdus = tcp && tcp->fwd ? tcp->fwd->multisegment_pdus : NULL;
    const struct tcp_multisegment_pdu *pdu =
        pdus ? (const struct tcp_multisegment_pdu *)wmem_tree_lookup32_le(pdus, UINT32_MAX) : NULL;

    return pdu && (pdu->first_frame == pinfo->num || pdu->last_frame == pinfo->num);
}

/* Numbers of PDUs are relative to the connection's first one, unless the user does not want that. */
static uint32_t
in_numbering_of(const struct tcp_multisegment_pdu *pdu, const tcp_flow_t *flow, uint32_t seq)
{
    uint32_t relative = seq - flow->base_seq;

    return relative - pdu->seq < pdu->nxtpdu - pdu->seq ? relative : seq;
}

/* The PDU that took the data of the frame, NULL for none. */
static const struct tcp_multisegment_pdu *
find_overrun(tvbuff_t *frame, packet_info *pinfo, tvbuff_t **data, oxc_overrun_t *found)
{
    const struct tcp_multisegment_pdu *pdu = taken_by(pinfo);
    uint32_t seq;

    *data = pdu ? oxc_segment_payload(frame, pinfo, &seq) : NULL;
    if (!*data)
        return NULL;
    found->frame = pinfo->num;
    found->by = pdu->first_frame;
    found->seq = in_numbering_of(pdu, oxc_segment_tcp(pinfo)->fwd, seq);
    /* What begins where the PDU does is its beginning once more. */
    if (found->seq == pdu->seq || found->seq - pdu->seq >= pdu->nxtpdu - pdu->seq)
        return NULL;
    found->size = MIN(pdu->nxtpdu - found->seq, tvb_reported_length(*data));
    return pdu;
}

/* Not every release of Wireshark keeps what is retransmitted out of a PDU that is not complete. */
static bool
is_retransmitted(const struct tcp_multisegment_pdu *pdu, const oxc_overrun_t *found)
{
    const oxc_overrun_t *last = (const oxc_overrun_t *)wmem_map_lookup(latest, pdu);

    return last && last->frame != found->frame && LT_SEQ(found->seq, last->seq + last->size);
}

static void
remember_overrun(tvbuff_t *frame, packet_info *pinfo, const oxc_overrun_kind_t *of)
{
    oxc_overrun_t found, *overrun;
    tvbuff_t *data;
    const struct tcp_multisegment_pdu *pdu = find_overrun(frame, pinfo, &data, &found);

    if (!pdu || is_retransmitted(pdu, &found) || !of->begins(data, pinfo, found.by))
        return;
    overrun = (oxc_overrun_t *)wmem_memdup(wmem_file_scope(), &found, sizeof found);
    overruns++;
    wmem_map_insert(latest, pdu, overrun);
    p_add_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif, ~(uint32_t)*of->proto, overrun);
}

static const oxc_overrun_t *
recall_overrun(packet_info *pinfo, const oxc_overrun_kind_t *of)
{
    return overruns == 0 ? NULL : (const oxc_overrun_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif,
                                                                          ~(uint32_t)*of->proto);
}

bool
oxc_overrun_find(tvbuff_t *frame, packet_info *pinfo, const oxc_overrun_kind_t *of)
{
    int first;

    if (recall_overrun(pinfo, of))
        return true;
    if (PINFO_FD_VISITED(pinfo))
        return false;
    first = oxc_segment_first_bytes(frame, pinfo);
    if (first == OXC_TCP_NO_DATA || (first != OXC_TCP_UNSURE && !of->may_begin(first)))
        return false;
    remember_overrun(frame, pinfo, of);
    return recall_overrun(pinfo, of) != NULL;
}

const oxc_overrun_t *
oxc_overrun_show(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, const oxc_overrun_kind_t *of, tvbuff_t **data)
{
    const oxc_overrun_t *overrun = recall_overrun(pinfo, of);
    proto_item *item;
    uint32_t seq;

    *data = overrun ? oxc_segment_payload(frame, pinfo, &seq) : NULL;
    if (!*data)
        return NULL;
    item = proto_tree_add_item(tree, *of->proto, *data, 0, 0, ENC_NA);
    proto_item_set_generated(item);
    proto_item_append_text(item, ", %s inside another", of->what);
    expert_add_info_format(
        pinfo, item, of->ei,
        "Starts inside the %s of frame %u (bad %s or lost data). It is shown if this segment holds all of it",
        of->what, overrun->by, of->lengths);
    return overrun;
}

static void
forget(void)
{
    overruns = 0;
    taker.frame = 0;
}

void
proto_register_oxc_reassembly_overrun(void)
{
    register_init_routine(forget);
    proto_oxcnotif = proto_get_id_by_filter_name("oxcnotif");
    latest = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
