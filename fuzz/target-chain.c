/* target-chain.c
 * Fuzz target: chains of extended buffers, and auxiliary buffers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rops.h"

void (*const fuzz_dissect)(tvbuff_t *, packet_info *, proto_tree *, unsigned) = fuzz_dissect_rops;

/* The first byte says what it is. */
void
fuzz_target(const uint8_t *data, size_t size)
{
    static const unsigned kinds[] = { FUZZ_CHAIN, FUZZ_CHAIN, FUZZ_AUX, FUZZ_OBFUSCATED };
    fuzz_input_t input = { data, size };
    uint8_t what = fuzz_u8(&input);

    fuzz_frame(kinds[what & 3], what & 1, input.data, input.left);
}
