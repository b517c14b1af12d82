/* rops.c
 * ROP buffers without a transport around them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rops.h"

#include <epan/proto_data.h>

#include "notify/notify.h"
#include "rop/buffer.h"
#include "payload/extended_buffer.h"

#define PDU_KEY 0x4655          /* in the frame */

/* As a transport that keeps its PDUs: each frame has one. */
static oxc_pdu_t *
pdu_of(packet_info *pinfo, bool is_response)
{
    static oxc_call_t *open;
    int proto = proto_get_id_by_filter_name("rop");
    oxc_pdu_t *pdu = (oxc_pdu_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto, PDU_KEY);

    if (pdu) {
        oxc_pdu_visit(pdu);
        return pdu;
    }
    if (pinfo->num == 1)
        open = NULL;
    if (is_response)
        pdu = oxc_pdu_new_response(pinfo, 0, OXC_CALL_FETCH, open && open->response ? NULL : open);
    else
        pdu = oxc_pdu_new_request(pinfo, 0, OXC_CALL_FETCH);
    p_add_proto_data(wmem_file_scope(), pinfo, proto, PDU_KEY, pdu);
    oxc_call_bind(pinfo, pdu->call, oxc_session_find(pinfo, OXC_KEY_COOKIE, (const uint8_t *)"fuzz", 4, true),
                  OXC_BOUND_BY_KEY);
    open = is_response ? NULL : pdu->call;
    return pdu;
}

void
fuzz_dissect_rops(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, unsigned kind)
{
    oxc_pdu_t *pdu = pdu_of(pinfo, pinfo->srcport == 80);

    oxc_show_call_links(tvb, pinfo, tree, pdu);
    switch (kind) {
    case FUZZ_CALL:
        oxc_dissect_rop_plain(tvb, pinfo, tree, pdu, false);
        break;
    case FUZZ_CHAIN:
        oxc_dissect_rop_chain(tvb, pinfo, tree, pdu);
        break;
    case FUZZ_OBFUSCATED:
        oxc_dissect_rop_plain(tvb, pinfo, tree, pdu, true);
        break;
    default:
        oxc_dissect_aux(tvb, pinfo, tree);
        break;
    }
    oxc_notify_fetch(tvb, pinfo, tree, pdu);
}
