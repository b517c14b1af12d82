/* record.c
 * The record of a connection: what several files remember of it on the first pass
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/record.h"

#include "registration.h"

#define ALIGNMENT 8             /* of what is in a part */

static wmem_map_t *records;     /* conversation_t -> all parts */
static size_t record_size;

/* Several files ask for the same one in turn. */
static struct {
    const conversation_t *conversation;
    uint8_t *record;            /* NULL: there is none */
} latest;

unsigned
oxc_record_reserve(size_t size)
{
    size_t place = record_size;

    record_size += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return (unsigned)place;
}

void *
oxc_record_part(const conversation_t *conversation, unsigned place, bool create)
{
    if (!conversation)
        return NULL;
    if (latest.conversation != conversation) {
        latest.conversation = conversation;
        latest.record = (uint8_t *)wmem_map_lookup(records, conversation);
    }
    if (!latest.record && create) {
        latest.record = (uint8_t *)wmem_alloc0(wmem_file_scope(), record_size);
        wmem_map_insert(records, conversation, latest.record);
    }
    return latest.record ? latest.record + place : NULL;
}

static void
forget(void)
{
    latest.conversation = NULL;
}

void
oxc_record_register(void)
{
    register_init_routine(forget);
    records = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
