/* folder.c
 * What came or went in folders, and the tables of them that the server should have told of it (MS-OXCNOTIF 3.1.4.3)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/folder.h"

#include "session/hash.h"

/* Folders above a folder: more is a circle, or made to keep us busy. */
#define DEPTH_MAX 64

/*
 * A table waits in the list of its folder for the first change after it was viewed, and leaves it with that: so each
 * view costs one visit, however many changes and tables there are. Lists are in the order of views.
 */
typedef struct {
    oxc_id_key_t key;         /* folder and logon */
    uint64_t parent;            /* 0 when not known */
    wmem_list_t *waiting[OXC_ROWS_COUNT];       /* oxc_object_t; NULL while there was none */
} folder_t;

/* A table that is due an event for what the session has done itself. */
typedef struct {
    oxc_object_t *table;
    uint32_t changed_in;
} due_t;

static folder_t *
find_folder(oxc_session_t *session, uint32_t logon, uint64_t folder_id, bool create)
{
    oxc_id_key_t key = { folder_id, logon };
    folder_t *folder = session->changes ? (folder_t *)wmem_map_lookup(session->changes, &key) : NULL;

    if (folder || !create)
        return folder;
    if (!session->changes)
        session->changes = wmem_map_new(wmem_file_scope(), oxc_id_key_hash, oxc_id_key_equal);
    folder = wmem_new0(wmem_file_scope(), folder_t);
    folder->key.id = folder_id;
    folder->key.logon = logon;
    wmem_map_insert(session->changes, &folder->key, folder);
    return folder;
}

void
oxc_folder_placed(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id, uint64_t parent)
{
    if (!PINFO_FD_VISITED(pinfo) && session && folder_id && parent && folder_id != parent)
        find_folder(session, logon, folder_id, true)->parent = parent;
}

void
oxc_folder_listed(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                  const oxc_object_t *table)
{
    const folder_t *known;

    if (PINFO_FD_VISITED(pinfo) || !session)
        return;
    known = table->rows == OXC_ROWS_ALL_BELOW ? find_folder(session, logon, folder_id, false) : NULL;
    if (!known || known->parent == 0)
        oxc_folder_placed(pinfo, session, logon, folder_id, table->folder_id);
}

/* Would the server tell of a change now, if it has not begun to? */
static bool
is_due(const oxc_session_t *session, const oxc_object_t *table)
{
    return table->viewed && !table->restricted && table->notifications == 0 && oxc_object_released_in(session, table) == 0;
}

static void
add_due(const packet_info *pinfo, oxc_session_t *session, oxc_object_t *table)
{
    due_t *due = wmem_new(wmem_file_scope(), due_t);

    due->table = table;
    due->changed_in = pinfo->num;
    if (!session->due)
        session->due = wmem_list_new(wmem_file_scope());
    wmem_list_append(session->due, due);
}

/* Tables whose view came in this very frame wait on: what is told there may have happened before. */
static void
changed(const packet_info *pinfo, oxc_session_t *session, const folder_t *folder, oxc_listed_t rows, oxc_change_t how)
{
    wmem_list_t *waiting = folder ? folder->waiting[rows] : NULL;
    wmem_list_frame_t *head;

    while (waiting && (head = wmem_list_head(waiting)) != NULL) {
        oxc_object_t *table = (oxc_object_t *)wmem_list_frame_data(head);

        if (table->waits_from >= pinfo->num)
            return;
        wmem_list_remove_frame(waiting, head);
        session->deep_tables -= rows == OXC_ROWS_ALL_BELOW;
        table->waits_from = 0;
        if (!is_due(session, table))
            continue;
        if (how == OXC_CHANGE_DONE)
            add_due(pinfo, session, table);
        else
            table->missed_in = pinfo->num;
    }
}

void
oxc_folder_message_changed(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                           oxc_change_t how)
{
    if (!PINFO_FD_VISITED(pinfo) && session)
        changed(pinfo, session, find_folder(session, logon, folder_id, false), OXC_ROWS_MESSAGES, how);
}

/* A table with Depth has the folders below its folder, too (MS-OXCFOLD 2.2.1.13.1). */
void
oxc_folder_subfolder_changed(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                             oxc_change_t how)
{
    const folder_t *folder;

    if (PINFO_FD_VISITED(pinfo) || !session)
        return;
    folder = find_folder(session, logon, folder_id, false);
    changed(pinfo, session, folder, OXC_ROWS_SUBFOLDERS, how);
    for (unsigned i = 0; session->deep_tables > 0 && folder && i < DEPTH_MAX; i++) {
        changed(pinfo, session, folder, OXC_ROWS_ALL_BELOW, how);
        folder = find_folder(session, logon, folder->parent, false);
    }
}

void
oxc_table_viewed(packet_info *pinfo, oxc_session_t *session, oxc_object_t *table)
{
    folder_t *folder;

    if (PINFO_FD_VISITED(pinfo))
        return;
    table->viewed = true;
    if (table->rows == OXC_ROWS_OTHER || table->folder_id == 0 || table->waits_from || table->missed_in ||
        table->notifications > 0)
        return;
    folder = find_folder(session, table->logon, table->folder_id, true);
    if (!folder->waiting[table->rows])
        folder->waiting[table->rows] = wmem_list_new(wmem_file_scope());
    wmem_list_append(folder->waiting[table->rows], table);
    session->deep_tables += table->rows == OXC_ROWS_ALL_BELOW;
    table->waits_from = pinfo->num;
}

void
oxc_folder_answered(packet_info *pinfo, oxc_session_t *session)
{
    wmem_list_frame_t *head;

    if (PINFO_FD_VISITED(pinfo) || !session || !session->due)
        return;
    while ((head = wmem_list_head(session->due)) != NULL) {
        const due_t *due = (const due_t *)wmem_list_frame_data(head);

        if (due->changed_in >= pinfo->num)
            return;
        wmem_list_remove_frame(session->due, head);
        if (is_due(session, due->table))
            due->table->missed_in = due->changed_in;
    }
}
