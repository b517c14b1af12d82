/* packets.c
 * Packets and PDUs around the fuzzed bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define IP_HEADER   20
#define TCP_HEADER  20
#define UDP_HEADER  8
#define MOST        0xFF00      /* bytes of one packet behind its headers */

static const uint8_t client_address[4] = { 10, 0, 0, 1 }, server_address[4] = { 10, 0, 0, 2 };

static void
be16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void
be32(uint8_t *at, uint32_t value)
{
    be16(at, value >> 16);
    be16(at + 2, value & 0xFFFF);
}

static void
ip_header(uint8_t *at, bool from_server, uint8_t protocol, size_t size)
{
    memset(at, 0, IP_HEADER);
    at[0] = 0x45;
    be16(at + 2, (unsigned)size);
    at[8] = 64;
    at[9] = protocol;
    memcpy(at + 12, from_server ? server_address : client_address, 4);
    memcpy(at + 16, from_server ? client_address : server_address, 4);
}

void
fuzz_segment(fuzz_tcp_t *tcp, bool from_server, unsigned flags, const uint8_t *data, size_t size)
{
    static uint8_t packet[IP_HEADER + TCP_HEADER + MOST];
    uint8_t *header = packet + IP_HEADER;

    do {
        size_t part = MIN(size, MOST);

        ip_header(packet, from_server, 6, IP_HEADER + TCP_HEADER + part);
        memset(header, 0, TCP_HEADER);
        be16(header, from_server ? tcp->server_port : tcp->client_port);
        be16(header + 2, from_server ? tcp->client_port : tcp->server_port);
        be32(header + 4, tcp->next[from_server]);
        be32(header + 8, tcp->next[!from_server]);
        header[12] = 0x50;
        header[13] = (uint8_t)flags;
        be16(header + 14, 0xFFFF);
        if (part)
            memcpy(header + TCP_HEADER, data, part);
        fuzz_packet(packet, IP_HEADER + TCP_HEADER + part);
        tcp->next[from_server] += (uint32_t)part;
        data += part;
        size -= part;
    } while (size);
}

void
fuzz_datagram(uint16_t port, bool to_client, bool icmp, const uint8_t *data, size_t size)
{
    static uint8_t packet[IP_HEADER + 8 + IP_HEADER + UDP_HEADER + MOST];
    uint8_t *start = icmp ? packet + IP_HEADER + 8 : packet;
    size_t part = MIN(size, MOST);
    size_t length = IP_HEADER + UDP_HEADER + part;

    ip_header(start, to_client, 17, length);
    be16(start + IP_HEADER, to_client ? 50000 : port);
    be16(start + IP_HEADER + 2, to_client ? port : 50000);
    be16(start + IP_HEADER + 4, (unsigned)(UDP_HEADER + part));
    be16(start + IP_HEADER + 6, 0);
    if (part)
        memcpy(start + IP_HEADER + UDP_HEADER, data, part);
    if (icmp) {
        length += IP_HEADER + 8;
        ip_header(packet, !to_client, 1, length);
        memset(packet + IP_HEADER, 0, 8);
        packet[IP_HEADER] = 3;
        packet[IP_HEADER + 1] = 3;
    }
    fuzz_packet(packet, length);
}

/* ---- DCE/RPC (C706 12.6) ---- */

#define PDU_REQUEST     0
#define PDU_RESPONSE    2
#define PDU_BIND        11
#define PDU_BIND_ACK    12
#define HEADER          24

static void
put(uint8_t *at, unsigned bytes, uint32_t value, bool big_endian)
{
    for (unsigned i = 0; i < bytes; i++)
        at[big_endian ? bytes - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

static void
pdu_header(uint8_t *at, uint8_t type, bool big_endian, uint32_t call_id, size_t size)
{
    memset(at, 0, HEADER);
    at[0] = 5;
    at[2] = type;
    at[3] = 3;
    at[4] = big_endian ? 0 : 0x10;
    put(at + 8, 2, (uint32_t)size, big_endian);
    put(at + 12, 4, call_id, big_endian);
}

void
fuzz_bind(fuzz_tcp_t *tcp)
{
    static const uint8_t interfaces[2][20] = {
        { 0x00, 0xdb, 0xf1, 0xa4, 0x47, 0xca, 0x67, 0x10, 0xb3, 0x1f, 0x00, 0xdd, 0x01, 0x06, 0x62, 0xda, 0x00, 0x00, 0x51, 0x00 },
        { 0x4a, 0x57, 0x61, 0x52, 0x72, 0x45, 0x6e, 0x20, 0xb2, 0x68, 0x6b, 0x19, 0x92, 0x13, 0xb4, 0xe4, 0x00, 0x00, 0x01, 0x00 },
    };
    static const uint8_t ndr[20] = {
        0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 0x02, 0x00, 0x00, 0x00
    };
    uint8_t bind[28 + 2 * 44], ack[28 + 4 + 2 * 24];

    memset(bind, 0, sizeof bind);
    pdu_header(bind, PDU_BIND, false, 1, sizeof bind);
    put(bind + 16, 2, 0x1000, false);
    put(bind + 18, 2, 0x1000, false);
    bind[24] = 2;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *at = bind + 28 + i * 44;

        put(at, 2, i, false);
        at[2] = 1;
        memcpy(at + 4, interfaces[i], 20);
        memcpy(at + 24, ndr, 20);
    }
    fuzz_segment(tcp, false, FUZZ_PUSH, bind, sizeof bind);

    memset(ack, 0, sizeof ack);
    pdu_header(ack, PDU_BIND_ACK, false, 1, sizeof ack);
    put(ack + 16, 2, 0x1000, false);
    put(ack + 18, 2, 0x1000, false);
    put(ack + 20, 4, 0x12345678, false);
    ack[28] = 2;
    for (unsigned i = 0; i < 2; i++)
        memcpy(ack + 32 + i * 24 + 4, ndr, 20);
    fuzz_segment(tcp, true, FUZZ_PUSH, ack, sizeof ack);
}

void
fuzz_pdu(fuzz_tcp_t *tcp, uint8_t type, bool big_endian, uint32_t call_id, fuzz_interface_t interface, uint16_t opnum,
         const uint8_t *stub, size_t size)
{
    static uint8_t pdu[HEADER + MOST];

    size = MIN(size, MOST - HEADER);
    pdu_header(pdu, type, big_endian, call_id, HEADER + size + tcp->lie);
    put(pdu + 16, 4, (uint32_t)size, big_endian);
    put(pdu + 20, 2, interface, big_endian);
    if (type == PDU_REQUEST)
        put(pdu + 22, 2, opnum, big_endian);
    if (size)
        memcpy(pdu + HEADER, stub, size);
    fuzz_segment(tcp, type != PDU_REQUEST, FUZZ_PUSH, pdu, HEADER + size);
}

/* ---- reading the input ---- */

uint8_t
fuzz_u8(fuzz_input_t *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

uint16_t
fuzz_u16(fuzz_input_t *input)
{
    uint16_t low = fuzz_u8(input);

    return (uint16_t)(low | fuzz_u8(input) << 8);
}

const uint8_t *
fuzz_bytes(fuzz_input_t *input, size_t *size)
{
    const uint8_t *bytes;

    *size = fuzz_u16(input);
    *size = MIN(*size, input->left);
    bytes = input->data;
    input->data += *size;
    input->left -= *size;
    return bytes;
}
