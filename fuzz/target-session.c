/* target-session.c
 * Fuzz target: a capture of several connections on every transport
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "harness.h"

#include <stdio.h>
#include <string.h>

void (*const fuzz_dissect)(tvbuff_t *, packet_info *, proto_tree *, unsigned) = NULL;

#define CONNECTIONS     4
#define MAX_STEPS       256

/* In the choice of a message: it says that it is so many bytes longer than it is. */
#define LIE             0x80
#define LIE_BYTES       300

typedef struct {
    fuzz_tcp_t tcp;
    bool bound;
    uint32_t call_id;
    uint8_t opnum;
} connection_t;

static const char *const types[] = { "Connect", "Execute", "NotificationWait", "Disconnect", "PING", "Bind", "QueryRows", "" };

static void
http(connection_t *connection, bool from_server, uint8_t choice, const uint8_t *body, size_t size)
{
    static uint8_t message[1024 + 0x10000];
    size_t said = size + (choice & LIE ? LIE_BYTES : 0);
    int length;

    if (from_server)
        length = snprintf((char *)message, 1024,
                          "HTTP/1.1 %s\r\nContent-Type: application/mapi-http\r\nX-RequestType: %s\r\nX-ResponseCode: %u\r\n"
                          "X-RequestId: {A}:%u\r\n%sContent-Length: %zu\r\n\r\n",
                          choice & 0x40 ? "401 Unauthorized" : "200 OK", types[choice & 7], choice & 0x20 ? 10 : 0,
                          connection->call_id, choice & 0x10 ? "Set-Cookie: sid=b; path=/\r\n" : "", said);
    else
        length = snprintf((char *)message, 1024,
                          "POST /mapi/emsmdb/?MailboxId=x HTTP/1.1\r\nHost: x\r\nContent-Type: application/mapi-http\r\n"
                          "X-RequestType: %s\r\nX-RequestId: {A}:%u\r\n%sContent-Length: %zu\r\n\r\n",
                          types[choice & 7], ++connection->call_id, choice & 0x10 ? "Cookie: sid=b\r\n" : "Cookie: sid=a\r\n", said);
    if (size)
        memcpy(message + length, body, size);
    fuzz_segment(&connection->tcp, from_server, FUZZ_PUSH, message, (size_t)length + size);
}

static void
rpc(connection_t *connection, bool from_server, uint8_t choice, const uint8_t *stub, size_t size)
{
    fuzz_interface_t interface = choice & 0x10 ? FUZZ_ASYNCEMSMDB : FUZZ_EMSMDB;

    if (!connection->bound)
        fuzz_bind(&connection->tcp);
    connection->bound = true;
    connection->tcp.lie = choice & LIE ? LIE_BYTES : 0;
    if (!from_server) {
        connection->call_id++;
        connection->opnum = choice & 0x0F;
    }
    fuzz_pdu(&connection->tcp, from_server ? choice & 0x40 ? 3 : 2 : 0, choice & 0x20, connection->call_id, interface,
             connection->opnum, stub, size);
}

/* What else happens on networks. */
static void
misfortune(connection_t *connection, uint8_t choice, const uint8_t *data, size_t size)
{
    bool from_server = choice & 1;

    switch (choice >> 1 & 7) {
    case 0:
        fuzz_segment(&connection->tcp, from_server, FUZZ_FIN, data, size);
        break;
    case 1:
        fuzz_segment(&connection->tcp, from_server, FUZZ_RST, data, size);
        break;
    case 2:                     /* lost segment */
        connection->tcp.next[from_server] += (uint32_t)size;
        break;
    case 3:                     /* retransmission */
        connection->tcp.next[from_server] -= (uint32_t)size;
        fuzz_segment(&connection->tcp, from_server, FUZZ_PUSH, data, size);
        break;
    case 4:
        fuzz_sleep((int64_t)size * 1000000);
        break;
    case 5:
        fuzz_sleep(-(int64_t)size * 1000000);
        break;
    case 6:
        if (choice & 0x10)
            fuzz_snaplen(size);
        else
            fuzz_packet(data, size);
        break;
    default:                    /* the same ports again */
        connection->tcp.next[0] = connection->tcp.next[1] = 1;
        connection->bound = false;
        break;
    }
}

/* Steps: what and on which connection, a choice, 16-bit length and bytes. */
void
fuzz_target(const uint8_t *data, size_t size)
{
    fuzz_input_t input = { data, size };
    connection_t connections[CONNECTIONS] = {
        { .tcp = { .client_port = 40000, .server_port = 80, .next = { 1, 1 } } },
        { .tcp = { .client_port = 40001, .server_port = 80, .next = { 1, 1 } } },
        { .tcp = { .client_port = 40002, .server_port = 6001, .next = { 1, 1 } } },
        { .tcp = { .client_port = 40003, .server_port = 5000, .next = { 1, 1 } } },
    };

    for (unsigned step = 0; input.left && step < MAX_STEPS; step++) {
        uint8_t what = fuzz_u8(&input), choice = fuzz_u8(&input);
        connection_t *connection = &connections[what >> 4 & (CONNECTIONS - 1)];
        size_t length;
        const uint8_t *bytes = fuzz_bytes(&input, &length);

        switch (what & 7) {
        case 0:
        case 1:
            fuzz_segment(&connection->tcp, what & 1, FUZZ_PUSH, bytes, length);
            break;
        case 2:
        case 3:
            http(connection, what & 1, choice, bytes, length);
            break;
        case 4:
        case 5:
            rpc(connection, what & 1, choice, bytes, length);
            break;
        case 6:
            fuzz_datagram((uint16_t)(4000 + (choice & 3)), choice & 4, choice & 8, bytes, length);
            break;
        default:
            misfortune(connection, choice, bytes, length);
            break;
        }
    }
}
