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
    k = wmem_new(wmem_file_scope(), session_key_t);
    k->kind = (uint8_t)kind;
    k->len = (uint32_t)len;
    k->bytes = (const uint8_t *)wmem_memdup(wmem_file_scope(), key, len);
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
    const char *first;          /* NULL while there is none */
    const char *latest;
    wmem_tree_t *by_frame;      /* of all but the first; NULL until there is another */
    uint32_t first_frame;
} named_t;

static const named_t *
named_find(wmem_map_t *map, uint32_t logon, uint64_t id)
{
    oxc_id_key_t key = { id, logon };

    return map ? (const named_t *)wmem_map_lookup(map, &key) : NULL;
}

static named_t *
named_get(wmem_map_t **map, uint32_t logon, uint64_t id)
{
    named_t *named;

    if (!*map)
        *map = wmem_map_new(wmem_file_scope(), oxc_id_key_hash, oxc_id_key_equal);
    named = (named_t *)named_find(*map, logon, id);
    if (!named) {
        named = wmem_new0(wmem_file_scope(), named_t);
        named->key.id = id;
        named->key.logon = logon;
        wmem_map_insert(*map, &named->key, named);
    }
    return named;
}

static void
add_name(const packet_info *pinfo, named_t *named, const char *name)
{
    if (named->latest && strcmp(named->latest, name) == 0)
        return;
    named->latest = wmem_strdup(wmem_file_scope(), name);
    if (!named->first) {
        named->first = named->latest;
        named->first_frame = pinfo->num;
        return;
    }
    if (!named->by_frame)
        named->by_frame = wmem_tree_new(wmem_file_scope());
    wmem_tree_insert32(named->by_frame, pinfo->num, (void *)named->latest);
}

/* Names shown in the frame itself are left out: on the first visit they may come after the question. */
static const char *
name_before(const packet_info *pinfo, const named_t *named)
{
    const char *later;

    if (!named || !named->first || named->first_frame >= pinfo->num)
        return NULL;
    later = named->by_frame ? (const char *)wmem_tree_lookup32_le(named->by_frame, pinfo->num - 1) : NULL;
    return later ? later : named->first;
}

void
oxc_session_name_folder(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint64_t folder_id,
                        const char *name)
{
    if (!PINFO_FD_VISITED(pinfo) && session && folder_id != 0 && name && *name)
        add_name(pinfo, named_get(&session->folders, logon, folder_id), name);
}

const char *
oxc_session_folder_name(const packet_info *pinfo, const oxc_session_t *session, uint32_t logon, uint64_t folder_id)
{
    return session ? name_before(pinfo, named_find(session->folders, logon, folder_id)) : NULL;
}

void
oxc_session_name_property(packet_info *pinfo, oxc_session_t *session, uint32_t logon, uint16_t property_id,
                          const char *name)
{
    if (!PINFO_FD_VISITED(pinfo) && session && name && *name)
        add_name(pinfo, named_get(&session->named_props, logon, property_id), name);
}

const char *
oxc_session_property_name(const packet_info *pinfo, const oxc_session_t *session, uint32_t logon,
                          uint16_t property_id)
{
    return session ? name_before(pinfo, named_find(session->named_props, logon, property_id)) : NULL;
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
