/* port_owner.h
 * Exchange RPC on TCP ports that Wireshark gives to another protocol
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_PORT_OWNER_H
#define OXCNOTIF_PORT_OWNER_H

#include "rpc/rpc_pdu.h"

/* connection: the dissector that connections of Exchange RPC are given to, in the name of DCE/RPC. */
void oxc_port_owner_handoff(dissector_handle_t connection);

/* The protocol, in name only, that stands in front of the owners of ports; also a key for data of frames. */
int oxc_port_owner_register(int proto_emsmdb);

#endif /* OXCNOTIF_PORT_OWNER_H */
