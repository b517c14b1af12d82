/* postdissector.h
 * What looks at a frame after all dissectors have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_POSTDISSECTOR_H
#define OXCNOTIF_POSTDISSECTOR_H

#include "compat.h"

/*
 * Calls fn for every frame after Wireshark's dissectors, in the order of registration, unless the protocol is disabled.
 * The plugin has one post-dissector for all of these, since each costs captures without Exchange traffic time for every
 * frame: fn must find out quickly that it has nothing to do. What fn returns is not used.
 */
void oxc_postdissector_add(dissector_t fn, int proto);

/* The protocol in whose name it is called: the last layer of a frame while it runs. */
int oxc_postdissector_layer(void);

/*
 * A connection that may be ours is in the capture: from now on there may be something to look for in any TCP segment.
 * First visit only; forgotten with the file.
 */
void oxc_postdissector_expect(void);
bool oxc_postdissector_expected(void);

#endif /* OXCNOTIF_POSTDISSECTOR_H */
