/* nspi_body.c
 * Messages that are no ROP buffers but read by the same definitions: address book bodies of MAPI/HTTP
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/nspi_body.h"

#include "rop/engine.h"
#include "ropdefs.h"

#include <string.h>

static const ropdef_message_t *
find_message(const char *request_type)
{
    for (const ropdef_message_t *m = ropdef_messages; m->name; m++) {
        if (g_ascii_strcasecmp(m->name, request_type) == 0)
            return m;
    }
    return NULL;
}

void
oxc_nspi_body_register(void)
{
    ropdefs_register("mapihttp");
}

int
oxc_dissect_nspi_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const char *request_type, bool is_response,
                    int offset)
{
    const ropdef_message_t *message = find_message(request_type);
    int form = !message ? -1 : is_response ? message->response : message->request;
    oxc_read_t r;

    if (form < 0)
        return offset;
    memset(&r, 0, sizeof r);
    r.pinfo = pinfo;
    r.tvb = tvb;
    r.end = (int)tvb_reported_length(tvb);
    r.counts = OXC_COUNTS_ADDRESS_BOOK;
    r.is_response = is_response;
    r.info = wmem_strbuf_new(pinfo->pool, "");
    offset = oxc_engine_form(&r, tree, offset, (unsigned)form);
    if (wmem_strbuf_get_len(r.info) > 0)
        col_append_fstr(pinfo->cinfo, COL_INFO, " %s", wmem_strbuf_get_str(r.info));
    return offset;
}
