/* allocated.c
 * Counts the memory that is kept for as long as a file is open: of the plugin by the function that allocated it, of Wireshark
 * by the protocol whose dissector was at work
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

/* Preloaded into tshark; no part of the plugin. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Releases declare it with different parameters. */
#define epan_dissect_run_with_taps epan_dissect_run_with_taps_of_release
#include <epan/epan_dissect.h>
#undef epan_dissect_run_with_taps

#define DEPTH 48                /* of callers that are looked at */
#define ROUNDED(size) (((size) + 15) / 16 * 16 + 16)    /* what wmem's block allocator takes: its header, too */

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void epan_dissect_run_with_taps(epan_dissect_t *edt, int type, void *a, void *b, void *c, void *d);

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

typedef enum {
    CALLER_OTHER,
    CALLER_PLUGIN,
    CALLER_NAMELESS,            /* in libwireshark */
    CALLER_REASSEMBLY           /* Wireshark's reassemble.h */
} caller_t;

typedef struct {
    uint64_t count;
    uint64_t bytes;
} place_t;

typedef struct {
    place_t *place;
    size_t size;
} block_t;

static GHashTable *places;      /* name -> place_t */
static GHashTable *blocks;      /* address -> block_t */
static const char *plugin = "";         /* path */
static const char *plugin_base;
static const packet_info *pinfo;        /* of the frame that is being dissected; NULL for none */
static bool inside;             /* an allocator or this file: what these allocate is counted with what asked for it, or not at all */

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

static caller_t
look_up_caller(void *address)
{
    Dl_info info;

    if (!dladdr(address, &info) || !info.dli_fname)
        return CALLER_OTHER;
    if (g_str_has_suffix(info.dli_fname, "/oxcnotif.so")) {
        plugin = info.dli_fname;
        plugin_base = (char *)info.dli_fbase;
        return CALLER_PLUGIN;
    }
    if (!info.dli_sname)
        return strstr(info.dli_fname, "/libwireshark") ? CALLER_NAMELESS : CALLER_OTHER;
    return g_str_has_prefix(info.dli_sname, "fragment_") ? CALLER_REASSEMBLY : CALLER_OTHER;
}

/* The linker looks through all symbols of a library, so each address is looked up only once. */
static caller_t
caller_of(void *address)
{
    static GHashTable *known;   /* address -> caller_t + 1 */
    int caller;

    if (!known)
        known = g_hash_table_new(NULL, NULL);
    caller = GPOINTER_TO_INT(g_hash_table_lookup(known, address));
    if (!caller) {
        caller = (int)look_up_caller(address) + 1;
        g_hash_table_insert(known, address, GINT_TO_POINTER(caller));
    }
    return (caller_t)(caller - 1);
}

/*
 * Who asked for memory: the offset of the innermost caller in the plugin, else the protocol whose dissector was called last.
 * The plugin is not meant if it had called one of Wireshark's dissectors: their functions have no names in the library,
 * unlike those that a plugin may call.
 */
static void
name_place(char *name, size_t length)
{
    void *callers[DEPTH];
    int count = backtrace(callers, DEPTH);
    bool in_dissector = false, reassembles = false;

    for (int i = 0; i < count; i++) {
        caller_t caller = caller_of(callers[i]);

        if (caller == CALLER_PLUGIN && !in_dissector) {
            snprintf(name, length, "%#tx", (char *)callers[i] - plugin_base - 1);
            return;
        }
        in_dissector = in_dissector || caller == CALLER_NAMELESS;
        reassembles = reassembles || caller == CALLER_REASSEMBLY;
    }
    snprintf(name, length, "%s%s", pinfo && pinfo->current_proto ? pinfo->current_proto : "no protocol", reassembles ? ", reassembly" : "");
}

static place_t *
get_place(void)
{
    char name[100];
    place_t *place;

    name_place(name, sizeof name);
    if (!places) {
        places = g_hash_table_new(g_str_hash, g_str_equal);
        blocks = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    }
    place = (place_t *)g_hash_table_lookup(places, name);
    if (!place) {
        place = g_new0(place_t, 1);
        g_hash_table_insert(places, g_strdup(name), place);
    }
    return place;
}

static void
remember(void *address, size_t size)
{
    block_t *block;

    if (inside || !address)
        return;
    inside = true;
    block = g_new(block_t, 1);
    block->place = get_place();
    block->size = size;
    block->place->count++;
    block->place->bytes += size;
    g_hash_table_insert(blocks, address, block);
    inside = false;
}

static void
forget(void *address)
{
    const block_t *block = blocks && !inside ? (const block_t *)g_hash_table_lookup(blocks, address) : NULL;

    if (!block)
        return;
    inside = true;
    block->place->count--;
    block->place->bytes -= block->size;
    g_hash_table_remove(blocks, address);
    inside = false;
}

/* ---- memory of the file, which wmem takes out of large blocks ---- */

EXPORTED void *
wmem_alloc(wmem_allocator_t *scope, size_t size)
{
    static void *(*alloc)(wmem_allocator_t *, size_t);
    bool was_inside = inside;
    void *address;

    if (!alloc)
        *(void **)&alloc = original("wmem_alloc");
    inside = inside || scope;
    address = alloc(scope, size);
    inside = was_inside;
    if (scope && scope == file_scope())
        remember(address, ROUNDED(size));
    return address;
}

EXPORTED void *
wmem_alloc0(wmem_allocator_t *scope, size_t size)
{
    void *address = wmem_alloc(scope, size);

    return address ? memset(address, 0, size) : NULL;
}

EXPORTED void *
wmem_realloc(wmem_allocator_t *scope, void *block, size_t size)
{
    static void *(*reallocate)(wmem_allocator_t *, void *, size_t);
    bool was_inside = inside;
    void *address;

    if (!reallocate)
        *(void **)&reallocate = original("wmem_realloc");
    if (scope)
        forget(block);
    inside = inside || scope;
    address = reallocate(scope, block, size);
    inside = was_inside;
    if (scope && scope == file_scope())
        remember(address, ROUNDED(size));
    return address;
}

EXPORTED void
wmem_free(wmem_allocator_t *scope, void *block)
{
    static void (*release)(wmem_allocator_t *, void *);
    bool was_inside = inside;

    if (!release)
        *(void **)&release = original("wmem_free");
    if (scope)
        forget(block);
    inside = inside || scope;
    release(scope, block);
    inside = was_inside;
}

/* ---- other memory, of what is dissected ---- */

static void *
remember_malloc(void *block)
{
    if (pinfo)
        remember(block, malloc_usable_size(block) + sizeof(size_t));
    return block;
}

EXPORTED void *
malloc(size_t size)
{
    return remember_malloc(__libc_malloc(size));
}

EXPORTED void *
calloc(size_t count, size_t size)
{
    return remember_malloc(__libc_calloc(count, size));
}

EXPORTED void *
realloc(void *block, size_t size)
{
    forget(block);
    return remember_malloc(__libc_realloc(block, size));
}

EXPORTED void
free(void *block)
{
    forget(block);
    __libc_free(block);
}

EXPORTED void
epan_dissect_run_with_taps(epan_dissect_t *edt, int type, void *a, void *b, void *c, void *d)
{
    static void (*run)(epan_dissect_t *, int, void *, void *, void *, void *);

    if (!run)
        *(void **)&run = original("epan_dissect_run_with_taps");
    pinfo = &edt->pi;
    run(edt, type, a, b, c, d);
    pinfo = NULL;
}

/* The file is about to be closed. A line: path of the plugin; others: offset of the caller in the plugin or protocol, number, bytes. */
EXPORTED void
epan_free(epan_t *session)
{
    void (*end)(epan_t *);
    const char *name = session ? getenv("OXCNOTIF_ALLOCATED") : NULL;
    FILE *out = name ? fopen(name, "w") : NULL;
    GHashTableIter iter;
    void *key, *value;

    inside = true;
    if (out && places) {
        fprintf(out, "%s\n", plugin);
        g_hash_table_iter_init(&iter, places);
        while (g_hash_table_iter_next(&iter, &key, &value)) {
            const place_t *place = (const place_t *)value;

            fprintf(out, "%s\t%" G_GUINT64_FORMAT "\t%" G_GUINT64_FORMAT "\n", (const char *)key, place->count, place->bytes);
        }
    }
    if (out)
        fclose(out);
    inside = false;
    *(void **)&end = original("epan_free");
    end(session);
}
