/* session.c
 * Session contexts: what names them, how they end, the names that were learnt in them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/object.h"

#include "registration.h"
#include "session/links.h"

#include <string.h>

#include <epan/epan.h>

typedef struct {
    uint8_t kind;
    uint32_t len;
    const uint8_t *bytes;
} session_key_t;

static wmem_map_t *sessions_by_key;     /* session_key_t -> oxc_session_t */
static unsigned session_count;

static unsigned
session_key_hash(const void *key)
{
    const session_key_t *k = (const session_key_t *)key;

    return oxc_hash(k->bytes, k->len) ^ k->kind;
}

static gboolean
session_key_equal(const void *a, const void *b)
{
    const session_key_t *x = (const session_key_t *)a;
    const session_key_t *y = (const session_key_t *)b;

    return x->kind == y->kind && x->len == y->len && memcmp(x->bytes, y->bytes, x->len) == 0;
}

/* How links name the kinds of keys. */
static const char *const key_kinds[] = { [OXC_KEY_CXH] = "cxh", [OXC_KEY_ACXH] = "acxh", [OXC_KEY_COOKIE] = "cookie",
                                         [OXC_KEY_REQUEST_ID] = "request_id", [OXC_KEY_ASSOCIATION] = "association",
                                         [OXC_KEY_INDEX] = "index" };

/* A cookie that begins with a line feed is none of the capture: a session has it that is to be found by no key. */
static void
link_key(const packet_info *pinfo, oxc_key_kind_t kind, const uint8_t *key, size_t len, bool defines)
{
    if (kind != OXC_KEY_COOKIE || len == 0 || key[0] != '\n')
        oxc_link(pinfo, key_kinds[kind], key, len, defines);
}

void
oxc_session_add_key(packet_info *pinfo, oxc_session_t *session, oxc_key_kind_t kind, const uint8_t *key, size_t len)
{
    session_key_t *k;

    if (PINFO_FD_VISITED(pinfo))
        return;
    /* Its bytes are behind it. */
    k = (session_key_t *)wmem_alloc(wmem_file_scope(), sizeof *k + len);
    k->kind = (uint8_t)kind;
    k->len = (uint32_t)len;
    k->bytes = (const uint8_t *)(k + 1);
    if (len)
        memcpy(k + 1, key, len);
    wmem_map_insert(sessions_by_key, k, session);
    link_key(pinfo, kind, key, len, true);
    if (kind == OXC_KEY_INDEX)
        session->index_known = true;
}

oxc_session_t *
oxc_session_find(packet_info *pinfo, oxc_key_kind_t kind, const uint8_t *key, size_t len, bool create)
{
    session_key_t probe = { (uint8_t)kind, (uint32_t)len, key };
    oxc_session_t *session = (oxc_session_t *)wmem_map_lookup(sessions_by_key, &probe);

    if (session || !create)
        link_key(pinfo, kind, key, len, false);
    if (session || !create || PINFO_FD_VISITED(pinfo))
        return session;

    session = wmem_new0(wmem_file_scope(), oxc_session_t);
    session->number = ++session_count;
    session->first_frame = pinfo->num;
    session->first_time = pinfo->abs_ts;
    oxc_link_session(pinfo, session->number);
    oxc_session_add_key(pinfo, session, kind, key, len);
    return session;
}

const oxc_logon_id_t oxc_unused_logon_id = { 0, 0, OXC_STORE_UNKNOWN };

static oxc_logon_id_t *
change_high_logon_id(oxc_session_t *session, uint8_t logon_id)
{
    void *key = GUINT_TO_POINTER(logon_id);
    oxc_logon_id_t *known;

    if (!session->high_logon_ids)
        session->high_logon_ids = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
    known = (oxc_logon_id_t *)wmem_map_lookup(session->high_logon_ids, key);
    if (!known) {
        known = (oxc_logon_id_t *)wmem_memdup(wmem_file_scope(), &oxc_unused_logon_id, sizeof oxc_unused_logon_id);
        wmem_map_insert(session->high_logon_ids, key, known);
    }
    return known;
}

oxc_logon_id_t *
oxc_session_change_logon_id(oxc_session_t *session, uint8_t logon_id)
{
    if (logon_id >= OXC_LOGON_IDS)
        return change_high_logon_id(session, logon_id);
    if (!session->logon_ids) {
        session->logon_ids = wmem_alloc_array(wmem_file_scope(), oxc_logon_id_t, OXC_LOGON_IDS);
        for (unsigned i = 0; i < OXC_LOGON_IDS; i++)
            session->logon_ids[i] = oxc_unused_logon_id;
    }
    return &session->logon_ids[logon_id];
}

size_t
oxc_session_index_key(uint16_t session_index, const address *server, uint8_t key[OXC_INDEX_KEY_SIZE])
{
    size_t len = MIN((size_t)server->len, OXC_INDEX_KEY_SIZE - 2);

    key[0] = (uint8_t)session_index;
    key[1] = (uint8_t)(session_index >> 8);
    if (len)
        memcpy(key + 2, server->data, len);
    return 2 + len;
}

void
oxc_session_set_user(packet_info *pinfo, oxc_session_t *session, const char *user)
{
    if (!PINFO_FD_VISITED(pinfo) && user && *user)
        session->user = wmem_strdup(wmem_file_scope(), user);
}

void
oxc_session_set_code_page(packet_info *pinfo, oxc_session_t *session, uint32_t code_page)
{
    if (!PINFO_FD_VISITED(pinfo))
        session->code_page = code_page;
}

/* What ends with the session, although nobody released it. */
static void
count_lost(void *key _U_, void *value, void *user_data)
{
    oxc_session_t *session = (oxc_session_t *)user_data;

    for (const oxc_object_t *object = (const oxc_object_t *)value; object; object = object->other_logon) {
        if (object->released_in || object->generation != oxc_session_logon_id(session, object->logon_id)->generation)
            continue;
        session->lost_subscriptions += object->is_subscription;
        session->lost_tables += object->is_table;
    }
}

void
oxc_session_end(packet_info *pinfo, oxc_session_t *session, oxc_end_t how)
{
    if (PINFO_FD_VISITED(pinfo) || session->ended_in)
        return;
    session->ended_in = pinfo->num;
    session->end = (uint8_t)how;
    if (session->objects)
        wmem_map_foreach(session->objects, count_lost, session);
}

/* ---- names ---- */

/* A folder or a named property. Most have one name for ever. */
typedef struct {
    oxc_id_key_t key;
    const char *first;
    wmem_tree_t *by_frame;      /* of all but the first; NULL until there is another */
    uint32_t first_frame;
} named_t;

#define LOGON_FOLDERS 13        /* MS-OXCSTOR 2.2.1.1.3 */

/* The folders that a RopLogon named, of which few are named anew. */
typedef struct {
    oxc_id_key_t key;           /* of no folder: its id is 0 */
    const value_string *names;  /* by their place */
    uint32_t frame;
    uint64_t ids[LOGON_FOLDERS];        /* 0 for none */
} logon_folders_t;

static void *
id_find(wmem_map_t *map, uint32_t logon, uint64_t id)
{
    oxc_id_key_t key = { id, logon };

    return map ? wmem_map_lookup(map, &key) : NULL;
}

/* The name that RopLogon gave the folder, and where; NULL for none. */
static const char *
logon_folder_name(wmem_map_t *map, uint32_t logon, uint64_t id, uint32_t *frame)
{
    const logon_folders_t *folders = (const logon_folders_t *)id_find(map, logon, 0);

    if (!folders)
        return NULL;
    for (unsigned i = LOGON_FOLDERS; i > 0; i--) {
        if (folders->ids[i - 1] == id) {
            *frame = folders->frame;
            return try_val_to_str(i - 1, folders->names);
        }
    }
    return NULL;
}

static wmem_map_t *
id_map(wmem_map_t **map)
{
    if (!*map)
        *map = wmem_map_new(wmem_file_scope(), oxc_id_key_hash, oxc_id_key_equal);
    return *map;
}

/* The newest name. */
static const char *
latest_name(const named_t *named)
{
    const char *later = named->by_frame ? (const char *)wmem_tree_lookup32_le(named->by_frame, UINT32_MAX) : NULL;

    return later ? later : named->first;
}

static void
add_name(const packet_info *pinfo, wmem_map_t **map, uint32_t logon, uint64_t id, const char *name)
{
    named_t *named = (named_t *)id_find(*map, logon, id);

    if (!named) {
        named = wmem_new0(wmem_file_scope(), named_t);
        named->key.id = id;
        named->key.logon = logon;
        named->first = logon_folder_name(*map, logon, id, &named->first_frame);
        wmem_map_insert(id_map(map), &named->key, named);
    }
    if (!named->first) {
        named->first = wmem_strdup(wmem_file_scope(), name);
        named->first_frame = pinfo->num;
    } else if (strcmp(latest_name(named), name) != 0) {
        if (!named->by_frame)
            named->by_frame = wmem_tree_new(wmem_file_scope());
        wmem_tree_insert32(named->by_frame, pinfo->num, wmem_strdup(wmem_file_scope(), name));
    }
}

/* Names shown in the frame itself are left out: on the first visit they may come after the question. */
static const char *
name_before(const packet_info *pinfo, wmem_map_t *map, uint32_t logon, uint64_t id)
{
    const named_t *named = (const named_t *)id_find(map, logon, id);
    const char *name, *later;
    uint32_t frame = 0;

    if (!named) {
        name = logon_folder_name(map, logon, id, &frame);
        return frame < pinfo->num ? name : NULL;
    }
    if (named->first_frame >= pinfo->num)
        return NULL;
    later = named->by_frame ? (const char *)wmem_tree_lookup32_le(named->by_frame, pinfo->num - 1) : NULL;
    return later ? later : named->first;
}

void
oxc_session_name_logon_folder(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                              unsigned place, const value_string *names)
{
    logon_folders_t *folders;

    if (PINFO_FD_VISITED(pinfo) || !session || folder_id == 0 || place >= LOGON_FOLDERS || !names)
        return;
    folders = (logon_folders_t *)id_find(session->folders, logon, 0);
    if (!folders) {
        folders = wmem_new0(wmem_file_scope(), logon_folders_t);
        folders->key.logon = logon;
        folders->names = names;
        folders->frame = pinfo->num;
        wmem_map_insert(id_map(&session->folders), &folders->key, folders);
    }
    if (folders->frame == pinfo->num)
        folders->ids[place] = folder_id;
    else
        oxc_session_name_folder(pinfo, session, logon, folder_id, try_val_to_str(place, names));
}

void
oxc_session_name_folder(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                        const char *name)
{
    if (!PINFO_FD_VISITED(pinfo) && session && folder_id != 0 && name && *name)
        add_name(pinfo, &session->folders, logon, folder_id, name);
}

const char *
oxc_session_folder_name(const packet_info *pinfo, const oxc_session_t *session, uint32_t logon, uint64_t folder_id)
{
    return session && folder_id ? name_before(pinfo, session->folders, logon, folder_id) : NULL;
}

void
oxc_session_name_property(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint16_t property_id,
                          const char *name)
{
    if (!PINFO_FD_VISITED(pinfo) && session && property_id != 0 && name && *name)
        add_name(pinfo, &session->named_props, logon, property_id, name);
}

const char *
oxc_session_property_name(const packet_info *pinfo, const oxc_session_t *session, uint32_t logon,
                          uint16_t property_id)
{
    return session && property_id ? name_before(pinfo, session->named_props, logon, property_id) : NULL;
}

static void
session_forget(void)
{
    session_count = 0;
}

void
proto_register_oxc_session(void)
{
    sessions_by_key = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), session_key_hash, session_key_equal);
    register_init_routine(session_forget);
}
