/* rpc_overrun.c
 * PDUs of Exchange RPC that TCP took for the rest of an earlier one, see reassembly_overrun.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "compat.h"

#include "registration.h"
#include "tcp/postdissector.h"
#include "rpc/rpc_fallback.h"
#include "rpc/rpc_inference.h"
#include "rpc/rpc_overrun.h"
#include "tcp/out_of_order.h"
#include "tcp/reassembly_overrun.h"

#include <epan/expert.h>

static int proto_emsmdb = -1;
static expert_field ei_swallowed = EI_INIT;
static expert_field ei_out_of_order = EI_INIT;

static bool (*is_elsewhere)(packet_info *pinfo);

void
oxc_rpc_overrun_leave(bool (*fn)(packet_info *pinfo))
{
    is_elsewhere = fn;
}

static bool
pdu_begins(tvbuff_t *data, packet_info *pinfo, uint32_t by _U_)
{
    oxc_rpc_pdu_t pdu;
    bool ndr64;

    if ((is_elsewhere && is_elsewhere(pinfo)) || !oxc_rpc_read_pdu(data, 0, &pdu) ||
        (!oxc_emsmdb_is_ours() && !oxc_asyncemsmdb_is_ours()))
        return false;
    /* It may be the bind that has the wrong length. */
    return oxc_rpc_is_connection(pinfo) || oxc_rpc_is_server(pinfo, &pinfo->dst, pinfo->destport) ||
           oxc_rpc_is_server(pinfo, &pinfo->src, pinfo->srcport) ||
           (pdu.ptype == PDU_REQ && pdu.length >= RPC_BODY_SIZE &&
            oxc_rpc_infer_request(pinfo, &pdu, &ndr64) != OXC_RPC_NEITHER);
}

/* The PDUs that begin in the first bytes of the data, as far as they are whole. */
static tvbuff_t *
whole_pdus(tvbuff_t *data, uint32_t size)
{
    oxc_rpc_pdu_t pdu;
    int end = 0;

    while (end < (int)size && oxc_rpc_read_pdu(data, end, &pdu))
        end += pdu.length;
    return tvb_new_subset_length(data, 0, end);
}

static bool
wants(tvbuff_t *frame _U_, packet_info *pinfo, unsigned layers _U_)
{
    return !pinfo->flags.in_error_pkt;
}

static bool
pdu_may_begin(int first)
{
    return first >> 8 == 5;
}

static const oxc_overrun_kind_t pdus = { &proto_emsmdb, &ei_swallowed, "PDU", "frag_length", pdu_may_begin, pdu_begins };

static bool
note(tvbuff_t *frame, packet_info *pinfo)
{
    bool out_of_order = oxc_out_of_order_note(frame, pinfo, proto_emsmdb, oxc_rpc_is_connection);

    return oxc_overrun_note(frame, pinfo, &pdus) || out_of_order;
}

static void
look(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree)
{
    const oxc_overrun_t *overrun;
    tvbuff_t *data;

    oxc_out_of_order_show(frame, pinfo, tree, proto_emsmdb, &ei_out_of_order);
    overrun = oxc_overrun_show(frame, pinfo, tree, &pdus, &data);
    if (overrun)
        oxc_rpc_dissect_pdus(whole_pdus(data, overrun->size), pinfo, tree);
}

void
proto_reg_handoff_oxc_rpc_overrun(void)
{
    static const oxc_watcher_t watcher = { PT_TCP, OXC_FRAME_RPC, wants, note, look };

    oxc_postdissector_add(&watcher, proto_emsmdb);
}

void
proto_register_oxc_rpc_overrun(void)
{
    static ei_register_info ei[] = {
        { &ei_swallowed,
          { "emsmdb.swallowed", PI_REASSEMBLE, PI_WARN, "PDU starts inside another", EXPFILL } },
        { &ei_out_of_order,
          { "emsmdb.out_of_order", PI_REASSEMBLE, PI_NOTE, "Segments out of order or missing", EXPFILL } },
    };

    proto_emsmdb = proto_get_id_by_filter_name("emsmdb");
    expert_register_field_array(expert_register_protocol(proto_emsmdb), ei, array_length(ei));
}
