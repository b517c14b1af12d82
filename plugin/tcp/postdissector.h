/* postdissector.h
 * What looks at a frame after all dissectors have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_POSTDISSECTOR_H
#define OXCNOTIF_POSTDISSECTOR_H

#include "compat.h"

/* Kinds of frames, besides those of oxc_layer_t: any, once oxc_postdissector_expect() was told of something. */
typedef enum {
    OXC_FRAME_MAPIHTTP = 0x100,         /* a connection that may be ours, of each transport */
    OXC_FRAME_RPC = 0x200,
    OXC_FRAME_RPCH = 0x400,
    OXC_FRAME_CALL = 0x800,             /* a call that is lost if its connection ends */
    OXC_FRAME_EMPTY_DATAGRAM = 0x1000   /* a registration for datagrams without data */
} oxc_frame_t;

/* What one looks at, in the order of registration and unless its protocol is disabled. */
typedef struct {
    port_type of;               /* PT_TCP or PT_UDP: frames of the other, or of neither, are none of its business */
    unsigned kinds;             /* bits of oxc_frame_t and, of TCP, oxc_layer_t: frames of one of these are looked at */
    /*
     * Quickly, and without an exception: is there anything to do for such a frame? NULL: for each. layers: as
     * oxc_segment_layers() has them, of TCP.
     */
    bool (*wants)(tvbuff_t *frame, packet_info *pinfo, unsigned layers);
    /* Remembers what is to be remembered of the frame. Is there anything to show in it? NULL: it has to be looked at. */
    bool (*note)(tvbuff_t *frame, packet_info *pinfo);
    void (*look)(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree);
} oxc_watcher_t;

/*
 * The plugin has one post-dissector for all of these, since each costs captures without Exchange traffic time for every
 * frame. The watcher is not copied.
 */
void oxc_postdissector_add(const oxc_watcher_t *watcher, int proto);

/* This is in the capture: from now on there may be something to look for in any frame. Forgotten with the file. */
void oxc_postdissector_expect(oxc_frame_t kind);

/*
 * Told by wants(): nobody needs to look at the frame for its layers, as its connection is known. Those who look at any
 * frame still do.
 */
void oxc_postdissector_explained(void);

/* A connection that may be ours is, of any transport. */
bool oxc_postdissector_expected(void);

#endif /* OXCNOTIF_POSTDISSECTOR_H */
