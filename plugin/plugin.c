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
 * A room registers after the rooms it uses, and hands off after them. Wireshark takes plugins of one file in no order
 * that is promised (it is the reverse), so to Wireshark this is one.
 */
static const proto_plugin rooms[] = {
    { proto_register_oxc_session, NULL },
    { proto_register_oxc_call, NULL },
    { proto_register_oxc_rop, NULL },
    { proto_register_oxc_notify, proto_reg_handoff_oxc_notify },
    { proto_register_oxc_listener, NULL },
    { proto_register_oxc_postdissector, NULL },
    { proto_register_oxc_reassembly_overrun, NULL },
    { proto_register_oxc_out_of_order, NULL },
    { proto_register_oxc_tls_undecrypted, NULL },
    { proto_register_oxc_payload, NULL },
    { proto_register_mapihttp, proto_reg_handoff_mapihttp },
    { proto_register_emsmdb, proto_reg_handoff_emsmdb },
    { proto_register_asyncemsmdb, proto_reg_handoff_asyncemsmdb },
    { proto_register_oxc_rpc_fallback, proto_reg_handoff_oxc_rpc_fallback },
    { proto_register_oxc_port_owner, proto_reg_handoff_oxc_port_owner },
    { proto_register_oxc_rpc_overrun, proto_reg_handoff_oxc_rpc_overrun },
    { proto_register_oxc_push, proto_reg_handoff_oxc_push },
    { proto_register_rpch, proto_reg_handoff_rpch },
};

static void
register_rooms(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rooms); i++)
        rooms[i].register_protoinfo();
}

static void
handoff_rooms(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rooms); i++)
        if (rooms[i].register_handoff)
            rooms[i].register_handoff();
}

void
plugin_register(void)
{
    static const proto_plugin plugin = { register_rooms, handoff_rooms };

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
