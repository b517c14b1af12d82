/* flow.c
 * The flow graph: connect, subscribe, wait, wake-up, fetch, notifications
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "foreign_text.h"
#include "notify/names.h"
#include "session/rop_state.h"
#include "registration.h"

#include <string.h>


/* Kinds of notifications that one arrow names; the others are counted. */
#define MAX_KINDS 3

static const char *
call_name(const oxc_pdu_t *pdu)
{
    return pdu->call->name ? pdu->call->name : "Call";
}

static double
seconds_between(const nstime_t *from, const nstime_t *to)
{
    nstime_t took;

    nstime_delta(&took, to, from);
    return nstime_to_sec(&took);
}

/* "NewMail Inbox": what, and the folder if its name is known. */
static const char *
text_with_folder(const packet_info *pinfo, const char *what, const oxc_session_t *session, uint32_t logon, uint64_t folder_id)
{
    const char *folder = session && folder_id ? oxc_session_folder_name(pinfo, session, logon, folder_id) : NULL;

    return folder ? wmem_strdup_printf(pinfo->pool, "%s %s", what, oxc_shown_text(pinfo->pool, folder)) : what;
}

/* "3 RopNotify: NewMail Inbox; TableModified, TableRowAdded Inbox; ..." */
static const char *
notifications_text(const packet_info *pinfo, const oxc_pdu_t *pdu, unsigned count)
{
    wmem_allocator_t *scope = pinfo->pool;
    wmem_strbuf_t *text = wmem_strbuf_new(scope, "");
    const char *kinds[MAX_KINDS];
    unsigned known = 0;
    const oxc_rop_t *rop;

    if (count > 1)
        wmem_strbuf_append_printf(text, "%u ", count);
    wmem_strbuf_append(text, "RopNotify");
    for (unsigned n = 0; (rop = oxc_pdu_rop(pdu, n)) != NULL; n++) {
        const char *kind;
        unsigned i = 0;

        if (!rop->is_notification)
            continue;
        kind = text_with_folder(pinfo, oxc_notification_text(scope, rop), pdu->call->session, rop->logon, rop->folder_id);
        while (i < known && strcmp(kinds[i], kind) != 0)
            i++;
        if (i < known)
            continue;
        if (known == MAX_KINDS) {
            wmem_strbuf_append(text, "; ...");
            break;
        }
        wmem_strbuf_append_printf(text, "%s %s", known ? ";" : ":", kind);
        kinds[known++] = kind;
    }
    return wmem_strbuf_get_str(text);
}

/* What an event says on its arrow and beside it; NULL when it has no arrow. */
static const char *
call_text(wmem_allocator_t *scope, const oxc_pdu_t *pdu, wmem_strbuf_t *comment)
{
    const oxc_session_t *session = pdu->call->session;

    switch (pdu->call->kind) {
    case OXC_CALL_WAIT:
        return pdu->is_response ? NULL : wmem_strdup_printf(scope, "Wait: %s", call_name(pdu));
    case OXC_CALL_CONNECT:
        if (!pdu->is_response)
            return NULL;
        if (*oxc_user_text(scope, session))
            wmem_strbuf_append_printf(comment, ": %s", oxc_user_text(scope, session));
        if (session && session->replaces)
            wmem_strbuf_append_printf(comment, ", replaces session %u", session->replaces->number);
        return wmem_strdup_printf(scope, "%s%s", call_name(pdu), session ? "" : " failed");
    case OXC_CALL_DISCONNECT:
    case OXC_CALL_REGISTER_PUSH:
    case OXC_CALL_ASYNC_CONNECT:
        return pdu->is_response ? NULL : call_name(pdu);
    default:
        return NULL;
    }
}

static const char *
wakeup_text(wmem_allocator_t *scope, const oxc_wakeup_t *wakeup, wmem_strbuf_t *comment)
{
    const char *method = oxc_method_name(wakeup->method);
    nstime_t waited = oxc_wakeup_waited(wakeup);

    if (wakeup->request)
        wmem_strbuf_append_printf(comment, ", waited %.6f s since frame %u", nstime_to_sec(&waited), wakeup->request->frame);
    switch (wakeup->outcome) {
    case OXC_OUTCOME_PENDING:
        if (wakeup->repeats)
            wmem_strbuf_append_printf(comment, ", repeated since frame %u", wakeup->first->frame);
        return wmem_strdup_printf(scope, "Wake-up: %s", method);
    case OXC_OUTCOME_TIMEOUT:
        return wmem_strdup_printf(scope, "No event: %s", method);
    case OXC_OUTCOME_REJECTED:
        return wmem_strdup_printf(scope, "Refused: %s", method);
    default:
        return wmem_strdup_printf(scope, "Cut off: %s", method);
    }
}

static const char *
fetch_text(const packet_info *pinfo, const oxc_tap_t *event, wmem_strbuf_t *comment)
{
    wmem_allocator_t *scope = pinfo->pool;
    const oxc_wakeup_t *wakeup = event->wakeup;

    if (event->kind == OXC_TAP_FETCH_REQUEST) {
        if (!wakeup)
            return NULL;
        wmem_strbuf_append_printf(comment, ", %.6f s after the wake-up of frame %u",
                                  seconds_between(&wakeup->time, &event->pdu->time), wakeup->frame);
        return wmem_strdup_printf(scope, "Fetch: %s", call_name(event->pdu));
    }
    if (event->notifications == 0)
        return wakeup ? "No notification" : NULL;
    if (!wakeup)
        wmem_strbuf_append_printf(comment, ", with an answer of %s", call_name(event->pdu));
    return notifications_text(pinfo, event->pdu, event->notifications);
}

static const char *
event_text(const packet_info *pinfo, const oxc_tap_t *event, wmem_strbuf_t *comment)
{
    wmem_allocator_t *scope = pinfo->pool;
    const char *label;

    switch (event->kind) {
    case OXC_TAP_SUBSCRIPTION:
        wmem_strbuf_append_printf(comment, ", handle 0x%08x, %s", event->object->handle,
                                  event->object->whole_store ? "whole store" : "one folder or message");
        label = wmem_strdup_printf(scope, "Subscribed: %s",
                                   oxc_notification_types_text(scope, event->object->notification_types));
        return text_with_folder(pinfo, label, event->session, event->object->logon, event->object->folder_id);
    case OXC_TAP_ABANDONED:             /* the arrow is that of the request, when that is shown again */
        return PINFO_FD_VISITED(pinfo) ? wmem_strdup_printf(scope, "Abandoned: %s", oxc_method_name(event->wakeup->method))
                                       : NULL;
    case OXC_TAP_WAKEUP:
        return wakeup_text(scope, event->wakeup, comment);
    case OXC_TAP_FETCH_REQUEST:
    case OXC_TAP_FETCH_RESPONSE:
        return fetch_text(pinfo, event, comment);
    case OXC_TAP_CALL:
        return call_text(scope, event->pdu, comment);
    default:
        return NULL;                    /* notifications are told with the response that brings them */
    }
}

/* "All Flows" is Wireshark's own: it makes an arrow of the addresses and the columns of a packet. */
static seq_analysis_item_t *
add_arrow(seq_analysis_info_t *graph, packet_info *pinfo, epan_dissect_t *edt, tap_flags_t flags)
{
    register_analysis_t *all_flows = sequence_analysis_find_by_name("any");
    unsigned before = graph->items ? g_queue_get_length(graph->items) : 0;

    if (!all_flows)
        return NULL;
    sequence_analysis_get_packet_func(all_flows)(graph, pinfo, edt, NULL, flags);
    if (!graph->items || g_queue_get_length(graph->items) == before)
        return NULL;                    /* a packet without addresses */
    return (seq_analysis_item_t *)g_queue_peek_tail(graph->items);
}

static void
set_text(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

static tap_packet_status
flow_packet(void *tapdata, packet_info *pinfo, epan_dissect_t *edt, const void *data, tap_flags_t flags)
{
    const oxc_tap_t *event = (const oxc_tap_t *)data;
    wmem_strbuf_t *comment = wmem_strbuf_new(pinfo->pool, "");
    const char *label;
    seq_analysis_item_t *item;

    if (event->session)
        wmem_strbuf_append_printf(comment, "Session %u", event->session->number);
    else
        wmem_strbuf_append(comment, "Session not known");
    label = event_text(pinfo, event, comment);
    if (!label)
        return TAP_PACKET_DONT_REDRAW;
    item = add_arrow((seq_analysis_info_t *)tapdata, pinfo, edt, flags);
    if (!item)
        return TAP_PACKET_DONT_REDRAW;
    set_text(&item->frame_label, label);
    /* Between two ports of one address there is no arrow that could bear the label. */
    set_text(&item->comment, wmem_strdup_printf(pinfo->pool, "%s. %s", label, wmem_strbuf_get_str(comment)));
    return TAP_PACKET_REDRAW;
}

void
proto_reg_handoff_oxc_flow(void)
{
    register_seq_analysis("oxcnotif", "Exchange Notifications", proto_get_id_by_filter_name("oxcnotif"), "oxcnotif",
                          TL_REQUIRES_COLUMNS, flow_packet);
}
