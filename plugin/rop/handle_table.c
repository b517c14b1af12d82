/* handle_table.c
 * Server object handle tables (MS-OXCROPS 2.2.1), and the objects that their handles name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/handle_table.h"

#include "rop/property.h"

static int hf_handle = -1;
static int hf_object = -1;

static int ett_handles = -1;

static expert_field ei_table_odd = EI_INIT;

void
oxc_handle_opened(wmem_allocator_t *scope, oxc_handle_table_t *table, unsigned place, oxc_object_t *object)
{
    if (place >= OXC_MAX_HANDLES)
        return;
    if (!table->opened)
        table->opened = wmem_alloc0_array(scope, oxc_object_t *, OXC_MAX_HANDLES);
    table->opened[place] = object;
}

oxc_object_t *
oxc_handle_input(const oxc_read_t *r, unsigned place)
{
    const oxc_rop_t *rop = r->rop;
    const oxc_rop_t *peer = r->is_response ? rop->peer : NULL;
    const oxc_session_t *session = r->pdu->call->session;
    uint32_t handle;

    if (!session)
        return NULL;
    if (peer && peer->handle != OXC_NO_HANDLE)
        return peer->object ? peer->object : oxc_object_find(session, rop->logon_id, peer->handle);
    if (r->is_response && oxc_handle_opened_at(r->handles, place))
        return oxc_handle_opened_at(r->handles, place);
    handle = oxc_handle_at(r->handles, place);
    return handle != OXC_NO_HANDLE ? oxc_object_find(session, rop->logon_id, handle) : NULL;
}

void
oxc_handle_table_show(oxc_read_t *r, proto_tree *tree, const oxc_handle_table_t *table)
{
    int length = tvb_reported_length_remaining(table->tvb, table->offset);
    proto_tree *sub;

    if (length <= 0 || !oxc_afford(r, tree, table->offset, table->count))
        return;
    if (tree && table->count > 0) {
        sub = proto_tree_add_subtree_format(tree, table->tvb, table->offset, (int)table->count * 4, ett_handles, NULL,
                                            "Server object handle table (%u)", table->count);
        for (unsigned i = 0; i < table->count; i++) {
            int at = table->offset + (int)i * 4;
            proto_item *item = proto_tree_add_item(sub, hf_handle, table->tvb, at, 4, ENC_LITTLE_ENDIAN);

            proto_item_prepend_text(item, "%u: ", i);
            if (tvb_get_letohl(table->tvb, at) == OXC_NO_HANDLE)
                proto_item_append_text(item, " (none yet)");
        }
    }
    if (length % 4)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_table_odd, table->tvb, table->offset + length - length % 4,
                                     length % 4,
                                     "%d bytes behind the server object handle table make no handle", length % 4);
}

/* What a server object is, "contents table of Inbox, opened in frame 12"; in pinfo->pool. */
static const char *
object_text(const oxc_read_t *r, const oxc_object_t *object)
{
    wmem_strbuf_t *text = wmem_strbuf_new(r->pinfo->pool, object->kind);

    if (object->whole_store)
        wmem_strbuf_append(text, " to the whole store");
    else if (object->folder_id)
        wmem_strbuf_append_printf(text, " %s %s", object->is_subscription ? "to" : "of",
                                  oxc_folder_text(r, object->logon, object->folder_id));
    if (object->message_id)
        wmem_strbuf_append_printf(text, ", message 0x%016" PRIx64, object->message_id);
    wmem_strbuf_append_printf(text, ", opened in frame %u", object->opened_in);
    return wmem_strbuf_get_str(text);
}

void
oxc_object_show(const oxc_read_t *r, proto_tree *tree, int offset, int length, const oxc_object_t *object)
{
    if (tree && object)
        proto_item_set_generated(
            proto_tree_add_string(tree, hf_object, r->tvb, offset, length, object_text(r, object)));
}

void
oxc_handle_table_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_handle, { "Handle", "rop.handle", FT_UINT32, BASE_HEX, NULL, 0, "Server object handle", HFILL } },
        { &hf_object, { "Object", "rop.object", FT_STRING, BASE_NONE, NULL, 0, "What the handle is", HFILL } },
    };
    static int *ett[] = { &ett_handles };
    static ei_register_info ei[] = {
        { &ei_table_odd, { "rop.handle.incomplete", PI_MALFORMED, PI_WARN, "Incomplete handle table entry", EXPFILL } },
    };

    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
