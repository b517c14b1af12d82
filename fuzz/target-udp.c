/* target-udp.c
 * Fuzz target: registrations for push notifications, and datagrams
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "harness.h"

#include <string.h>

void (*const fuzz_dissect)(tvbuff_t *, packet_info *, proto_tree *, unsigned) = NULL;

#define PORT            4000    /* and a few more */
#define MAX_CONTEXT     64

/* Of two sessions. */
static const uint8_t handles[2][20] = {
    { 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
    { 0, 0, 0, 0, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
};

/* EcRUnregisterPushNotification, EcDoDisconnect, EcDoRpcExt2, EcDoAsyncConnectEx */
static const uint16_t opnums[] = { 5, 1, 11, 14 };

static size_t
le(uint8_t *at, unsigned bytes, uint32_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i);
    return bytes;
}

/* EcRRegisterPushNotification (MS-OXCRPC 3.1.4.5); the answer's result is given. */
static void
register_push(fuzz_tcp_t *tcp, uint32_t call, const uint8_t *handle, uint16_t port, bool elsewhere, uint32_t result,
              const uint8_t *context, size_t size)
{
    uint8_t stub[20 + 4 + 4 + MAX_CONTEXT + 64] = { 0 };
    size_t at = 20;

    size = MIN(size, MAX_CONTEXT);
    memcpy(stub, handle, 20);
    at += le(stub + at, 4, 0);
    at += le(stub + at, 4, (uint32_t)size);
    memcpy(stub + at, context, size);
    at = (at + size + 1) / 2 * 2;
    at += le(stub + at, 2, (uint32_t)size);
    at = (at + 3) / 4 * 4;
    at += le(stub + at, 4, 0xFFFFFFFF);
    at += le(stub + at, 4, 16);
    at += le(stub + at, 2, 2);
    stub[at++] = (uint8_t)(port >> 8);
    stub[at++] = (uint8_t)port;
    memcpy(stub + at, elsewhere ? "\xC0\xA8\x00\x01" : "\x0A\x00\x00\x01", 4);
    at += 12;
    at += le(stub + at, 2, 16);
    fuzz_pdu(tcp, 0, false, call, FUZZ_EMSMDB, 4, stub, at);

    memcpy(stub, handle, 20);
    le(stub + 20, 4, result);
    le(stub + 24, 4, 7);
    fuzz_pdu(tcp, 2, false, call, FUZZ_EMSMDB, 4, stub, 28);
}

/* Steps: what, which port, 16-bit length and bytes. */
void
fuzz_target(const uint8_t *data, size_t size)
{
    fuzz_input_t input = { data, size };
    fuzz_tcp_t tcp = { .client_port = 40000, .server_port = 6001, .next = { 1, 1 } };
    uint32_t call = 2;

    fuzz_bind(&tcp);
    while (input.left && call < 200) {
        uint8_t what = fuzz_u8(&input);
        uint16_t port = (uint16_t)(PORT + (fuzz_u8(&input) & 3));
        size_t length;
        const uint8_t *bytes = fuzz_bytes(&input, &length);
        const uint8_t *handle = handles[what >> 7];

        call++;
        switch (what & 7) {
        case 0:
            register_push(&tcp, call, handle, port, what & 0x10, what & 0x20 ? 0x80004005 : 0, bytes, length);
            break;
        case 1:
            fuzz_pdu(&tcp, 0, false, call, FUZZ_EMSMDB, 4, bytes, length);
            break;
        case 2:
            fuzz_pdu(&tcp, 2, false, call - 1, FUZZ_EMSMDB, 4, bytes, length);
            break;
        case 3:
            fuzz_pdu(&tcp, 0, false, call, FUZZ_EMSMDB, opnums[what >> 4 & 3], handle, 20);
            fuzz_pdu(&tcp, 2, false, call, FUZZ_EMSMDB, opnums[what >> 4 & 3], bytes, length);
            break;
        default:
            fuzz_datagram(port, what & 0x10, what & 0x20, bytes, length);
            break;
        }
    }
}
