/* target-rop-request.c
 * Fuzz target: the ROP buffer of one request
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rops.h"

void (*const fuzz_dissect)(tvbuff_t *, packet_info *, proto_tree *, unsigned) = fuzz_dissect_rops;

void
fuzz_target(const uint8_t *data, size_t size)
{
    fuzz_frame(FUZZ_CALL, false, data, size);
}
