/* target-rpc.c
 * Fuzz target: the stubs of an EMSMDB or AsyncEMSMDB call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "harness.h"

void (*const fuzz_dissect)(tvbuff_t *, packet_info *, proto_tree *, unsigned) = NULL;

#define ASYNC           0x01
#define BIG_ENDIAN_NDR  0x02
#define FAULT           0x04
#define NO_REQUEST      0x08
#define CUT             0x20    /* in the stubs */
#define SNAPLEN         200
#define TWICE           0x10    /* the call again, with all that the first one left behind */

/* Flags, opnum, request with a 16-bit length in front, response. */
void
fuzz_target(const uint8_t *data, size_t size)
{
    fuzz_input_t input = { data, size };
    uint8_t flags = fuzz_u8(&input), opnum = fuzz_u8(&input);
    fuzz_interface_t interface = flags & ASYNC ? FUZZ_ASYNCEMSMDB : FUZZ_EMSMDB;
    fuzz_tcp_t tcp = { .client_port = 40000, .server_port = 6001, .next = { 1, 1 } };
    const uint8_t *request;
    size_t length;

    request = fuzz_bytes(&input, &length);
    fuzz_bind(&tcp);
    if (flags & CUT)
        fuzz_snaplen(SNAPLEN);
    for (uint32_t call = 2; call < (flags & TWICE ? 4 : 3); call++) {
        if (!(flags & NO_REQUEST))
            fuzz_pdu(&tcp, 0, flags & BIG_ENDIAN_NDR, call, interface, opnum, request, length);
        fuzz_pdu(&tcp, flags & FAULT ? 3 : 2, flags & BIG_ENDIAN_NDR, call, interface, opnum, input.data, input.left);
    }
}
