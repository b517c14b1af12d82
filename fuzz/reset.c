/* reset.c
 * Forgets one input before the next, without closing a file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE     /* RTLD_NEXT */

#include "reset.h"

#include "compat.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <epan/proto.h>
#include <epan/reassemble.h>

#define EXPORTED __attribute__((visibility("default")))

/* The protocols that lie below ours, and what these call. */
static const char *const needed[] = {
    "frame", "raw", "ip", "icmp", "tcp", "udp", "http", "tls", "dcerpc", "ntlmssp", "gss-api", "spnego", "spnego-krb5", "kerberos", "media",
    "data", "_ws.malformed", "_ws.expert", "_ws.short", "_ws.unreassembled", "oxcfuzz"
};

typedef struct {
    const char *protocol;       /* registered last before: the one it belongs to */
    void (*routine)(void);
    reassembly_table *table;
    const reassembly_table_functions *functions;
    bool is_cleanup;
} registered_t;

static GArray *all;
static const char *latest_protocol;

static void
note(registered_t registered)
{
    if (!all)
        all = g_array_new(FALSE, FALSE, sizeof(registered_t));
    registered.protocol = latest_protocol;
    g_array_append_val(all, registered);
}

/*
 * The blocks of 8 MB that wmem takes, one for each payload that is decompressed, would be mapped, marked and unmapped by
 * AddressSanitizer every time: half of what an input takes. A few are kept, so that only pages in use are touched again.
 */

#define BLOCK_MIN   (1024 * 1024)
#define BLOCKS      16

static struct {
    void *data;
    size_t size;
    bool in_use;
} blocks[BLOCKS];

static void *
take_block(size_t size)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (!blocks[i].data) {
            blocks[i].data = malloc(size);
            blocks[i].size = size;
            blocks[i].in_use = blocks[i].data != NULL;
            return blocks[i].data;
        }
        if (blocks[i].size == size && !blocks[i].in_use) {
            blocks[i].in_use = true;
            fuzz_count_memory((int64_t)size);
            return blocks[i].data;
        }
    }
    return NULL;
}

EXPORTED gpointer
g_malloc(gsize size)
{
    void *data = size >= BLOCK_MIN ? take_block(size) : NULL;

    if (!data && size)
        data = malloc(size);
    if (!data && size)
        abort();
    return data;
}

EXPORTED void
g_free(gpointer data)
{
    for (unsigned i = 0; data && i < BLOCKS && blocks[i].data; i++) {
        if (blocks[i].data == data) {
            blocks[i].in_use = false;
            fuzz_count_memory(-(int64_t)blocks[i].size);
            return;
        }
    }
    free(data);
}

/* These take the place of libwireshark's own, for its dissectors too, and pass everything on. */

EXPORTED int
proto_register_protocol(const char *name, const char *short_name, const char *filter_name)
{
    int (*real)(const char *, const char *, const char *) =
        (int (*)(const char *, const char *, const char *))dlsym(RTLD_NEXT, "proto_register_protocol");

    latest_protocol = filter_name;
    return real(name, short_name, filter_name);
}

EXPORTED void
register_init_routine(void (*routine)(void))
{
    void (*real)(void (*)(void)) = (void (*)(void (*)(void)))dlsym(RTLD_NEXT, "register_init_routine");

    note((registered_t){ .routine = routine });
    real(routine);
}

EXPORTED void
register_cleanup_routine(void (*routine)(void))
{
    void (*real)(void (*)(void)) = (void (*)(void (*)(void)))dlsym(RTLD_NEXT, "register_cleanup_routine");

    note((registered_t){ .routine = routine, .is_cleanup = true });
    real(routine);
}

EXPORTED void
reassembly_table_register(reassembly_table *table, const reassembly_table_functions *functions)
{
    void (*real)(reassembly_table *, const reassembly_table_functions *) =
        (void (*)(reassembly_table *, const reassembly_table_functions *))dlsym(RTLD_NEXT, "reassembly_table_register");

    note((registered_t){ .table = table, .functions = functions });
    real(table, functions);
}

static bool
is_needed(const char *protocol)
{
    static const char *const ours[] = { "rop", "oxcnotif", "mapihttp", "emsmdb", "asyncemsmdb", "rpch" };

    if (!protocol)
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(needed); i++)
        if (strcmp(protocol, needed[i]) == 0)
            return true;
    for (unsigned i = 0; i < G_N_ELEMENTS(ours); i++)
        if (g_str_has_prefix(protocol, ours[i]))
            return true;
    return false;
}

void
fuzz_reset_prepare(void)
{
    GArray *kept = g_array_new(FALSE, FALSE, sizeof(registered_t));
    void *cookie = NULL;

    for (int id = proto_get_first_protocol(&cookie); id != -1; id = proto_get_next_protocol(&cookie))
        if (!is_needed(proto_get_protocol_filter_name(id)) && !proto_is_pino(find_protocol_by_id(id)) &&
            proto_can_toggle_protocol(id))
            proto_set_decoding(id, FALSE);
    for (unsigned i = 0; i < all->len; i++) {
        registered_t registered = g_array_index(all, registered_t, i);

        if (is_needed(registered.protocol))
            g_array_append_val(kept, registered);
    }
    g_array_free(all, TRUE);
    all = kept;
}

void
fuzz_reset(void)
{
    for (unsigned i = 0; i < all->len; i++) {
        const registered_t *registered = &g_array_index(all, registered_t, i);

        if (registered->is_cleanup)
            registered->routine();
        else if (registered->table)
            reassembly_table_destroy(registered->table);
    }
    wmem_free_all(wmem_file_scope());
    for (unsigned i = 0; i < all->len; i++) {
        const registered_t *registered = &g_array_index(all, registered_t, i);

        if (registered->table)
            reassembly_table_init(registered->table, registered->functions);
        else if (!registered->is_cleanup)
            registered->routine();
    }
}
