/* types.c
 * Types that definitions name and C reads: all of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/types.h"

#include "rop/identifier.h"
#include "rop/property.h"

void
oxc_types_register(int proto)
{
    static const oxc_value_structures_t structures = { oxc_restriction, oxc_rule_actions, oxc_extended_rule };

    oxc_value_set_structures(&structures);
    oxc_primitive_register(proto);
    oxc_property_register(proto);
    oxc_property_name_register(proto);
    oxc_upload_state_register();
    oxc_value_register(proto);
    oxc_restriction_register(proto);
    oxc_rule_register(proto);
    oxc_recipient_register(proto);
    oxc_identifier_register(proto);
    oxc_fast_transfer_register(proto);
}
