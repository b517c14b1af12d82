/* heuristic.h
 * Heuristic dissectors that take little of who asks them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_HEURISTIC_H
#define OXCNOTIF_HEURISTIC_H

#include "compat.h"

/*
 * Wireshark adds a layer for each heuristic dissector that it asks and takes it away again, which takes five times as long
 * as the answer, and of nearly all captures the answer is no. Of an entry of its table without a protocol it does neither.
 * So the entries of these dissectors have their protocol from the first data of a frame on that are theirs, up to the end
 * of the frame, and none before. A list of heuristic tables by protocol that is made while a file is open shows them without. In
 * Wireshark itself, dissector_try_heuristic() should add the layer when the answer is yes.
 */
typedef struct {
    dissector_t dissect;        /* the data, as far as is known, are ours */
    bool enabled;               /* it is, and its protocol: nobody else asks while the entry has no protocol */
    heur_dtbl_entry_t *entry;
    protocol_t *protocol;
    dissector_handle_t handle;
} oxc_heuristic_t;

/*
 * heur_dissector_add(), enabled. asked is to return false for data that are surely not its, or if the heuristic is not
 * enabled, and oxc_heuristic_dissect() for all others. The heuristic and the texts are not copied.
 */
void oxc_heuristic_add(oxc_heuristic_t *heuristic, const char *list, heur_dissector_t asked, const char *display_name,
                       const char *name, int proto);

/* Dissects data behind the protocol's layer. What asked is to return. */
ws_bool oxc_heuristic_dissect(oxc_heuristic_t *heuristic, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);

/* At the end of each frame. */
extern bool oxc_heuristic_found;
void oxc_heuristic_end_frame(void);

void oxc_heuristic_register(void);

#endif /* OXCNOTIF_HEURISTIC_H */
