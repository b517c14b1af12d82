/* harness.h
 * A Wireshark around the fuzzed bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_FUZZ_HARNESS_H
#define OXCNOTIF_FUZZ_HARNESS_H

#include "compat.h"

#include <stddef.h>

/*
 * A target turns one input into a small capture. It is dissected as Wireshark does it: every frame once in order, and then again
 * out of order, with everything that was remembered thrown away at the end.
 */

/* One input: makes frames. Given by each target. */
void fuzz_target(const uint8_t *data, size_t size);

/* What becomes of the bytes of frames made by fuzz_frame(); NULL for targets that make IP packets only. Given by each target. */
extern void (*const fuzz_dissect)(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, unsigned kind);

/* A frame whose bytes fuzz_dissect() gets, with a number of its own choice; the endpoints are a client and a server on TCP. */
void fuzz_frame(unsigned kind, bool from_server, const uint8_t *data, size_t size);

/* A frame that is an IPv4 packet; time passes between frames. */
void fuzz_packet(const uint8_t *data, size_t size);

/* Of the frames from here on no more than so many bytes are captured; 0: all. */
void fuzz_snaplen(size_t bytes);

/* The clock goes on (or back) by so many microseconds before the next frame. */
void fuzz_sleep(int64_t microseconds);

/* ---- IPv4 packets ---- */

typedef struct {
    uint16_t client_port;
    uint16_t server_port;
    uint32_t next[2];           /* sequence numbers: client, server */
    uint16_t lie;               /* by how much the next PDU says that it is longer */
} fuzz_tcp_t;

#define FUZZ_FIN 0x01
#define FUZZ_RST 0x04
#define FUZZ_PUSH 0x18

/* A TCP segment with the next bytes of one direction. */
void fuzz_segment(fuzz_tcp_t *tcp, bool from_server, unsigned flags, const uint8_t *data, size_t size);

/* A UDP datagram to the client; icmp: quoted in an answer that says it did not arrive. */
void fuzz_datagram(uint16_t port, bool to_client, bool icmp, const uint8_t *data, size_t size);

/* ---- DCE/RPC PDUs ---- */

typedef enum {
    FUZZ_EMSMDB,
    FUZZ_ASYNCEMSMDB
} fuzz_interface_t;

/* Bind of both interfaces (context ids as in fuzz_interface_t) and its answer. */
void fuzz_bind(fuzz_tcp_t *tcp);

/* PDU of a type (C706 12.6.4.1) with the stub, all of it in one fragment. */
void fuzz_pdu(fuzz_tcp_t *tcp, uint8_t type, bool big_endian, uint32_t call_id, fuzz_interface_t interface, uint16_t opnum,
              const uint8_t *stub, size_t size);

/* ---- reading the input ---- */

typedef struct {
    const uint8_t *data;
    size_t left;
} fuzz_input_t;

/* The next byte, 0 at the end. */
uint8_t fuzz_u8(fuzz_input_t *input);
uint16_t fuzz_u16(fuzz_input_t *input);

/* The next bytes: a 16-bit length in front, never more than there are. */
const uint8_t *fuzz_bytes(fuzz_input_t *input, size_t *size);

#endif /* OXCNOTIF_FUZZ_HARNESS_H */
