/* events_capture.h
 * What a capture as a whole can and cannot tell: frames, time, packets cut short, TLS without keys, one direction only
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_EVENTS_CAPTURE_H
#define OXCNOTIF_EVENTS_CAPTURE_H

#include "compat.h"

typedef struct {
    uint32_t frames;
    nstime_t first, last;       /* times of the first and the last frame of the file */
    uint32_t cut_short;         /* frames of which the capture holds less than was sent (snaplen) */
    uint32_t tls_connections;
    uint32_t tls_undecrypted;   /* of these: no HTTP could be read */
    uint32_t exchange_connections;      /* TCP connections on which the plugin found something */
    uint32_t one_direction;     /* of these: packets of one direction only */
} oxc_capture_facts_t;

/* Counts frames: each of them, whatever filter the events have. */
typedef struct oxc_capture_counter oxc_capture_counter_t;

/*
 * The counter, as a listener of its own, which frees it with the list of listeners; NULL and *error (owned by the
 * caller) if it cannot be one.
 */
oxc_capture_counter_t *oxc_capture_counter_new(GString **error);

/* What was counted up to now. */
void oxc_capture_counter_read(const oxc_capture_counter_t *counter, oxc_capture_facts_t *facts);

/* Counts from zero again, as for another file. */
void oxc_capture_counter_forget(oxc_capture_counter_t *counter);

/* What one connection adds to that, for each connection, with the frame that it begins in. */
void oxc_capture_counter_each(const oxc_capture_counter_t *counter,
                              void (*function)(const oxc_capture_facts_t *facts, uint32_t frame, void *user), void *user);

#endif /* OXCNOTIF_EVENTS_CAPTURE_H */
