/* plugin.c
 * What Wireshark loads: version symbols and registration
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "compat.h"

#include "registration.h"

#include <gmodule.h>

#include <epan/proto.h>

G_MODULE_EXPORT const char plugin_version[] = PLUGIN_VERSION;
G_MODULE_EXPORT const int plugin_want_major = WIRESHARK_VERSION_MAJOR;
G_MODULE_EXPORT const int plugin_want_minor = WIRESHARK_VERSION_MINOR;

G_MODULE_EXPORT void plugin_register(void);

/*
 * A module registers after those it uses. All fields of a protocol are registered in one run: else its name repeats as a
 * key of `tshark -G elastic-mapping`. Wireshark takes plugins of one file in no order that is promised (it is the
 * reverse), so to Wireshark this is one.
 */
static void (*const registrations[])(void) = {
    proto_register_oxc_session,
    proto_register_oxc_call,
    proto_register_oxc_rop,             /* rop */
    proto_register_oxc_payload,
    proto_register_oxc_rop_notify,      /* oxcnotif */
    proto_register_oxc_notify,
    proto_register_oxc_listener,
    proto_register_oxc_push,
    proto_register_oxc_postdissector,
    proto_register_oxc_reassembly_overrun,
    proto_register_oxc_out_of_order,
    proto_register_oxc_segment_copy,
    proto_register_oxc_tls_undecrypted,
    proto_register_oxc_tls_connection,
    proto_register_mapihttp,            /* mapihttp */
    proto_register_emsmdb,              /* emsmdb */
    proto_register_oxc_rpc_fallback,
    proto_register_oxc_port_owner,
    proto_register_oxc_rpc_overrun,
    proto_register_asyncemsmdb,         /* asyncemsmdb */
    proto_register_rpch,                /* rpch */
};

/* Post-dissectors are called in this order: the first one explains frames that are no other's. */
static void (*const handoffs[])(void) = {
    proto_reg_handoff_oxc_tls_connection,
    proto_reg_handoff_oxc_notify,
    proto_reg_handoff_mapihttp,
    proto_reg_handoff_emsmdb,
    proto_reg_handoff_asyncemsmdb,
    proto_reg_handoff_oxc_rpc_fallback,
    proto_reg_handoff_oxc_port_owner,
    proto_reg_handoff_oxc_rpc_overrun,
    proto_reg_handoff_oxc_push,
    proto_reg_handoff_rpch,
};

static void
register_modules(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(registrations); i++)
        registrations[i]();
}

static void
hand_off_modules(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(handoffs); i++)
        handoffs[i]();
}

void
plugin_register(void)
{
    static const proto_plugin plugin = { register_modules, hand_off_modules };

    proto_register_plugin(&plugin);
}

#ifdef WS_PLUGIN_DESC_DISSECTOR
G_MODULE_EXPORT uint32_t plugin_describe(void);

uint32_t
plugin_describe(void)
{
    return WS_PLUGIN_DESC_DISSECTOR;
}
#endif
