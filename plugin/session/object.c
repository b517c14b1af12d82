/* object.c
 * Server objects: what a handle names, and the columns that its rows have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/object.h"

#include <epan/epan.h>

const oxc_columns_t *
oxc_columns_read(wmem_allocator_t *scope, const packet_info *pinfo, tvbuff_t *tvb, int offset, unsigned count)
{
    oxc_columns_t *columns;
    uint32_t *tags;

    if (!tvb_bytes_exist(tvb, offset, (int)(count * 4)))
        return NULL;
    columns = (oxc_columns_t *)wmem_alloc(scope, sizeof *columns + count * sizeof *tags);
    tags = (uint32_t *)(columns + 1);
    for (unsigned i = 0; i < count; i++)
        tags[i] = tvb_get_letohl(tvb, offset + (int)i * 4);
    columns->frame = pinfo->num;
    columns->count = count;
    columns->tags = tags;
    return columns;
}

static bool
has_tags(const oxc_columns_t *columns, tvbuff_t *tvb, int offset, unsigned count)
{
    if (!columns || columns->count != count || !tvb_bytes_exist(tvb, offset, (int)(count * 4)))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (columns->tags[i] != tvb_get_letohl(tvb, offset + (int)i * 4))
            return false;
    return true;
}

const oxc_columns_t *
oxc_columns_keep(const packet_info *pinfo, oxc_session_t *session, tvbuff_t *tvb, int offset, unsigned count)
{
    const oxc_columns_t *columns;

    if (session && has_tags(session->columns, tvb, offset, count)) {
        oxc_columns_t *again = wmem_new(wmem_file_scope(), oxc_columns_t);

        *again = *session->columns;
        again->frame = pinfo->num;
        return again;
    }
    columns = oxc_columns_read(wmem_file_scope(), pinfo, tvb, offset, count);
    if (session && columns)
        session->columns = columns;
    return columns;
}

/* What a LogonId named between two of its ends. */
static uint64_t
logon_key(uint8_t logon_id, uint32_t generation)
{
    return (uint64_t)generation << 8 | logon_id;
}

oxc_object_t *
oxc_object_any_logon(const oxc_session_t *session, uint32_t handle)
{
    return session->objects ? (oxc_object_t *)wmem_map_lookup(session->objects, GUINT_TO_POINTER(handle)) : NULL;
}

oxc_object_t *
oxc_object_latest(const oxc_session_t *session, uint8_t logon_id, uint32_t handle)
{
    oxc_object_t *object = oxc_object_any_logon(session, handle);

    while (object && object->logon_id != logon_id)
        object = object->other_logon;
    return object;
}

/* The newest under its handle; one of the same LogonId is forgotten, so that no more hang together than there are LogonIds. */
static void
insert(oxc_session_t *session, oxc_object_t *object)
{
    void *key = GUINT_TO_POINTER(object->handle);
    oxc_object_t **link = &object->other_logon;

    if (!session->objects)
        session->objects = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
    *link = (oxc_object_t *)wmem_map_insert(session->objects, key, object);
    while (*link && (*link)->logon_id != object->logon_id)
        link = &(*link)->other_logon;
    if (*link)
        *link = (*link)->other_logon;
}

oxc_object_t *
oxc_object_find(const oxc_session_t *session, uint8_t logon_id, uint32_t handle)
{
    oxc_object_t *object = oxc_object_latest(session, logon_id, handle);

    if (!object || object->released_in != 0)
        return NULL;
    return object->generation == oxc_session_logon_id(session, logon_id)->generation ? object : NULL;
}

oxc_object_t *
oxc_object_open(packet_info *pinfo, oxc_session_t *session, uint8_t logon_id, uint32_t handle, const char *kind,
                oxc_object_t *parent)
{
    const oxc_logon_id_t *known;
    oxc_object_t *object;

    if (PINFO_FD_VISITED(pinfo))
        return NULL;
    known = oxc_session_logon_id(session, logon_id);
    object = wmem_new0(wmem_file_scope(), oxc_object_t);
    object->handle = handle;
    object->logon_id = logon_id;
    object->logon = oxc_logon_id_now(known, logon_id);
    object->kind = kind;
    object->opened_in = pinfo->num;
    object->parent = parent;
    object->generation = known->generation;
    if (parent) {
        object->folder_id = parent->folder_id;
        object->message_id = parent->message_id;
        object->code_page = parent->code_page;
    }
    insert(session, object);
    return object;
}

void
oxc_logon_release(packet_info *pinfo, oxc_session_t *session, uint8_t logon_id)
{
    uint64_t *key;

    if (PINFO_FD_VISITED(pinfo))
        return;
    key = wmem_new(wmem_file_scope(), uint64_t);
    *key = logon_key(logon_id, oxc_session_change_logon_id(session, logon_id)->generation++);
    if (!session->ended_logons)
        session->ended_logons = wmem_map_new(wmem_file_scope(), oxc_uint64_hash, g_int64_equal);
    wmem_map_insert(session->ended_logons, key, GUINT_TO_POINTER(pinfo->num));
}

uint32_t
oxc_object_released_in(const oxc_session_t *session, const oxc_object_t *object)
{
    uint64_t key = logon_key(object->logon_id, object->generation);

    if (object->released_in || !session->ended_logons)
        return object->released_in;
    return (uint32_t)GPOINTER_TO_UINT(wmem_map_lookup(session->ended_logons, &key));
}

void
oxc_object_release(packet_info *pinfo, oxc_session_t *session, oxc_object_t *object)
{
    if (PINFO_FD_VISITED(pinfo) || object->released_in)
        return;
    object->released_in = pinfo->num;
    if (object->is_logon)
        oxc_logon_release(pinfo, session, object->logon_id);
}
