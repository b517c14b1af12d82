/* buffer.c
 * ROP input and output buffers (MS-OXCROPS 2.2.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/buffer.h"

#include "oxcnotif_item.h"
#include "session/event.h"
#include "registration.h"
#include "rop/boundary.h"
#include "rop/budget.h"
#include "rop/engine.h"
#include "rop/field.h"
#include "rop/line.h"
#include "rop/pairing.h"
#include "rop/property.h"
#include "rop/state_update.h"
#include "rop/trailer.h"
#include "rop/types.h"
#include "ropdefs.h"

#include <string.h>

static int proto_rop = -1;
static int proto_oxcnotif = -1;

static int hf_rop_size = -1;
static int hf_rop_id = -1;
static int hf_request_in = -1;
static int hf_response_in = -1;
static int hf_answer_in = -1;
static int hf_unparsed = -1;
static int hf_subscription_in = -1;
static int hf_folder_name = -1;

static int ett_buffer = -1;
static int ett_rop = -1;

static expert_field ei_size_too_small;
static expert_field ei_size_beyond;
static expert_field ei_unknown_rop;
static expert_field ei_chain_lost;
static expert_field ei_recovered;
static expert_field ei_unasked;
static expert_field ei_failed;

/* ---- one ROP ---- */

typedef struct summary {
    wmem_strbuf_t *text;        /* of the Info column; NULL while there is none */
    const char *last;
    unsigned repeated;
    unsigned shown;
    struct summary *notifications;      /* the same of ROPs that are part of a notification's way alone */
} summary_t;

#define SUMMARY_LIMIT 24        /* a column is no place for more */

static void
summary_flush(summary_t *s)
{
    if (s->repeated > 1)
        wmem_strbuf_append_printf(s->text, " (%u times)", s->repeated);
    s->repeated = 0;
}

static void
summary_add(summary_t *s, wmem_allocator_t *scope, const char *text)
{
    if (s->last && strcmp(s->last, text) == 0) {
        s->repeated++;
        return;
    }
    summary_flush(s);
    if (!s->text)
        s->text = wmem_strbuf_new(scope, "");
    if (s->shown++ < SUMMARY_LIMIT) {
        wmem_strbuf_append(s->text, ", ");
        wmem_strbuf_append(s->text, text);
    } else if (s->shown == SUMMARY_LIMIT + 1) {
        wmem_strbuf_append(s->text, ", ...");
    } else {
        return;
    }
    s->last = text;
    s->repeated = 1;
}

/* The name of an error that a ROP ended with; NULL if it did not. */
static const char *
failure_of(const oxc_read_t *r)
{
    return r->is_response && r->return_value != 0
               ? val_to_str_ext_const(r->return_value, &ropdef_error_vals_ext, "failed") : NULL;
}

/* What the line of a ROP says. */
static void
show_text(proto_item *item, const oxc_read_t *r, const ropdef_rop_t *def)
{
    oxc_line_t line;

    if (!oxc_is_seen(item) || (wmem_strbuf_get_len(r->info) == 0 && !failure_of(r)))
        return;
    oxc_line_begin(&line, r->pinfo->pool, def->name);
    oxc_line_own(&line);
    if (wmem_strbuf_get_len(r->info) > 0) {
        OXC_LINE_ADD(&line, ": ");
        oxc_line_add(&line, wmem_strbuf_get_str(r->info));
    }
    if (failure_of(r)) {
        OXC_LINE_ADD(&line, " (");
        oxc_line_add(&line, failure_of(r));
        OXC_LINE_ADD(&line, ")");
    }
    oxc_line_append(item, &line);
}

/* What the Info column says of it. */
static void
add_text(summary_t *summary, const oxc_read_t *r, const ropdef_rop_t *def)
{
    const char *text = def->name;
    oxc_line_t line;

    if (wmem_strbuf_get_len(r->info) > 0 || failure_of(r)) {
        oxc_line_begin(&line, r->pinfo->pool, def->name);
        if (wmem_strbuf_get_len(r->info) > 0) {
            OXC_LINE_ADD(&line, " ");
            oxc_line_add(&line, wmem_strbuf_get_str(r->info));
        }
        if (failure_of(r)) {
            OXC_LINE_ADD(&line, " ");
            oxc_line_add(&line, failure_of(r));
        }
        text = line.text;
    }
    summary_add(summary, r->pinfo->pool, text);
    if (def->is_notification)
        summary_add(summary->notifications, r->pinfo->pool, text);
}

/* Rows of a contents table are messages, which M says (MS-OXCNOTIF 2.2.1.4.1.2). NULL: nothing is wrong. */
static const char *
wrong_rows(const oxc_rop_t *rop, const oxc_object_t *object)
{
    enum { TABLE_MODIFIED = 0x0100, ROW_ADDED = 3, ROW_DELETED = 4, ROW_MODIFIED = 5 };
    bool of_message = rop->notification_flags & OXC_NOTIFIED_OF_MESSAGE;

    if (!object->is_table || (rop->notification_flags & 0x0FFF) != TABLE_MODIFIED || of_message == !object->lists_folders ||
        (rop->table_event != ROW_ADDED && rop->table_event != ROW_DELETED && rop->table_event != ROW_MODIFIED))
        return NULL;
    return of_message ? "A row of a hierarchy table with M: it is a folder, not a message"
                      : "A row of a contents table without M: its message is not named";
}

/* What a notification is about, and its subscription. events is the tree for who hears of it. */
static void
show_notification(oxc_read_t *r, proto_tree *tree, proto_tree *events, int offset)
{
    const oxc_object_t *object = r->rop ? r->rop->object : NULL;
    const char *folder = NULL;

    if (tree && r->rop && r->rop->folder_id)
        folder = oxc_session_folder_name(r->pinfo, r->pdu->call->session, r->rop->logon, r->rop->folder_id);
    if (folder)
        proto_item_set_generated(proto_tree_add_string(tree, hf_folder_name, r->tvb, offset, 0, folder));
    if (object) {
        if (tree)
            proto_item_set_generated(
                proto_tree_add_uint(tree, hf_subscription_in, r->tvb, offset, 0, object->opened_in));
        oxc_object_show(r, tree, offset, 0, object);
        if (wrong_rows(r->rop, object))
            oxc_deviation(r, tree, offset, wrong_rows(r->rop, object));
    }
    oxc_listener->notification(
        r->tvb, r->pinfo, events, r->pdu, r->rop,
        oxc_listener->has_statistics() ? oxc_folder_text(r, oxc_logon_of(r), r->rop ? r->rop->folder_id : 0) : NULL);
}

static void
show_effects(oxc_read_t *r, proto_tree *tree, proto_tree *events, const ropdef_rop_t *def, int offset, int next)
{
    if (!r->is_response) {
        oxc_update_request(r, def);
        return;
    }
    oxc_update_response(r, def, r->out_kind);
    if (r->rop && r->rop->created) {
        oxc_object_show(r, tree, offset, next - offset, r->rop->created);
        if (r->rop->created->is_subscription)
            oxc_listener->subscription(r->tvb, r->pinfo, events, r->pdu, r->rop->created);
        else if (r->rop->created->rows != OXC_ROWS_OTHER)
            oxc_listener->table(r->tvb, r->pinfo, events, r->pdu->call->session, r->rop->created);
    }
    if (def->does & ROPDEF_DOES_NOTIFY) {
        r->pdu->largest_notification = MAX(r->pdu->largest_notification, (uint32_t)(next - offset));
        show_notification(r, tree, events, offset);
    }
    if (def->does & ROPDEF_DOES_PENDING)
        oxc_listener->rop_pending(r->tvb, r->pinfo, events, r->pdu, r->rop);
    if (r->return_value != 0)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_failed, r->tvb, offset, next - offset, "%s failed: %s",
                                     def->name,
                                     val_to_str_ext_const(r->return_value, &ropdef_error_vals_ext, "unknown error"));
}

/* Reads one ROP as a reading of the list begins; the offset behind it, or -1 when the chain cannot be followed any further. */
static int
read_rop(oxc_rop_list_t *l, const oxc_read_t *beginning, proto_tree *tree, int offset, const ropdef_rop_t *def, summary_t *summary, bool recovered)
{
    bool response = l->pdu->is_response;
    proto_item *item = NULL;
    proto_tree *sub = NULL;
    oxc_read_t r = *beginning;
    int next;

    r.rop = oxc_pdu_next_rop(l->pinfo, l->pdu);
    r.def = def;
    r.rop_start = offset;
    oxc_trailer_begin(&r);
    if (r.info)
        wmem_strbuf_truncate(r.info, 0);
    if (r.rop && !PINFO_FD_VISITED(l->pinfo)) {
        r.rop->id = def->id;
        if (response && !def->trailer)
            oxc_pairing_find_request(l, r.rop);
    }

    if (!tree) {
        /* Nothing is shown. */
    } else if (def->is_notification && !proto_is_protocol_enabled(find_protocol_by_id(proto_oxcnotif))) {
        /* Its bytes are accounted for, and what follows is read: nothing of it is shown. */
        proto_tree_add_subtree(tree, l->tvb, offset, l->end - offset, ett_rop, &item, def->name);
    } else if (def->is_notification) {
        item = proto_tree_add_item(tree, proto_oxcnotif, l->tvb, offset, l->end - offset, ENC_NA);
        proto_item_set_text(item, "%s", def->name);
        sub = proto_item_add_subtree(item, ett_rop);
    } else {
        sub = proto_tree_add_subtree(tree, l->tvb, offset, l->end - offset, ett_rop, &item, def->name);
    }
    if (sub)
        oxc_line_name(proto_tree_add_uint(sub, hf_rop_id, l->tvb, offset, 1, def->id), l->pinfo->pool, def->name, def->id, 2);
    if (recovered)
        proto_tree_add_expert(sub, l->pinfo, &ei_recovered, l->tvb, offset, 1);

    if (response && r.rop) {
        if (r.rop->peer)
            r.rop->store = r.rop->peer->store;
        else if (l->pdu->call->request && !def->trailer)
            proto_tree_add_expert(sub, l->pinfo, &ei_unasked, l->tvb, offset, 1);
    }
    oxc_update_find_columns(&r, def);
    next = oxc_engine_form(&r, sub, offset + 1, (unsigned)(response ? def->response : def->request));
    if (!response && r.rop && r.rop->whole_store)
        oxc_info_add(&r, "whole store");
    if (item) {
        proto_item_set_len(item, next < 0 ? l->end - offset : next - offset);
        show_text(item, &r, def);
    }
    l->has_notifications |= def->is_notification;
    if (r.info)
        add_text(summary, &r, def);
    if (next >= 0)
        show_effects(&r, sub, sub ? sub : l->events, def, offset, next);
    return next;
}

/*
 * A ROP without definition. Its head is that of every ROP, and an answer that failed is nothing but a head (MS-OXCROPS
 * 2.2.2): if what follows fits that, the chain goes on. Returns the offset behind it, or -1.
 */
static int
read_undefined(oxc_rop_list_t *l, proto_tree *tree, int offset, summary_t *summary)
{
    uint8_t id = tvb_get_uint8(l->tvb, offset);
    const char *name = val_to_str_ext_const(id, &ropdef_rop_vals_ext, "unknown");
    const char *text = wmem_strdup_printf(l->pinfo->pool, "RopId 0x%02x (%s)", id, name);
    int left = l->end - offset;
    proto_item *item;
    proto_tree *sub = proto_tree_add_subtree(tree, l->tvb, offset, left, ett_rop, &item, text);
    oxc_read_t r;

    summary_add(summary, l->pinfo->pool, text);
    proto_tree_add_item(sub, hf_rop_id, l->tvb, offset, 1, ENC_NA);
    oxc_rop_list_read(&r, l, false);
    r.rop = oxc_pdu_next_rop(l->pinfo, l->pdu);
    if (r.rop && !PINFO_FD_VISITED(l->pinfo)) {
        r.rop->id = id;
        if (l->pdu->is_response)
            oxc_pairing_find_request(l, r.rop);
    }
    if (l->pdu->is_response && left >= 6 && tvb_get_letohl(l->tvb, offset + 2) != 0 &&
        oxc_boundary_at(&r, offset, 6)) {
        proto_tree_add_item(sub, proto_registrar_get_id_byname("rop.input_handle_index"), l->tvb, offset + 1, 1,
                            ENC_NA);
        proto_tree_add_item(sub, proto_registrar_get_id_byname("rop.return_value"), l->tvb, offset + 2, 4,
                            ENC_LITTLE_ENDIAN);
        proto_item_set_len(item, 6);
        proto_tree_add_expert_format(sub, l->pinfo, &ei_unknown_rop, l->tvb, offset, 6,
                                     "The response of %s has no definition; inferred: a failed response", text);
        return offset + 6;
    }
    proto_tree_add_expert_format(sub, l->pinfo, &ei_unknown_rop, l->tvb, offset, left,
                                 "The %s of %s has no definition: the following %d bytes are not dissected; a "
                                 "definition can be added in ropdefs/",
                                 l->pdu->is_response ? "response" : "request", text, left);
    return -1;
}

/* ---- the list ---- */

static void
read_rops(oxc_rop_list_t *l, proto_tree *tree, int offset, summary_t *summary)
{
    bool recovered = false;
    oxc_read_t r;

    oxc_rop_list_read(&r, l, false);
    r.info = l->info;
    while (offset < l->end) {
        const ropdef_rop_t *def = ropdef_rops[offset < l->captured ? l->bytes[offset] : tvb_get_uint8(l->tvb, offset)];
        int next;

        if (!oxc_afford(&r, tree, offset, OXC_WORK_ROP)) {
            proto_tree_add_item(tree, hf_unparsed, l->tvb, offset, l->end - offset, ENC_NA);
            return;
        }
        if (def && (l->pdu->is_response ? def->response : def->request) < 0)
            def = NULL;
        if (def)
            next = read_rop(l, &r, tree, offset, def, summary, recovered);
        else
            next = read_undefined(l, tree, offset, summary);
        if (next >= 0) {
            offset = next;
            continue;
        }

        next = l->pdu->is_response && !recovered && !oxc_budget_is_exhausted(l->pdu) ? oxc_trailer_find(l, offset + 1) : -1;
        proto_tree_add_expert_format(tree, l->pinfo, &ei_chain_lost, l->tvb, offset,
                                     (next < 0 ? l->end : next) - offset,
                                     "The chain of ROPs cannot be followed beyond this one%s",
                                     next < 0 ? "" : "; notifications were found behind it by their shape");
        proto_tree_add_item(tree, hf_unparsed, l->tvb, offset, (next < 0 ? l->end : next) - offset, ENC_NA);
        if (next < 0)
            return;
        offset = next;
        recovered = true;
        l->deviations_known = false;
    }
}

static int
read_rop_size(oxc_rop_list_t *l, proto_tree *tree, int length)
{
    proto_item *item = tree ? proto_tree_add_item(tree, hf_rop_size, l->tvb, 0, 2, ENC_LITTLE_ENDIAN) : NULL;
    int size = tvb_get_letohs(l->tvb, 0);

    if (size < 2) {
        /* gromox takes it as "no ROPs", and so the handle table follows. */
        expert_add_info_format(l->pinfo, item, &ei_size_too_small, "RopSize %d is less than its own 2 bytes", size);
        return 2;
    }
    if (size > length) {
        expert_add_info_format(l->pinfo, item, &ei_size_beyond, "RopSize %d is beyond the buffer of %d bytes", size,
                               length);
        return length;
    }
    return size;
}

/* Who disables the protocol wants neither ROPs nor what they carry. */
static bool
is_enabled(void)
{
    return proto_is_protocol_enabled(find_protocol_by_id(proto_rop));
}

static proto_tree *
add_buffer(tvbuff_t *tvb, proto_tree *tree, bool is_response, unsigned payload)
{
    proto_item *item = proto_tree_add_item(tree, proto_rop, tvb, 0, -1, ENC_NA);

    proto_item_append_text(item, is_response ? ", response" : ", request");
    if (payload > 0)
        proto_item_append_text(item, ", payload %u", payload + 1);
    return proto_item_add_subtree(item, ett_buffer);
}

void
oxc_dissect_rop_buffer(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, unsigned payload)
{
    int length = tvb_reported_length(tvb);
    oxc_rop_list_t *l = wmem_new0(pinfo->pool, oxc_rop_list_t);
    summary_t notifications = { NULL, NULL, 0, 0, NULL };
    summary_t summary = { NULL, NULL, 0, 0, &notifications };
    proto_tree *sub;
    oxc_read_t r;

    if (!is_enabled()) {
        call_data_dissector(tvb, pinfo, tree);
        return;
    }
    l->tvb = tvb;
    l->captured = (int)tvb_captured_length(tvb);
    l->bytes = l->captured > 0 ? tvb_get_ptr(tvb, 0, l->captured) : NULL;
    l->pinfo = pinfo;
    l->pdu = pdu;
    l->payload = payload;
    if (!PINFO_FD_VISITED(pinfo)) {
        pdu->rop_bytes_before += pdu->rop_bytes;
        pdu->rop_bytes = (uint32_t)length;
    }
    /* Without a tree reading only moves over the fields, and keeps what the session needs. */
    sub = oxc_is_looked_at(tree, proto_rop) ? add_buffer(tvb, tree, pdu->is_response, payload) : NULL;
    l->events = sub ? NULL : tree;
    if (sub || col_get_writable(pinfo->cinfo, COL_INFO))
        l->info = wmem_strbuf_new(pinfo->pool, "");
    if (length < 2) {
        proto_tree_add_expert_format(sub, pinfo, &ei_size_too_small, tvb, 0, length,
                                     "A ROP buffer of %d bytes has no room for its RopSize", length);
        return;
    }

    l->end = read_rop_size(l, sub, length);
    l->handles.tvb = tvb;
    l->handles.offset = l->end;
    l->handles.count = (unsigned)(length - l->end) / 4;
    if (l->captured > l->end) {
        l->handles.bytes = l->bytes + l->end;
        l->handles.captured = (unsigned)(l->captured - l->end) / 4;
    }
    oxc_rop_list_read(&r, l, false);
    read_rops(l, sub, 2, &summary);
    if (pdu->is_response && !PINFO_FD_VISITED(pinfo)) {
        oxc_pairing_release_rest(l);
    }
    oxc_handle_table_show(&r, sub, &l->handles);
    summary_flush(&summary);
    if (summary.text)
        col_append_str(pinfo->cinfo, COL_INFO, wmem_strbuf_get_str(summary.text));
    summary_flush(&notifications);
    if (l->has_notifications)
        oxc_item_tree(tvb, pinfo, tree,
                      notifications.text ? wmem_strbuf_get_str(notifications.text) + strlen(", ") : "");
}

void
oxc_show_call_links(tvbuff_t *tvb, packet_info *pinfo _U_, proto_tree *tree, const oxc_pdu_t *pdu)
{
    const oxc_call_t *call = pdu->call;

    if (!is_enabled())
        return;
    if (pdu->is_response && call->request)
        proto_item_set_generated(proto_tree_add_uint(tree, hf_request_in, tvb, 0, 0, call->request->frame));
    if (!pdu->is_response && call->response)
        proto_item_set_generated(proto_tree_add_uint(tree, hf_response_in, tvb, 0, 0, call->response->frame));
    if (pdu->is_response && call->request) {
        nstime_t took;

        nstime_delta(&took, &pdu->time, &call->request->time);
        proto_item_set_generated(proto_tree_add_time(tree, hf_answer_in, tvb, 0, 0, &took));
    }
}

void
proto_register_oxc_rop(void)
{
    static hf_register_info hf[] = {
        { &hf_rop_size, { "RopSize", "rop.size", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_rop_id,
          { "RopId", "rop.id", FT_UINT8, BASE_HEX | BASE_EXT_STRING, &ropdef_rop_vals_ext, 0, NULL, HFILL } },
        { &hf_request_in,
          { "Request in", "rop.request_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0, NULL,
            HFILL } },
        { &hf_response_in,
          { "Response in", "rop.response_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_RESPONSE), 0, NULL,
            HFILL } },
        { &hf_answer_in,
          { "Time from request", "rop.response_time", FT_RELATIVE_TIME, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_unparsed, { "Undissected data", "rop.unread", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_buffer, &ett_rop };
    static ei_register_info ei[] = {
        { &ei_size_too_small, { "rop.size.too_small", PI_MALFORMED, PI_ERROR, "RopSize below 2", EXPFILL } },
        { &ei_size_beyond,
          { "rop.size.beyond_buffer", PI_MALFORMED, PI_ERROR, "RopSize beyond the buffer", EXPFILL } },
        { &ei_unknown_rop, { "rop.id.undefined", PI_UNDECODED, PI_WARN, "ROP without definition", EXPFILL } },
        { &ei_chain_lost, { "rop.chain_lost", PI_UNDECODED, PI_WARN, "ROPs not dissected from here", EXPFILL } },
        { &ei_recovered,
          { "rop.recovered", PI_UNDECODED, PI_NOTE, "Notification found behind undissected ROPs", EXPFILL } },
        { &ei_unasked, { "rop.not_asked", PI_SEQUENCE, PI_WARN, "Unmatched response ROP", EXPFILL } },
        { &ei_failed, { "rop.failed", PI_RESPONSE_CODE, PI_NOTE, "ROP failed", EXPFILL } },
    };

    proto_rop = proto_register_protocol("Exchange Remote Operations", "ROP", "rop");
    proto_oxcnotif = proto_register_protocol("Exchange Notifications", "OXCNOTIF", "oxcnotif");
    proto_register_field_array(proto_rop, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    expert_register_field_array(expert_register_protocol(proto_rop), ei, G_N_ELEMENTS(ei));
    ropdefs_register("rop");
    ropdefs_register_subtrees();
    oxc_reading_register(proto_rop);
    oxc_handle_table_register(proto_rop);
    oxc_engine_register(proto_rop);
    oxc_field_register(proto_rop);
    oxc_types_register(proto_rop);
}

void
proto_register_oxc_rop_notify(void)
{
    static hf_register_info hf[] = {
        { &hf_folder_name, { "Folder", "oxcnotif.folder_name", FT_STRING, BASE_NONE, NULL, 0,
            "Name of the folder, as the session has shown it", HFILL } },
        { &hf_subscription_in, { "Subscription in", "oxcnotif.subscription_in", FT_FRAMENUM, BASE_NONE, NULL, 0,
            "Frame of the RopRegisterNotification, or of the opening of the table, that this belongs to", HFILL } },
    };

    proto_register_field_array(proto_oxcnotif, hf, G_N_ELEMENTS(hf));
    ropdefs_register("oxcnotif");
}
