/* folder.h
 * What came or went in folders, and the tables of them that the server should have told of it (MS-OXCNOTIF 3.1.4.3)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_FOLDER_H
#define OXCNOTIF_FOLDER_H

#include "session/object.h"

/* How a change came to be known. */
typedef enum {
    OXC_CHANGE_TOLD,            /* by a notification: what is due to others was due with it */
    OXC_CHANGE_DONE             /* by a ROP of the session itself: what is due comes with its next answer at the latest */
} oxc_change_t;

/* All of these: first visit only, nothing otherwise. logon: see oxc_session_logon(); a folder 0 is none. */

/* The folder is in that other one, as far as is known now. */
void oxc_folder_placed(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id, uint64_t parent);

/* The same by a row of a hierarchy table; one with Depth does not tell which of the folders below its own. */
void oxc_folder_listed(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                       const oxc_object_t *table);

/* A message of the folder came or went. */
void oxc_folder_message_changed(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                                oxc_change_t how);

/* The same of a subfolder. */
void oxc_folder_subfolder_changed(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                                  oxc_change_t how);

/*
 * The client has looked at rows of a table: from now on the server tells what changes it. Whether Exchange does so
 * before, depends on its version (MS-OXCNOTIF, product behaviour).
 */
void oxc_table_viewed(packet_info *pinfo, oxc_session_t *session, oxc_object_t *table);

/* The client has got an answer, with all notifications that are in it. */
void oxc_folder_answered(packet_info *pinfo, oxc_session_t *session);

#endif /* OXCNOTIF_FOLDER_H */
