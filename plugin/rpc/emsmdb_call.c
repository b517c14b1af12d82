/* emsmdb_call.c
 * What the calls of EMSMDB have in common (MS-OXCRPC 3.1.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/emsmdb_call.h"

#include <epan/expert.h>

#include "payload/extended_buffer.h"
#include "ropdefs.h"
#include "session/event.h"

#define SMALL_RANGE 0x1008      /* MS-OXCRPC 2.2.1.4 */

const unit_name_string oxc_emsmdb_milliseconds = { "ms", NULL };

static int hf_cxh = -1;
static int hf_return_value = -1;
static int hf_rgb_aux_in = -1;
static int hf_cb_aux_in = -1;
static int hf_rgb_aux_out = -1;
static int hf_pcb_aux_out = -1;

static expert_field ei_session_lost = EI_INIT;
static expert_field ei_range = EI_INIT;

bool
oxc_emsmdb_read_cxh(oxc_rpc_t *rpc, oxc_ndr_handle_t *cxh)
{
    return oxc_ndr_handle(&rpc->ndr, hf_cxh, cxh);
}

void
oxc_emsmdb_request_cxh(oxc_rpc_t *rpc)
{
    oxc_ndr_handle_t cxh;

    if (oxc_emsmdb_read_cxh(rpc, &cxh))
        oxc_rpc_session(rpc, OXC_KEY_CXH, &cxh);
}

static void
end_session(oxc_rpc_t *rpc)
{
    oxc_call_t *call = rpc->pdu->call;

    if (call->session)
        oxc_session_end(rpc->pinfo, call->session,
                        call->kind == OXC_CALL_DISCONNECT ? OXC_END_DISCONNECTED : OXC_END_LOST);
}

bool
oxc_emsmdb_response_cxh(oxc_rpc_t *rpc)
{
    oxc_ndr_handle_t cxh;

    if (!oxc_emsmdb_read_cxh(rpc, &cxh))
        return false;
    oxc_rpc_session(rpc, OXC_KEY_CXH, &cxh);
    /* At once: whatever shows the session in this frame then says so. */
    if (cxh.is_null)
        end_session(rpc);
    return cxh.is_null;
}

uint32_t
oxc_emsmdb_return_value(oxc_rpc_t *rpc)
{
    uint32_t value = oxc_rpc_return_value(rpc, hf_return_value);

    if (value != 0 && !rpc->ndr.broken && rpc->pdu->call->kind == OXC_CALL_FETCH)
        oxc_listener->call_failed(rpc->pinfo, rpc->pdu->call, OXC_FAILURE_REFUSED);
    return value;
}

void
oxc_emsmdb_check_lost(oxc_rpc_t *rpc, bool lost)
{
    if (!lost)
        return;
    proto_tree_add_expert(rpc->tree, rpc->pinfo, &ei_session_lost, rpc->ndr.tvb, 0,
                          MIN(OXC_NDR_HANDLE_SIZE, (int)tvb_reported_length(rpc->ndr.tvb)));
}

void
oxc_emsmdb_length16(oxc_rpc_t *rpc, int hf, const tvbuff_t *array)
{
    proto_item *item;
    uint16_t length = oxc_ndr_u16(&rpc->ndr, hf, &item);

    oxc_ndr_check_length(&rpc->ndr, item, length, array);
}

void
oxc_emsmdb_length(oxc_rpc_t *rpc, int hf, const tvbuff_t *array)
{
    proto_item *item;
    uint32_t length = oxc_ndr_u32(&rpc->ndr, hf, &item);

    oxc_ndr_check_length(&rpc->ndr, item, length, array);
}

uint32_t
oxc_emsmdb_limit(oxc_rpc_t *rpc, int hf, uint32_t most)
{
    proto_item *item;
    uint32_t limit = oxc_ndr_u32(&rpc->ndr, hf, &item);

    if (limit > most)
        expert_add_info_format(rpc->pinfo, item, &ei_range, "%s is above 0x%x", proto_registrar_get_name(hf), most);
    return limit;
}

void
oxc_emsmdb_show_aux(oxc_rpc_t *rpc, tvbuff_t *aux)
{
    if (aux && tvb_reported_length(aux) > 0)
        oxc_dissect_aux(aux, rpc->pinfo, rpc->tree);
}

tvbuff_t *
oxc_emsmdb_aux_request(oxc_rpc_t *rpc)
{
    tvbuff_t *aux = oxc_ndr_bytes(&rpc->ndr, hf_rgb_aux_in, false, NULL);

    oxc_emsmdb_length(rpc, hf_cb_aux_in, aux);
    oxc_emsmdb_limit(rpc, hf_pcb_aux_out, SMALL_RANGE);
    return aux;
}

tvbuff_t *
oxc_emsmdb_aux_response(oxc_rpc_t *rpc)
{
    tvbuff_t *aux = oxc_ndr_bytes(&rpc->ndr, hf_rgb_aux_out, true, NULL);

    oxc_emsmdb_length(rpc, hf_pcb_aux_out, aux);
    return aux;
}

void
oxc_emsmdb_call_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_cxh,
          { "CXH", "emsmdb.cxh", FT_BYTES, BASE_NONE, NULL, 0, "Session context handle, little-endian", HFILL } },
        { &hf_return_value,
          { "Return value", "emsmdb.return_value", FT_UINT32, BASE_HEX | BASE_EXT_STRING, &ropdef_error_vals_ext, 0,
            NULL, HFILL } },
        { &hf_rgb_aux_in, { "rgbAuxIn", "emsmdb.rgb_aux_in", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_cb_aux_in, { "cbAuxIn", "emsmdb.cb_aux_in", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_rgb_aux_out, { "rgbAuxOut", "emsmdb.rgb_aux_out", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_pcb_aux_out, { "pcbAuxOut", "emsmdb.pcb_aux_out", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
    };
    static ei_register_info ei[] = {
        { &ei_session_lost,
          { "emsmdb.session_lost", PI_RESPONSE_CODE, PI_WARN,
            "Session ended by the server (null context handle)", EXPFILL } },
        { &ei_range, { "emsmdb.range", PI_PROTOCOL, PI_NOTE, "Size above the range of the interface", EXPFILL } },
    };

    proto_register_field_array(proto, hf, array_length(hf));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}
