/* session_item.c
 * The session of a PDU in the tree
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/session_item.h"

#include "foreign_text.h"
#include "notify/abandoned.h"
#include "notify/names.h"
#include "notify/notify.h"
#include "oxcnotif_item.h"

#include <epan/expert.h>
#include <epan/proto_data.h>

#define FRAME_SESSION 0x5345 /* key in the frame: number of the session that it shows */

static int proto_oxcnotif = -1;

static int hf_session = -1;
static int hf_user = -1;

static expert_field ei_session_lost;
static expert_field ei_session_replaced;

static void
show_end(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session)
{
    if (session->ended_in == pinfo->num && session->end == OXC_END_LOST)
        oxc_explain_in(
            tvb, pinfo, oxc_item_tree(tvb, pinfo, tree, "Session lost"), &ei_session_lost,
            "The server does not know the session any more: %u subscriptions and %u tables are gone, and "
            "nothing is notified until the client has connected and subscribed again",
            session->lost_subscriptions, session->lost_tables);
    if (session->replaces && session->replaces->ended_in == pinfo->num) {
        oxc_abandoned_tell(pinfo, session->replaces);
        oxc_explain_in(
            tvb, pinfo, oxc_item_tree(tvb, pinfo, tree, "Session replaced by a new one"), &ei_session_replaced,
            "The client connected again: %u subscriptions and %u tables of session %u are gone and must be made "
            "again (MS-OXCMAPIHTTP 3.2.5.6)",
            session->replaces->lost_subscriptions, session->replaces->lost_tables, session->replaces->number);
    }
}

void
oxc_notify_session(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session)
{
    proto_item *item;

    if (!session)
        return;
    item = proto_tree_add_uint(tree, hf_session, tvb, 0, 0, session->number);
    proto_item_set_generated(item);
    if (session->user)
        proto_item_set_generated(proto_tree_add_string(tree, hf_user, tvb, 0, 0, oxc_user_name(session)));
    if (oxc_is_seen(tree)) {
        if (session->user)
            proto_item_append_text(item, " (%s)", oxc_shown_text(pinfo->pool, session->user));
        /* The latest is found first; to look for one that it replaces would take longer. */
        p_add_proto_data(pinfo->pool, pinfo, proto_oxcnotif, FRAME_SESSION, GUINT_TO_POINTER(session->number));
    }
    show_end(tvb, pinfo, tree, session);
}

/* Conversation Filter in the menus, for a frame whose tree is shown: what belongs to the session of the frame. */
static unsigned
session_of_frame(packet_info *pinfo)
{
    return GPOINTER_TO_UINT(p_get_proto_data(pinfo->pool, pinfo, proto_oxcnotif, FRAME_SESSION));
}

static ws_bool
has_session(packet_info *pinfo CONVERSATION_FILTER_USER)
{
    return session_of_frame(pinfo) != 0;
}

static char *
build_session_filter(packet_info *pinfo CONVERSATION_FILTER_USER)
{
    return g_strdup_printf("oxcnotif.session == %u", session_of_frame(pinfo));
}

void
oxc_session_item_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_session,
          { "Session", "oxcnotif.session", FT_UINT32, BASE_DEC, NULL, 0, "Number of the session context", HFILL } },
        { &hf_user,
          { "User", "oxcnotif.user", FT_STRING, BASE_NONE, NULL, 0,
            "User of the session context: display name, or the last name of the DN", HFILL } },
    };
    static ei_register_info ei[] = {
        { &ei_session_lost, { "oxcnotif.session.lost", PI_SEQUENCE, PI_WARN, "Session lost", EXPFILL } },
        { &ei_session_replaced,
          { "oxcnotif.session.replaced", PI_SEQUENCE, PI_WARN, "Session replaced by a new one", EXPFILL } },
    };

    proto_oxcnotif = proto;
    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}

void
oxc_session_item_handoff(void)
{
    COMPAT_REGISTER_CONVERSATION_FILTER("oxcnotif", "Exchange session", has_session, build_session_filter);
}
