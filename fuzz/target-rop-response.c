/* target-rop-response.c
 * Fuzz target: ROP buffers of responses, with what was asked and opened before
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rops.h"

void (*const fuzz_dissect)(tvbuff_t *, packet_info *, proto_tree *, unsigned) = fuzz_dissect_rops;

/* A request in front (16-bit length), its response behind; and the response again, in which handles now mean something. */
void
fuzz_target(const uint8_t *data, size_t size)
{
    fuzz_input_t input = { data, size };
    size_t length;
    const uint8_t *request = fuzz_bytes(&input, &length);

    if (length)
        fuzz_frame(FUZZ_CALL, false, request, length);
    fuzz_frame(FUZZ_CALL, true, input.data, input.left);
    fuzz_frame(FUZZ_CALL, true, input.data, input.left);
}
