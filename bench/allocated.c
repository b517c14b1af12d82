/* allocated.c
 * Counts what the plugin keeps for as long as a file is open, by the function of the plugin that allocated it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

/* Preloaded into tshark; no part of the plugin. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#define DEPTH 48                /* of callers that are looked at */
#define ROUNDED(size) (((size) + 15) / 16 * 16 + 16)    /* what wmem's block allocator takes: its header, too */

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *wmem_alloc(void *scope, size_t size);
EXPORTED void *wmem_alloc0(void *scope, size_t size);
EXPORTED void *wmem_realloc(void *scope, void *block, size_t size);
EXPORTED void wmem_free(void *scope, void *block);
EXPORTED void epan_free(void *session);

typedef struct {
    uintptr_t caller;           /* in the plugin */
    uint64_t count;
    uint64_t bytes;
} place_t;

typedef struct {
    place_t *place;
    size_t size;
} block_t;

static GHashTable *places;      /* caller -> place_t */
static GHashTable *blocks;      /* address -> block_t */
static const char *plugin;      /* path */
static uintptr_t plugin_base;

static void *
original(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static void *
file_scope(void)
{
    static void *(*get)(void);

    if (!get)
        *(void **)&get = dlsym(RTLD_DEFAULT, "wmem_file_scope");
    return get();
}

/*
 * The innermost caller in the plugin; 0 if there is none, or if it had called one of Wireshark's dissectors: their functions
 * have no names in the library, unlike those that a plugin may call.
 */
static uintptr_t
caller_in_plugin(void)
{
    void *callers[DEPTH];
    int count = backtrace(callers, DEPTH);
    Dl_info info;

    for (int i = 0; i < count; i++) {
        if (!dladdr(callers[i], &info) || !info.dli_fname)
            continue;
        if (!info.dli_sname && strstr(info.dli_fname, "/libwireshark"))
            return 0;
        if (g_str_has_suffix(info.dli_fname, "/oxcnotif.so")) {
            plugin = info.dli_fname;
            plugin_base = (uintptr_t)info.dli_fbase;
            return (uintptr_t)callers[i];
        }
    }
    return 0;
}

static void
remember(void *address, size_t size)
{
    uintptr_t caller = caller_in_plugin();
    place_t *place;
    block_t *block;

    if (caller == 0)
        return;
    if (!places) {
        places = g_hash_table_new(NULL, NULL);
        blocks = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    }
    place = (place_t *)g_hash_table_lookup(places, (void *)caller);
    if (!place) {
        place = g_new0(place_t, 1);
        place->caller = caller;
        g_hash_table_insert(places, (void *)caller, place);
    }
    place->count++;
    place->bytes += ROUNDED(size);
    block = g_new(block_t, 1);
    block->place = place;
    block->size = size;
    g_hash_table_insert(blocks, address, block);
}

static void
forget(void *address)
{
    const block_t *block = blocks ? (const block_t *)g_hash_table_lookup(blocks, address) : NULL;

    if (!block)
        return;
    block->place->count--;
    block->place->bytes -= ROUNDED(block->size);
    g_hash_table_remove(blocks, address);
}

void *
wmem_alloc(void *scope, size_t size)
{
    static void *(*alloc)(void *, size_t);
    void *address;

    if (!alloc)
        *(void **)&alloc = original("wmem_alloc");
    address = alloc(scope, size);
    if (address && scope && scope == file_scope())
        remember(address, size);
    return address;
}

void *
wmem_alloc0(void *scope, size_t size)
{
    void *address = wmem_alloc(scope, size);

    return address ? memset(address, 0, size) : NULL;
}

void *
wmem_realloc(void *scope, void *block, size_t size)
{
    static void *(*reallocate)(void *, void *, size_t);
    void *address;

    if (!reallocate)
        *(void **)&reallocate = original("wmem_realloc");
    address = reallocate(scope, block, size);
    if (scope && scope == file_scope()) {
        forget(block);
        remember(address, size);
    }
    return address;
}

void
wmem_free(void *scope, void *block)
{
    static void (*release)(void *, void *);

    if (!release)
        *(void **)&release = original("wmem_free");
    if (block && scope && scope == file_scope())
        forget(block);
    release(scope, block);
}

/* The file is about to be closed. Lines: offset of the caller in the plugin, number, bytes. */
void
epan_free(void *session)
{
    void (*end)(void *);
    const char *name = getenv("OXCNOTIF_ALLOCATED");
    FILE *out = name ? fopen(name, "w") : NULL;
    GHashTableIter iter;
    void *value;

    if (out && places) {
        fprintf(out, "%s\n", plugin);
        g_hash_table_iter_init(&iter, places);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
            const place_t *place = (const place_t *)value;

            fprintf(out, "%" G_GINT64_MODIFIER "x %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n",
                    (gint64)(place->caller - plugin_base - 1), place->count, place->bytes);
        }
    }
    if (out)
        fclose(out);
    *(void **)&end = original("epan_free");
    end(session);
}
