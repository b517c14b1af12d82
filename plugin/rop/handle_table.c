/* handle_table.c
 * Server object handle tables (MS-OXCROPS 2.2.1), and the objects that their handles name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/handle_table.h"

#include "oxcnotif_item.h"
#include "rop/line.h"
#include "rop/property.h"

#include <string.h>

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
oxc_handle_index_show(const oxc_read_t *r, proto_item *item, unsigned place)
{
    uint32_t handle = oxc_handle_at(r->handles, place);
    oxc_line_t line;

    if (!oxc_is_seen(item))
        return;
    oxc_line_begin_field(&line, r->pinfo->pool, item);
    oxc_line_add_decimal(&line, place);
    if (handle != OXC_NO_HANDLE) {
        OXC_LINE_ADD(&line, " (handle ");
        oxc_line_add_hex(&line, handle, 8);
        OXC_LINE_ADD(&line, ")");
    }
    oxc_line_give(item, &line);
}

/* An entry with its number in front. */
static void
show_entry(const oxc_read_t *r, proto_tree *tree, const oxc_handle_table_t *table, unsigned place)
{
    int at = table->offset + (int)place * 4;
    uint32_t handle = oxc_handle_at(table, place);
    proto_item *item = proto_tree_add_uint(tree, hf_handle, table->tvb, at, 4, handle);
    oxc_line_t line;

    if (!oxc_is_seen(tree))
        return;
    oxc_line_begin(&line, r->pinfo->pool, "");
    oxc_line_add_decimal(&line, place);
    OXC_LINE_ADD(&line, ": Handle: ");
    oxc_line_add_hex(&line, handle, 8);
    if (handle == OXC_NO_HANDLE)
        OXC_LINE_ADD(&line, " (none yet)");
    oxc_line_give(item, &line);
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
        for (unsigned i = 0; i < table->count; i++)
            show_entry(r, sub, table, i);
    }
    if (length % 4)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_table_odd, table->tvb, table->offset + length - length % 4,
                                     length % 4,
                                     "%d bytes behind the server object handle table make no handle", length % 4);
}

void
oxc_object_add(const oxc_read_t *r, proto_tree *tree, int offset, int length, const oxc_object_t *object)
{
    static const char name[] = "Object: ";
    proto_item *item;
    oxc_line_t line;

    oxc_line_begin(&line, r->pinfo->pool, name);
    oxc_line_add_own(&line, object->kind, strlen(object->kind));
    if (object->whole_store) {
        OXC_LINE_ADD(&line, " to the whole store");
    } else if (object->folder_id) {
        oxc_line_add_own(&line, object->is_subscription ? " to " : " of ", 4);
        oxc_line_add(&line, oxc_folder_text(r, object->logon, object->folder_id));
    }
    if (object->message_id) {
        OXC_LINE_ADD(&line, ", message ");
        oxc_line_add_hex(&line, object->message_id, 16);
    }
    OXC_LINE_ADD(&line, ", opened in frame ");
    oxc_line_add_decimal(&line, object->opened_in);

    item = proto_tree_add_string(tree, hf_object, r->tvb, offset, length, line.text + strlen(name));
    oxc_line_give(item, &line);
    proto_item_set_generated(item);
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
