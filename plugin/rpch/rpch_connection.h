/* rpch_connection.h
 * What a connection with RPC over HTTP is used for, and the virtual connections [MS-RPCH 3.2]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPCH_CONNECTION_H
#define OXCNOTIF_RPCH_CONNECTION_H

#include "compat.h"

#include "rpch/rpch_head.h"
#include "rpch/rpch_place.h"

/* What virtual connections are looked for by: see rpch_connection.c. */
#define RPCH_SEARCHES 2

typedef struct rpch_virtual {
    uint32_t number;
    bool has_cookie;                    /* false: its channels were opened before the capture */
    bool has[RPCH_CHANNEL_OUT + 1];
    e_guid_t cookie;
    address server;
    uint32_t port;
    const struct rpch_connection *current[RPCH_CHANNEL_OUT + 1];    /* of each channel; first pass */
    struct rpch_virtual *below[RPCH_SEARCHES][RPCH_CHANNEL_OUT + 1];        /* the next older one that lacked the channel */
    conversation_t *conversation;       /* that its name finds; NULL: there is none yet */
} rpch_virtual_t;

/* What a connection is used for from some frame on. */
typedef struct {
    rpch_virtual_t *virtual_connection; /* NULL while it is not known */
    uint32_t frame;
    rpch_channel_t channel;
} rpch_use_t;

typedef struct rpch_connection {
    rpch_position_t position[2];    /* by direction; first pass only */
    uint32_t next_seq[2];
    bool have_seq[2];
    uint32_t seq_base;              /* what TCP may take from its numbers, if the first was taken from a segment */
    bool armed;                     /* this dissector is asked */
    bool claimed;                   /* and it has seen RPC over HTTP */
    rpch_channel_t suspected;       /* what it is for, if it is RPC over HTTP at all */
    bool ruled_out;                 /* it begins with something else than HTTP */
    bool busy;
    dissector_handle_t before;      /* whom TCP asked earlier */
    rpch_use_t first_use;           /* frame 0: there is none */
    wmem_array_t *later_uses;       /* rpch_use_t, in the order of frames; NULL while there are none */
    rpch_places_t places;
} rpch_connection_t;

/* To be called once, when the protocol is registered. */
void rpch_register_connections(int proto);

/* What is known of a conversation, or NULL. conversation may be NULL. */
rpch_connection_t *rpch_connection_of(const conversation_t *conversation);

/* The frame has data of the connection. */
void rpch_is_read(const packet_info *pinfo, rpch_connection_t *connection);

/* The connection that ends with the frame's, also within a tunnel of that; NULL for none. Behind all dissectors. */
rpch_connection_t *rpch_connection_around(packet_info *pinfo);

/* The same, made if it is new. First pass only. */
rpch_connection_t *rpch_get_connection(conversation_t *conversation);

/* What the connection is used for in this frame. */
rpch_use_t rpch_current_use(const rpch_connection_t *connection, uint32_t frame);

/* From this frame on the connection is used for a channel. First pass only. */
void rpch_set_use(rpch_connection_t *connection, uint32_t frame, rpch_channel_t channel,
                  rpch_virtual_t *virtual_connection);

/*
 * Learns from a PDU which virtual connection the connection belongs to. Does nothing with other PDUs than those by
 * which a client opens a channel. First pass only.
 */
void rpch_learn(rpch_connection_t *connection, const packet_info *pinfo, tvbuff_t *pdu);

/* A virtual connection of the server that the frame is for; cookie: NULL if it is not known. First pass only. */
rpch_virtual_t *rpch_new_virtual(const packet_info *pinfo, const e_guid_t *cookie);

/* From this frame on the connection is that channel of the virtual connection, in place of an earlier one. First pass only. */
void rpch_take_channel(rpch_connection_t *connection, const packet_info *pinfo, rpch_channel_t channel,
                       rpch_virtual_t *virtual_connection);

/* One without a cookie turns out to be the one of another's cookie; other may be NULL or have none. First pass only. */
void rpch_join(rpch_virtual_t *virtual_connection, const rpch_virtual_t *other);

/*
 * The virtual connection that ends with this frame: a channel of it ended that no other one has replaced (MS-RPCH
 * 3.2.1.5.3, recycling), and was the first to do so. NULL for none. First pass only, behind the TCP dissector.
 */
rpch_virtual_t *rpch_ended(packet_info *pinfo);

/* Until it is reset, pinfo names the virtual connection in place of the TCP connection; the elements live in its pool. */
void rpch_name_conversation(packet_info *pinfo, const rpch_virtual_t *virtual_connection);

#endif /* OXCNOTIF_RPCH_CONNECTION_H */
