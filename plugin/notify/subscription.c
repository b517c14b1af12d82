/* subscription.c
 * Subscriptions, tables that are notified of, and notifications (MS-OXCNOTIF 2.2.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/subscription.h"

#include "notify/notification_check.h"
#include "notify/notify.h"
#include "notify/tap.h"
#include "oxcnotif_item.h"
#include "session/folder.h"
#include "session/rop_state.h"

#include <epan/expert.h>

static expert_field ei_unknown_handle;
static expert_field ei_released_handle;
static expert_field ei_other_logon;
static expert_field ei_no_event;

void
oxc_notify_subscription(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_object_t *object)
{
    oxc_tap_t event = { .kind = OXC_TAP_SUBSCRIPTION, .session = pdu->call->session, .pdu = pdu, .object = object };

    oxc_check_subscription(pinfo, pdu->call->session, object);
    if (PINFO_FD_VISITED(pinfo) && object->notifications == 0)
        proto_tree_add_expert(tree, pinfo, &ei_no_event, tvb, 0, 0);
    oxc_tap_tell(pinfo, &event);
}

void
oxc_notify_table(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session,
                 const oxc_object_t *object)
{
    oxc_tap_t event = { .kind = OXC_TAP_TABLE, .session = session, .object = object };

    oxc_tap_tell(pinfo, &event);
    if (!PINFO_FD_VISITED(pinfo) || object->notifications > 0 || object->missed_in == 0)
        return;
    oxc_explain_in(tvb, pinfo, oxc_item_tree(tvb, pinfo, tree, "Table without a notification"), &ei_no_event,
                   "No notification of this table in the capture, although frame %u tells that %s", object->missed_in,
                   object->rows == OXC_ROWS_MESSAGES ? "a message of the folder came or went"
                   : object->rows == OXC_ROWS_SUBFOLDERS ? "a subfolder of its folder came or went"
                                                         : "a folder below its folder came or went");
}

/* Does the notification tell that a message of the folder came or went? */
static bool
tells_of_message(const oxc_rop_t *rop)
{
    const unsigned events = OXC_NOTIFIED_NEW_MAIL | OXC_NOTIFIED_CREATED | OXC_NOTIFIED_DELETED | OXC_NOTIFIED_MOVED |
                            OXC_NOTIFIED_COPIED;

    return oxc_notified_of_message(rop->notification_flags) && rop->notification_flags & events;
}

void
oxc_notify_notification(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_rop_t *rop,
                        const char *folder)
{
    const oxc_session_t *session = pdu->call->session;
    oxc_object_t *object = rop ? rop->object : NULL;
    uint32_t released_in = object && session ? oxc_object_released_in(session, object) : 0;
    oxc_tap_t event = { .kind = OXC_TAP_NOTIFICATION, .session = session, .pdu = pdu, .object = object, .rop = rop,
                        .folder = folder };

    if (object && !PINFO_FD_VISITED(pinfo))
        object->notifications++;
    if (rop && tells_of_message(rop))
        oxc_folder_message_changed(pinfo, pdu->call->session, rop->logon, rop->folder_id, OXC_CHANGE_TOLD);
    if (!object)
        oxc_explain_in(tvb, pinfo, tree, &ei_unknown_handle, "%s",
                                     session && session->user
                                         ? "No subscription and no table with this handle was opened in the session"
                                         : "The subscription or table was opened before the capture began");
    else if (object->logon_id != rop->logon_id)
        oxc_explain_in(tvb, pinfo, tree, &ei_other_logon,
                                     "LogonId is %u, but the handle was opened with LogonId %u", rop->logon_id,
                                     object->logon_id);
    else if (released_in && released_in <= pinfo->num)
        oxc_explain_in(
            tvb, pinfo, tree, &ei_released_handle,
            "The handle was released in frame %u: the client must ignore this (MS-OXCNOTIF 3.2.5.7)",
            released_in);
    oxc_check_notification(tvb, pinfo, tree, session, rop);
    oxc_tap_tell(pinfo, &event);
}

void
oxc_subscription_register(int proto)
{
    static ei_register_info ei[] = {
        { &ei_unknown_handle,
          { "oxcnotif.handle.unknown", PI_SEQUENCE, PI_NOTE, "Notification on an unknown handle", EXPFILL } },
        { &ei_released_handle,
          { "oxcnotif.handle.released", PI_SEQUENCE, PI_NOTE, "Notification on a released handle", EXPFILL } },
        { &ei_other_logon,
          { "oxcnotif.handle.other_logon", PI_PROTOCOL, PI_NOTE,
            "LogonId is not that of the handle", EXPFILL } },
        { &ei_no_event,
          { "oxcnotif.subscription.no_event", PI_SEQUENCE, PI_CHAT,
            "Subscription without a notification", EXPFILL } },
    };

    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
