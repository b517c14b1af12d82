/* notify.c
 * Wake-ups, follow-ups and what they tell
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/notify.h"

#include "registration.h"

static int hf_wakeup = -1;
static int hf_method = -1;
static int hf_outcome = -1;
static int hf_session = -1;
static int ett_wakeup = -1;

static const value_string method_vals[] = {
    { OXC_WAKEUP_PUSH, "Push datagram" },
    { OXC_WAKEUP_ASYNC_WAIT, "EcDoAsyncWaitEx" },
    { OXC_WAKEUP_HTTP_WAIT, "NotificationWait" },
    { OXC_WAKEUP_ROP_PENDING, "RopPending" },
    { 0, NULL }
};

static const value_string outcome_vals[] = {
    { OXC_OUTCOME_PENDING, "Notifications are pending" },
    { OXC_OUTCOME_TIMEOUT, "Timed out without an event" },
    { OXC_OUTCOME_REJECTED, "Rejected, or an error" },
    { OXC_OUTCOME_CUT_OFF, "Cut off before the answer" },
    { 0, NULL }
};

void
oxc_notify_wakeup(tvbuff_t *tvb, packet_info *pinfo _U_, proto_tree *tree, uint32_t which _U_,
                  oxc_wakeup_method_t method, oxc_wakeup_outcome_t outcome, oxc_session_t *session,
                  oxc_bound_t bound _U_, const oxc_pdu_t *request _U_)
{
    proto_item *item = proto_tree_add_item(tree, hf_wakeup, tvb, 0, 0, ENC_NA);
    proto_tree *sub = proto_item_add_subtree(item, ett_wakeup);

    proto_item_set_generated(item);
    proto_item_set_generated(proto_tree_add_uint(sub, hf_method, tvb, 0, 0, method));
    proto_item_set_generated(proto_tree_add_uint(sub, hf_outcome, tvb, 0, 0, outcome));
    if (session)
        proto_item_set_generated(proto_tree_add_uint(sub, hf_session, tvb, 0, 0, session->number));
}

void
oxc_notify_fetch(tvbuff_t *tvb, packet_info *pinfo _U_, proto_tree *tree, oxc_pdu_t *pdu)
{
    if (pdu->call->session)
        proto_item_set_generated(proto_tree_add_uint(tree, hf_session, tvb, 0, 0, pdu->call->session->number));
}

void
oxc_notify_notification(tvbuff_t *tvb _U_, packet_info *pinfo _U_, proto_tree *tree _U_, oxc_pdu_t *pdu _U_,
                        const oxc_rop_t *rop _U_, const char *folder _U_)
{
}

void
oxc_notify_rop_pending(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_rop_t *rop _U_)
{
    oxc_notify_wakeup(tvb, pinfo, tree, 0, OXC_WAKEUP_ROP_PENDING, OXC_OUTCOME_PENDING, pdu->call->session,
                      pdu->call->bound, NULL);
}

void
proto_register_oxc_notify(void)
{
    static hf_register_info hf[] = {
        { &hf_wakeup, { "Wake-up", "oxcnotif.wakeup", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_method, { "Method", "oxcnotif.wakeup.method", FT_UINT8, BASE_DEC, VALS(method_vals), 0, NULL, HFILL } },
        { &hf_outcome, { "Outcome", "oxcnotif.wakeup.outcome", FT_UINT8, BASE_DEC, VALS(outcome_vals), 0, NULL, HFILL } },
        { &hf_session, { "Session", "oxcnotif.session", FT_UINT32, BASE_DEC, NULL, 0, "Number of the session context", HFILL } },
    };
    static int *ett[] = { &ett_wakeup };

    proto_register_field_array(proto_get_id_by_filter_name("oxcnotif"), hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
}

void
proto_reg_handoff_oxc_notify(void)
{
}
