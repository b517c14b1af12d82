/* postdissector.h
 * What looks at a frame after all dissectors have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_POSTDISSECTOR_H
#define OXCNOTIF_POSTDISSECTOR_H

#include "compat.h"

/* What one looks at, in the order of registration and unless its protocol is disabled. */
typedef struct {
    port_type of;               /* PT_TCP or PT_UDP: frames of the other, or of neither, are none of its business */
    /*
     * Quickly, and without an exception: is there anything to do for the frame? Called for every frame of that kind.
     * layers: as oxc_segment_layers() has them, of TCP.
     */
    bool (*wants)(tvbuff_t *frame, packet_info *pinfo, unsigned layers);
    void (*look)(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree);
} oxc_watcher_t;

/*
 * The plugin has one post-dissector for all of these, since each costs captures without Exchange traffic time for every
 * frame. The watcher is not copied.
 */
void oxc_postdissector_add(const oxc_watcher_t *watcher, int proto);

/* Calls fn for every frame, before those; it must not throw. One only. */
void oxc_postdissector_each(void (*fn)(const packet_info *pinfo), int proto);

/*
 * A connection that may be ours is in the capture: from now on there may be something to look for in any TCP segment.
 * First visit only; forgotten with the file.
 */
void oxc_postdissector_expect(void);
bool oxc_postdissector_expected(void);

#endif /* OXCNOTIF_POSTDISSECTOR_H */
