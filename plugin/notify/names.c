/* names.c
 * Names of values and of sessions in statistics
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/names.h"
#include "session/rop_state.h"

#include "foreign_text.h"

#include <string.h>

#define NOTIFICATION_TYPE_MASK 0x0FFF   /* NotificationFlags, MS-OXCNOTIF 2.2.1.4.1.2 */

/* The definitions know the names, and have given them to the field. */
static const value_string *
names_of(const char *field)
{
    const header_field_info *info = proto_registrar_get_byname(field);

    return info ? (const value_string *)info->strings : NULL;
}

const char *
oxc_value_name(const char *field, uint32_t value)
{
    const value_string *names = names_of(field);

    return names ? try_val_to_str(value, names) : NULL;
}

const char *
oxc_method_name(unsigned method)
{
    const char *name = oxc_value_name("oxcnotif.wakeup.method", method);

    return name ? name : "Unknown method";
}

const char *
oxc_outcome_name(unsigned outcome)
{
    const char *name = oxc_value_name("oxcnotif.wakeup.outcome", outcome);

    return name ? name : "Unknown outcome";
}

const char *
oxc_notification_name(wmem_allocator_t *scope, const oxc_rop_t *rop)
{
    uint16_t type = rop->notification_flags & NOTIFICATION_TYPE_MASK;
    const char *name = oxc_value_name("oxcnotif.notification_type", type);

    return name ? name : wmem_strdup_printf(scope, "NotificationType 0x%03x", type);
}

const char *
oxc_notification_text(wmem_allocator_t *scope, const oxc_rop_t *rop)
{
    const char *name = oxc_notification_name(scope, rop);
    const char *event = rop->table_event ? oxc_value_name("oxcnotif.table_event_type", rop->table_event) : NULL;

    return event ? wmem_strdup_printf(scope, "%s, %s", name, event) : name;
}

const char *
oxc_notification_types_text(wmem_allocator_t *scope, uint16_t types)
{
    wmem_strbuf_t *text = wmem_strbuf_new(scope, "");
    const value_string *name = names_of("oxcnotif.notification_type");

    for (; name && name->strptr; name++) {
        if (name->value & types)
            wmem_strbuf_append_printf(text, "%s%s", wmem_strbuf_get_len(text) ? ", " : "", name->strptr);
    }
    return wmem_strbuf_get_len(text) ? wmem_strbuf_get_str(text) : wmem_strdup_printf(scope, "types 0x%04x", types);
}

const char *
oxc_user_name(const oxc_session_t *session)
{
    const char *user = session && session->user ? session->user : "";
    const char *last = *user == '/' ? strrchr(user, '=') : NULL;

    return last ? last + 1 : user;
}

const char *
oxc_user_text(wmem_allocator_t *scope, const oxc_session_t *session)
{
    return oxc_shown_text(scope, oxc_user_name(session));
}
