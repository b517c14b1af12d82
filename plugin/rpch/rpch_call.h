/* rpch_call.h
 * What one call for a segment or record shows, and whom it calls: HTTP for messages, DCE/RPC for PDUs [MS-RPCH]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPCH_CALL_H
#define OXCNOTIF_RPCH_CALL_H

#include "rpch/rpch_connection.h"

#include <epan/dissectors/packet-tcp.h>
#include <epan/expert.h>

/* One call: a segment or record, with what was left over before it. */
typedef struct {
    tvbuff_t *tvb;
    packet_info *pinfo;
    proto_tree *tree;
    void *data;
    rpch_connection_t *connection;
    dissector_handle_t http;
    rpch_position_t position;
    bool learn;                     /* seen for the first time: what it tells is remembered */
    int offset;
    uint32_t need;                  /* as pinfo->desegment_len; 0: none */
    bool has_item;                  /* the channel's, made when it is needed */
    proto_item *item;
    proto_tree *item_tree;
    int item_start;
    bool seen;                      /* a dissector wrote its columns */
} rpch_call_t;

/* The tree of the channel's item, made where the first byte of a body is shown; NULL if nobody looks at it. At offset there must be a byte. */
proto_tree *rpch_channel_item(rpch_call_t *call, int offset);

/* At the end of a call, when its RTS PDUs have told what the connection is used for. */
void rpch_finish_item(rpch_call_t *call);

/* Shows the next bytes as they are, with an expert item unless why is NULL. */
void rpch_show_data(rpch_call_t *call, int length, expert_field *why);

/*
 * Hands the next bytes to HTTP. desegment: HTTP may ask for more of them. body: bytes of a whole body behind them,
 * which HTTP gets for Follow Stream and Export Objects, and which are dissected here.
 */
void rpch_call_http(rpch_call_t *call, int length, bool desegment, int body);

/* Hands one PDU to DCE/RPC, in the name of the virtual connection. */
void rpch_call_dcerpc(rpch_call_t *call, tvbuff_t *pdu);

/* The length of the body if all of it is there and HTTP would ask us about it; else 0. left: from the head on. */
int rpch_whole_body(const rpch_head_t *head, int left);

/* Whether HTTP asks about a body that it was given for its taps only, and that is dissected behind it. */
bool rpch_takes_body(void);

/* Registers the fields of the channel's item. */
void rpch_register_call(int proto);

/* upgrade: the handle by which HTTP hands a connection over. False if there is no DCE/RPC dissector to call. */
bool rpch_handoff_call(dissector_handle_t upgrade);

#endif /* OXCNOTIF_RPCH_CALL_H */
