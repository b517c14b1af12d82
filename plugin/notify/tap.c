/* tap.c
 * What statistics are told: the tap "oxcnotif"
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/tap.h"

#include <epan/tap.h>

static int tap_oxcnotif = -1;

bool
oxc_tap_has_listeners(void)
{
    return have_tap_listener(tap_oxcnotif);
}

void
oxc_tap_tell(packet_info *pinfo, const oxc_tap_t *event)
{
    if (oxc_tap_has_listeners())
        tap_queue_packet(tap_oxcnotif, pinfo, wmem_memdup(pinfo->pool, event, sizeof *event));
}

void
oxc_tap_register(void)
{
    tap_oxcnotif = register_tap("oxcnotif");
}
