/* emsmdb_connect.c
 * EcDoConnectEx and its legacy counterpart (MS-OXCRPC 3.1.4.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/emsmdb_connect.h"

#include <string.h>


#include "foreign_text.h"
#include "rop/reading.h"
#include "rpc/emsmdb_call.h"
#include "session/event.h"

#define NO_LINK 0xFFFFFFFF      /* ulIcxrLink */

static int hf_sz_user_dn = -1;
static int hf_ul_flags = -1;
static int hf_ul_con_mod = -1;
static int hf_cb_limit = -1;
static int hf_ul_cpid = -1;
static int hf_ul_lcid_string = -1;
static int hf_ul_lcid_sort = -1;
static int hf_ul_icxr_link = -1;
static int hf_linked_session = -1;
static int hf_us_f_can_convert_code_pages = -1;
static int hf_rgw_client_version = -1;
static int hf_rgw_server_version = -1;
static int hf_rgw_best_version = -1;
static int hf_version = -1;
static int hf_pul_time_stamp = -1;
static int hf_pull_time_stamp = -1;
static int hf_pcms_polls_max = -1;
static int hf_pc_retry = -1;
static int hf_pcms_retry_delay = -1;
static int hf_pi_cxr = -1;
static int hf_sz_dn_prefix = -1;
static int hf_sz_display_name = -1;

static int ett_parameter = -1;

static const value_string ul_flags_vals[] = {
    { 0x00000000, "normal" },
    { 0x00000001, "administrator" },
    { 0x00008000, "do not fail without public folders" },
    { 0, NULL }
};

/* Three version words (MS-OXCRPC 3.1.4.1.3.1). */
static void
show_version(oxc_rpc_t *rpc, int hf)
{
    uint16_t words[3];
    proto_item *items[3];
    proto_item *item;
    proto_tree *parent = rpc->ndr.tree;
    proto_tree *tree;
    char *text;
    int start;

    if (rpc->ndr.broken)
        return;
    start = (rpc->ndr.offset + 1) / 2 * 2;
    tree = proto_tree_add_subtree(parent, rpc->ndr.tvb, MIN(start, (int)tvb_reported_length(rpc->ndr.tvb)),
                                  MIN(6, MAX(0, tvb_reported_length_remaining(rpc->ndr.tvb, start))), ett_parameter,
                                  &item, proto_registrar_get_name(hf));
    rpc->ndr.tree = tree;
    for (int i = 0; i < 3; i++)
        words[i] = oxc_ndr_u16(&rpc->ndr, hf, &items[i]);
    rpc->ndr.tree = parent;
    if (rpc->ndr.broken || !tree)
        return;

    if (words[1] & 0x8000)
        text = wmem_strdup_printf(rpc->pinfo->pool, "%u.%u.%u.%u", words[0] >> 8, words[0] & 0xFF, words[1] & 0x7FFF,
                                  words[2]);
    else
        text = wmem_strdup_printf(rpc->pinfo->pool, "%u.0.%u.%u", words[0], words[1], words[2]);
    proto_item_append_text(item, ": %s", text);
    item = proto_tree_add_string(tree, hf_version, rpc->ndr.tvb, start, 6, text);
    proto_item_set_generated(item);
}

/* The last name of a DN: enough for a person to recognize. */
static const char *
short_dn(const char *dn)
{
    const char *equals = strrchr(dn, '=');

    return equals ? equals + 1 : dn;
}

static void
show_link(oxc_rpc_t *rpc)
{
    uint8_t key[OXC_INDEX_KEY_SIZE];
    proto_item *item;
    uint32_t link = oxc_ndr_u32(&rpc->ndr, hf_ul_icxr_link, &item);

    if (rpc->ndr.broken)
        return;
    if (link == NO_LINK) {
        proto_item_append_text(item, " (no link)");
        return;
    }
    if (!PINFO_FD_VISITED(rpc->pinfo)) {
        size_t len = oxc_session_index_key((uint16_t)link, &rpc->pinfo->dst, key);

        oxc_rpc_change_setup(rpc)->linked = oxc_session_find(rpc->pinfo, OXC_KEY_INDEX, key, len, false);
    }
    proto_item_append_text(item, " (session index %u)", link & 0xFFFF);
    if (oxc_rpc_setup(rpc)->linked) {
        item = proto_tree_add_uint(proto_item_add_subtree(item, ett_parameter), hf_linked_session, rpc->ndr.tvb,
                                   rpc->ndr.offset - 4, 4, oxc_rpc_setup(rpc)->linked->number);
        proto_item_set_generated(item);
    }
}

static void
connect_request(oxc_rpc_t *rpc)
{
    const char *user = oxc_ndr_string(&rpc->ndr, hf_sz_user_dn, OXC_CODE_PAGE_ASCII, NULL);
    uint32_t cpid;

    oxc_ndr_u32(&rpc->ndr, hf_ul_flags, NULL);
    oxc_ndr_u32(&rpc->ndr, hf_ul_con_mod, NULL);
    oxc_ndr_u32(&rpc->ndr, hf_cb_limit, NULL);
    cpid = oxc_ndr_u32(&rpc->ndr, hf_ul_cpid, NULL);
    if (!rpc->ndr.broken)
        oxc_code_page_check(rpc->pinfo, rpc->ndr.tree, rpc->ndr.tvb, rpc->ndr.offset - 4, 4, cpid);
    oxc_ndr_u32(&rpc->ndr, hf_ul_lcid_string, NULL);
    oxc_ndr_u32(&rpc->ndr, hf_ul_lcid_sort, NULL);
    show_link(rpc);
    oxc_ndr_u16(&rpc->ndr, hf_us_f_can_convert_code_pages, NULL);
    show_version(rpc, hf_rgw_client_version);

    if (user && *user)
        col_append_fstr(rpc->pinfo->cinfo, COL_INFO, ", %s", oxc_shown_text(rpc->pinfo->pool, short_dn(user)));
    if (!PINFO_FD_VISITED(rpc->pinfo)) {
        oxc_rpc_setup_t *setup = oxc_rpc_change_setup(rpc);

        setup->user = user ? wmem_strdup(wmem_file_scope(), user) : NULL;
        setup->code_page = cpid;
    }
}

static void
connect_response(oxc_rpc_t *rpc)
{
    const oxc_rpc_setup_t *setup = oxc_rpc_setup(rpc);
    oxc_ndr_handle_t cxh;
    oxc_session_t *session = NULL;
    const char *display_name;
    uint8_t key[OXC_INDEX_KEY_SIZE];
    uint16_t session_index;
    uint32_t polls_max;

    if (oxc_emsmdb_read_cxh(rpc, &cxh))
        session = oxc_rpc_new_session(rpc, &cxh);
    polls_max = oxc_ndr_u32(&rpc->ndr, hf_pcms_polls_max, NULL);
    oxc_ndr_u32(&rpc->ndr, hf_pc_retry, NULL);
    oxc_ndr_u32(&rpc->ndr, hf_pcms_retry_delay, NULL);
    session_index = oxc_ndr_u16(&rpc->ndr, hf_pi_cxr, NULL);
    oxc_ndr_string_pointer(&rpc->ndr, hf_sz_dn_prefix, setup->code_page, NULL);
    display_name = oxc_ndr_string_pointer(&rpc->ndr, hf_sz_display_name, setup->code_page, NULL);
    if (!session || PINFO_FD_VISITED(rpc->pinfo))
        return;
    session->polls_max = polls_max;
    oxc_session_set_code_page(rpc->pinfo, session, setup->code_page);
    oxc_session_set_user(rpc->pinfo, session, setup->user ? setup->user : display_name);
    oxc_session_add_key(rpc->pinfo, session, OXC_KEY_INDEX, key,
                        oxc_session_index_key(session_index, &rpc->pinfo->src, key));
}

void
oxc_emsmdb_connect_ex_request(oxc_rpc_t *rpc)
{
    tvbuff_t *aux;

    connect_request(rpc);
    oxc_ndr_u32(&rpc->ndr, hf_pul_time_stamp, NULL);
    aux = oxc_emsmdb_aux_request(rpc);
    oxc_emsmdb_show_aux(rpc, aux);
}

void
oxc_emsmdb_connect_ex_response(oxc_rpc_t *rpc)
{
    tvbuff_t *aux;

    connect_response(rpc);
    show_version(rpc, hf_rgw_server_version);
    show_version(rpc, hf_rgw_best_version);
    oxc_ndr_u32(&rpc->ndr, hf_pul_time_stamp, NULL);
    aux = oxc_emsmdb_aux_response(rpc);
    oxc_emsmdb_return_value(rpc);
    oxc_rpc_show_session(rpc->ndr.tvb, rpc->pinfo, rpc->tree, rpc->pdu->call);
    oxc_emsmdb_show_aux(rpc, aux);
}

/* EcDoConnect is no longer described; the layout is that of open clients of its time. */
void
oxc_emsmdb_legacy_connect_request(oxc_rpc_t *rpc)
{
    connect_request(rpc);
    oxc_ndr_u32(&rpc->ndr, hf_pull_time_stamp, NULL);
}

void
oxc_emsmdb_legacy_connect_response(oxc_rpc_t *rpc)
{
    connect_response(rpc);
    show_version(rpc, hf_rgw_server_version);
    show_version(rpc, hf_rgw_client_version);
    oxc_ndr_u32(&rpc->ndr, hf_pull_time_stamp, NULL);
    oxc_emsmdb_return_value(rpc);
    oxc_rpc_show_session(rpc->ndr.tvb, rpc->pinfo, rpc->tree, rpc->pdu->call);
}

void
oxc_emsmdb_connect_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_sz_user_dn, { "szUserDN", "emsmdb.sz_user_dn", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_ul_flags, { "ulFlags", "emsmdb.ul_flags", FT_UINT32, BASE_HEX, VALS(ul_flags_vals), 0, NULL, HFILL } },
        { &hf_ul_con_mod, { "ulConMod", "emsmdb.ul_con_mod", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_cb_limit, { "cbLimit", "emsmdb.cb_limit", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_ul_cpid, { "ulCpid", "emsmdb.ul_cpid", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_ul_lcid_string, { "ulLcidString", "emsmdb.ul_lcid_string", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_ul_lcid_sort, { "ulLcidSort", "emsmdb.ul_lcid_sort", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_ul_icxr_link, { "ulIcxrLink", "emsmdb.ul_icxr_link", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_linked_session,
          { "Linked to session", "emsmdb.ul_icxr_link.session", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_us_f_can_convert_code_pages,
          { "usFCanConvertCodePages", "emsmdb.us_f_can_convert_code_pages", FT_UINT16, BASE_DEC, NULL, 0, NULL,
            HFILL } },
        { &hf_rgw_client_version,
          { "rgwClientVersion", "emsmdb.rgw_client_version", FT_UINT16, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_rgw_server_version,
          { "rgwServerVersion", "emsmdb.rgw_server_version", FT_UINT16, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_rgw_best_version,
          { "rgwBestVersion", "emsmdb.rgw_best_version", FT_UINT16, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_version, { "Version", "emsmdb.version", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_pul_time_stamp, { "pulTimeStamp", "emsmdb.pul_time_stamp", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_pull_time_stamp,
          { "pullTimeStamp", "emsmdb.pull_time_stamp", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_pcms_polls_max,
          { "pcmsPollsMax", "emsmdb.pcms_polls_max", FT_UINT32, BASE_DEC | BASE_UNIT_STRING,
            UNS(&oxc_emsmdb_milliseconds), 0, NULL, HFILL } },
        { &hf_pc_retry, { "pcRetry", "emsmdb.pc_retry", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_pcms_retry_delay,
          { "pcmsRetryDelay", "emsmdb.pcms_retry_delay", FT_UINT32, BASE_DEC | BASE_UNIT_STRING,
            UNS(&oxc_emsmdb_milliseconds), 0, NULL, HFILL } },
        { &hf_pi_cxr, { "piCxr", "emsmdb.pi_cxr", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_sz_dn_prefix, { "szDNPrefix", "emsmdb.sz_dn_prefix", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_sz_display_name,
          { "szDisplayName", "emsmdb.sz_display_name", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_parameter };

    proto_register_field_array(proto, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
}
