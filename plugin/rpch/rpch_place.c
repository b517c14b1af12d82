/* rpch_place.c
 * Where the calls for the segments and records of a connection with RPC over HTTP begin, for later visits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpch/rpch_place.h"

#include <string.h>

#include "session/session.h"

/*
 * There is one for nearly every frame of a connection, so they are small, and in one piece of memory. Most calls begin with
 * a message or in a body whose end is either near or far away, and nothing of that was looked at before. What a place has no
 * room for is kept apart.
 */
typedef struct rpch_place {
    uint32_t frame;
    unsigned left : 16;         /* FAR_AWAY: more than the call can use */
    unsigned number : 8;
    unsigned mode : 2;          /* rpch_mode_t */
    unsigned chunk : 3;         /* oxc_http_chunk_t */
    unsigned echo : 1;
    unsigned tapped : 1;
    unsigned suspected : 1;
} place_t;

#define FIRST_PLACES 4
#define FAR_AWAY UINT16_MAX
#define NUMBER_MAX UINT8_MAX
#define USABLE 0x20000          /* of bytes behind a call: those of a PDU (C706 12.6.3.1), and what TCP puts to it later */

/* A place that is kept apart. */
typedef struct {
    uint64_t key;               /* frame and number of the call */
    rpch_position_t position;
} whole_t;

static wmem_map_t *whole;       /* by their keys: a frame may have thousands of calls */

/* Whether a place has room for it. */
static bool
fits(uint32_t number, uint32_t length, const rpch_position_t *position)
{
    uint64_t left = position->framing.left;

    return number <= NUMBER_MAX && !position->scanned && !position->carry &&
           (left < FAR_AWAY || left > (uint64_t)length + USABLE);
}

void
rpch_note_place(rpch_places_t *places, packet_info *pinfo, uint32_t number, uint32_t length, const rpch_position_t *position)
{
    place_t *place;

    if (!fits(number, length, position)) {
        whole_t *one = wmem_new(wmem_file_scope(), whole_t);

        one->key = oxc_frame_key(pinfo->num, number);
        one->position = *position;
        wmem_map_insert(whole, &one->key, one);
        return;
    }
    if (places->count == places->room) {
        places->room = places->room ? 2 * places->room : FIRST_PLACES;
        places->all = (place_t *)wmem_realloc(wmem_file_scope(), places->all, places->room * sizeof *places->all);
    }
    place = &places->all[places->count++];
    place->frame = pinfo->num;
    place->left = position->framing.left < FAR_AWAY ? (unsigned)position->framing.left : FAR_AWAY;
    place->number = number;
    place->mode = position->mode;
    place->chunk = position->framing.chunk;
    place->echo = position->echo;
    place->tapped = position->tapped;
    place->suspected = position->suspected;
}

static const place_t *
find_place(const rpch_places_t *places, uint32_t frame, uint32_t number)
{
    const place_t *all = places->all;
    uint32_t from = 0, to = places->count;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (all[middle].frame < frame || (all[middle].frame == frame && all[middle].number < number))
            from = middle + 1;
        else
            to = middle;
    }
    return from < places->count && all[from].frame == frame && all[from].number == number ? &all[from] : NULL;
}

bool
rpch_recall_place(const rpch_places_t *places, packet_info *pinfo, uint32_t number, rpch_position_t *position)
{
    const place_t *place = find_place(places, pinfo->num, number);

    if (!place) {
        uint64_t key = oxc_frame_key(pinfo->num, number);
        const whole_t *one = (const whole_t *)wmem_map_lookup(whole, &key);

        if (one)
            *position = one->position;
        return one != NULL;
    }
    memset(position, 0, sizeof *position);
    position->mode = (rpch_mode_t)place->mode;
    position->framing.chunk = (oxc_http_chunk_t)place->chunk;
    position->framing.left = place->left == FAR_AWAY ? OXC_HTTP_NO_END : place->left;
    position->echo = place->echo;
    position->tapped = place->tapped;
    position->suspected = place->suspected;
    return true;
}

void
rpch_register_places(void)
{
    whole = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_uint64_hash, g_int64_equal);
}
