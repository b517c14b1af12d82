/* names.h
 * Names of values and of sessions in statistics
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_NAMES_H
#define OXCNOTIF_NAMES_H

#include "notify/tap.h"

/* The name that a registered field gives to a value; NULL when it has none. A constant. */
const char *oxc_value_name(const char *field, uint32_t value);

/* "Push datagram", ...; "Notifications are pending", .... Constants. */
const char *oxc_method_name(unsigned method);
const char *oxc_outcome_name(unsigned outcome);

/* "NewMail", ... (MS-OXCNOTIF 2.2.1.4.1.2); in the scope given. */
const char *oxc_notification_name(wmem_allocator_t *scope, const oxc_rop_t *rop);

/* The same with the table event: "TableModified, TableRowAdded". */
const char *oxc_notification_text(wmem_allocator_t *scope, const oxc_rop_t *rop);

/* The names of all bits of NotificationTypes (MS-OXCNOTIF 2.2.1.2.1.1), in the scope given. */
const char *oxc_notification_types_text(wmem_allocator_t *scope, uint16_t types);

/* The user of a session: of a distinguished name its last part. "" when it is not known. */
const char *oxc_user_name(const oxc_session_t *session);

/* The same, to be shown; in the scope given. */
const char *oxc_user_text(wmem_allocator_t *scope, const oxc_session_t *session);

#endif /* OXCNOTIF_NAMES_H */
