/* rops.h
 * ROP buffers without a transport around them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_FUZZ_ROPS_H
#define OXCNOTIF_FUZZ_ROPS_H

#include "harness.h"

/* Kinds of frames that fuzz_dissect_rops() knows. */
enum {
    FUZZ_CALL,                  /* a ROP buffer */
    FUZZ_CHAIN,                 /* extended buffers */
    FUZZ_OBFUSCATED,            /* a ROP buffer that is XORed */
    FUZZ_AUX                    /* an auxiliary buffer */
};

/* All in one session; a response answers the latest request that has none yet. */
void fuzz_dissect_rops(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, unsigned kind);

#endif /* OXCNOTIF_FUZZ_ROPS_H */
