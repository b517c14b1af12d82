/* rpch_place.c
 * Where the calls for the segments and records of a connection with RPC over HTTP begin, for later visits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpch/rpch_place.h"

#include <string.h>

/*
 * There is one for nearly every frame of a connection, so they are small, and in one piece of memory, in the order of
 * frames and calls. Most calls begin with a message or in a body, and nothing of that was looked at before.
 */
typedef struct {
    uint32_t frame;
    unsigned number : 23;       /* a call uses at least one byte of its frame */
    unsigned is_whole : 1;
    unsigned mode : 2;          /* rpch_mode_t */
    unsigned chunk : 3;         /* oxc_http_chunk_t */
    unsigned echo : 1;
    unsigned tapped : 1;
    unsigned suspected : 1;
    union {
        uint64_t left;
        const rpch_position_t *whole;   /* if is_whole: what else there is to know */
    } of;
} place_t;

#define FIRST_PLACES 4

void
rpch_note_place(wmem_array_t **places, uint32_t frame, unsigned number, const rpch_position_t *position)
{
    place_t place = { .frame = frame, .number = number, .mode = position->mode, .chunk = position->framing.chunk,
                      .echo = position->echo, .tapped = position->tapped, .suspected = position->suspected };

    place.of.left = position->framing.left;
    if (position->scanned || position->carry) {
        place.is_whole = 1;
        place.of.whole = (const rpch_position_t *)wmem_memdup(wmem_file_scope(), position, sizeof *position);
    }
    if (!*places)
        *places = wmem_array_sized_new(wmem_file_scope(), sizeof place, FIRST_PLACES);
    wmem_array_append_one(*places, place);
}

static const place_t *
find_place(wmem_array_t *places, uint32_t frame, unsigned number)
{
    const place_t *all = places ? (const place_t *)wmem_array_get_raw(places) : NULL;
    unsigned from = 0, to = places ? wmem_array_get_count(places) : 0;

    while (from < to) {
        unsigned middle = from + (to - from) / 2;

        if (all[middle].frame < frame || (all[middle].frame == frame && all[middle].number < number))
            from = middle + 1;
        else
            to = middle;
    }
    return places && from < wmem_array_get_count(places) && all[from].frame == frame && all[from].number == number ? &all[from]
                                                                                                                : NULL;
}

bool
rpch_recall_place(wmem_array_t *places, uint32_t frame, unsigned number, rpch_position_t *position)
{
    const place_t *place = find_place(places, frame, number);

    if (!place)
        return false;
    if (place->is_whole) {
        *position = *place->of.whole;
        return true;
    }
    memset(position, 0, sizeof *position);
    position->mode = (rpch_mode_t)place->mode;
    position->framing.chunk = (oxc_http_chunk_t)place->chunk;
    position->framing.left = place->of.left;
    position->echo = place->echo;
    position->tapped = place->tapped;
    position->suspected = place->suspected;
    return true;
}
