/* subscription.h
 * Subscriptions, tables that are notified of, and notifications (MS-OXCNOTIF 2.2.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_SUBSCRIPTION_H
#define OXCNOTIF_SUBSCRIPTION_H

/* The expert items of oxc_notify_subscription(), oxc_notify_table() and oxc_notify_notification(). */
void oxc_subscription_register(int proto);

#endif /* OXCNOTIF_SUBSCRIPTION_H */
