/* links.c
 * Which frames share a piece of what is remembered: by which keys a capture must not be taken apart
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/links.h"

#include <string.h>

/* What is kept once of each key and pair of addresses: both behind the link, in one piece of memory. */
typedef struct {
    oxc_link_t link;
    unsigned len;               /* of bytes */
    uint8_t bytes[];            /* key, then the two addresses, the lower one first */
} record_t;

typedef struct {
    uint32_t session, frame;
} made_t;

static GHashTable *records;     /* record_t -> itself; NULL while nobody asks */
static GPtrArray *in_order;     /* record_t *, owned by records */
static GArray *made;            /* made_t */

static unsigned
record_hash(const void *key)
{
    const record_t *record = (const record_t *)key;

    return wmem_strong_hash(record->bytes, record->len) ^ g_str_hash(record->link.kind) ^ record->link.defines;
}

static gboolean
record_equal(const void *a, const void *b)
{
    const record_t *x = (const record_t *)a, *y = (const record_t *)b;

    return x->len == y->len && x->link.len == y->link.len && x->link.defines == y->link.defines &&
           strcmp(x->link.kind, y->link.kind) == 0 && memcmp(x->bytes, y->bytes, x->len) == 0;
}

void
oxc_links_record(bool wanted)
{
    if (wanted == (records != NULL))
        return;
    if (wanted) {
        records = g_hash_table_new_full(record_hash, record_equal, g_free, NULL);
        in_order = g_ptr_array_new();
        made = g_array_new(false, false, sizeof(made_t));
        return;
    }
    g_ptr_array_free(in_order, true);
    g_array_free(made, true);
    g_hash_table_destroy(records);
    records = NULL;
}

bool
oxc_links_recorded(void)
{
    return records != NULL;
}

void
oxc_links_forget(void)
{
    if (!records)
        return;
    g_ptr_array_set_size(in_order, 0);
    g_array_set_size(made, 0);
    g_hash_table_remove_all(records);
}

static uint8_t *
put_address(uint8_t *to, const address *addr)
{
    if (addr->len <= 0)
        return to;
    memcpy(to, addr->data, (size_t)addr->len);
    return to + addr->len;
}

void
oxc_link(const packet_info *pinfo, const char *kind, const void *key, size_t len, bool defines)
{
    bool down = cmp_address(&pinfo->src, &pinfo->dst) > 0;
    record_t *record;
    uint8_t *end;

    if (!records || PINFO_FD_VISITED(pinfo))
        return;
    record = (record_t *)g_malloc0(sizeof *record + len + (size_t)MAX(pinfo->src.len, 0) + (size_t)MAX(pinfo->dst.len, 0));
    if (len)
        memcpy(record->bytes, key, len);
    end = put_address(record->bytes + len, down ? &pinfo->dst : &pinfo->src);
    end = put_address(end, down ? &pinfo->src : &pinfo->dst);
    record->len = (unsigned)(end - record->bytes);
    record->link.kind = kind;
    record->link.key = record->bytes;
    record->link.len = len;
    record->link.frame = pinfo->num;
    record->link.defines = defines;
    if (g_hash_table_contains(records, record)) {
        g_free(record);
        return;
    }
    g_hash_table_add(records, record);
    g_ptr_array_add(in_order, record);
}

void
oxc_link_endpoint(const packet_info *pinfo, const char *kind, const address *addr, uint32_t port, bool defines)
{
    uint8_t key[2 + 16] = { (uint8_t)(port >> 8), (uint8_t)port };
    size_t len = MIN((size_t)MAX(addr->len, 0), sizeof key - 2);

    if (!records)
        return;
    if (len)
        memcpy(key + 2, addr->data, len);
    oxc_link(pinfo, kind, key, 2 + len, defines);
}

void
oxc_link_session(const packet_info *pinfo, uint32_t session)
{
    made_t one = { session, pinfo->num };

    if (records)
        g_array_append_val(made, one);
}

void
oxc_links_each(oxc_link_cb link, oxc_link_session_cb session, void *user)
{
    if (!records)
        return;
    for (unsigned i = 0; i < made->len; i++)
        session(g_array_index(made, made_t, i).session, g_array_index(made, made_t, i).frame, user);
    for (unsigned i = 0; i < in_order->len; i++)
        link(&((const record_t *)in_order->pdata[i])->link, user);
}
