/* plugin.c
 * What Wireshark loads: version symbols and registration
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "compat.h"

#include "registration.h"

#include <epan/proto.h>

#define OXC_EXPORT __attribute__((visibility("default")))

OXC_EXPORT const char plugin_version[] = PLUGIN_VERSION;
OXC_EXPORT const int plugin_want_major = WIRESHARK_VERSION_MAJOR;
OXC_EXPORT const int plugin_want_minor = WIRESHARK_VERSION_MINOR;

OXC_EXPORT void plugin_register(void);

/* Order matters twice: a room registers after the rooms it uses, and hands off after them. */
static const proto_plugin rooms[] = {
    { proto_register_oxc_session, NULL },
    { proto_register_oxc_rop, NULL },
    { proto_register_oxc_notify, proto_reg_handoff_oxc_notify },
    { proto_register_oxc_payload, NULL },
    { proto_register_mapihttp, proto_reg_handoff_mapihttp },
};

void
plugin_register(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rooms); i++)
        proto_register_plugin(&rooms[i]);
}

#ifdef WS_PLUGIN_DESC_DISSECTOR
OXC_EXPORT uint32_t plugin_describe(void);

uint32_t
plugin_describe(void)
{
    return WS_PLUGIN_DESC_DISSECTOR;
}
#endif
