/* tls_handshake.h
 * Names in a TLS handshake that was not encrypted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TLS_HANDSHAKE_H
#define OXCNOTIF_TLS_HANDSHAKE_H

#include "compat.h"

#define OXC_TLS_MAX_NAMES 100   /* of a certificate that are read */

/* What the handshake messages of a frame hold. Names are in lower case; they live as long as the scope they were read into. */
typedef struct {
    bool client_hello;          /* the sender is the client */
    const char *server_name;    /* of the ClientHello (RFC 6066 3); NULL for none */
    bool other_protocol;        /* the ClientHello offers protocols (ALPN, RFC 7301), and HTTP is none of them */
    bool certificate;           /* the sender is the server; names are those of its own certificate, not of issuers */
    const char *names[OXC_TLS_MAX_NAMES];
    unsigned name_count;
} oxc_tls_handshake_t;

/*
 * Adds what the handshake messages of data hold: data begin with a TLS record, or with a handshake message that was put
 * together from several. Damaged or incomplete messages add what is in front of the damage; nothing is thrown.
 */
void oxc_tls_read_handshake(wmem_allocator_t *scope, tvbuff_t *data, oxc_tls_handshake_t *handshake);

#endif /* OXCNOTIF_TLS_HANDSHAKE_H */
