/* push_port.h
 * Ports of clients that receive small datagrams, and these
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_PUSH_PORT_H
#define OXCNOTIF_PUSH_PORT_H

#include "session/call.h"

#define OXC_PUSH_CONTEXT_MAX 16 /* bytes (MS-OXCRPC 3.1.4.5) */
#define OXC_PUSH_KEPT 16        /* datagrams to a port that may become wake-ups */
#define OXC_PUSH_RECENT 16      /* datagrams to a client, of which the next calls are kept */
#define OXC_PUSH_CALLS 12       /* of the client, after each of those */

typedef struct oxc_push_port oxc_push_port_t;

/* A call of the client after a datagram. */
typedef struct {
    const oxc_pdu_t *request;
    double elapsed; /* seconds */
    bool counts;    /* no later datagram to the port came before it: a call is caused by one of them at most */
} oxc_push_later_call_t;

/* A datagram that may be one. */
typedef struct oxc_push_datagram {
    struct oxc_push_datagram *next; /* to the same port, later */
    oxc_push_port_t *port;
    uint32_t frame;
    nstime_t time;
    address source;
    oxc_push_later_call_t *calls; /* OXC_PUSH_CALLS of them; NULL before the first one */
    unsigned call_count;
    uint8_t len;
    uint8_t bytes[OXC_PUSH_CONTEXT_MAX];
} oxc_push_datagram_t;

/* A client, by its address. */
typedef struct {
    unsigned looks; /* at ports that may be for push datagrams */
    unsigned sessions;
    oxc_push_datagram_t *recent[OXC_PUSH_RECENT]; /* the oldest first */
    unsigned recent_count;
    address source;             /* of the datagrams that were believed last */
    uint8_t source_len;         /* and how long they were; 0 for none */
} oxc_push_client_t;

typedef enum { OXC_PUSH_PORT_OPEN, OXC_PUSH_PORT_PUSH, OXC_PUSH_PORT_OTHER } oxc_push_port_kind_t;

struct oxc_push_port {
    oxc_push_client_t *client;
    uint16_t number;
    uint8_t kind; /* oxc_push_port_kind_t */
    bool hit;     /* a call that fetches came after one of its datagrams */
    oxc_push_datagram_t *first, *last;
    unsigned kept;
};

/* All of this is used on the first visit only, and lives as long as the file is open. */

/* The client of the address, made if it is new; and the same, but NULL if it is. */
oxc_push_client_t *oxc_push_client(const address *addr);
const oxc_push_client_t *oxc_push_known_client(const address *addr);

/* The port, made of that kind if it is new. */
oxc_push_port_t *oxc_push_port(const address *addr, uint16_t number, oxc_push_port_kind_t kind);

/* The port sent a datagram, so it is none for push datagrams, unless it is known to be one. */
void oxc_push_port_sent(const address *addr, uint16_t number);

/* The datagram is the latest one to its port. */
void oxc_push_append(oxc_push_port_t *port, oxc_push_datagram_t *datagram);

/* The oldest datagram to the port, of which the client's next calls are not kept any more either. */
void oxc_push_forget_oldest(oxc_push_port_t *port);

/* An open port is of that kind from now on, and its datagrams are forgotten. */
void oxc_push_settle(oxc_push_port_t *port, oxc_push_port_kind_t kind);

void oxc_push_ports_register(void);

#endif /* OXCNOTIF_PUSH_PORT_H */
