/* links.h
 * Which frames share a piece of what is remembered: by which keys a capture must not be taken apart
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_LINKS_H
#define OXCNOTIF_LINKS_H

#include "session/session.h"

/*
 * A program that decodes the clients of a capture apart needs to know what ties two of them together: a context handle,
 * a cookie, an address that was registered. It is recorded where the key is looked up or made, so it is by definition
 * what the plugin goes by. Nothing is recorded, and next to nothing spent, until somebody asks (-z oxcnotif,links).
 */
typedef struct {
    const char *kind;
    const uint8_t *key;
    size_t len;
    uint32_t frame;             /* the first with this key between these addresses */
    bool defines;               /* the key was made here; else it was looked up */
} oxc_link_t;

typedef void (*oxc_link_cb)(const oxc_link_t *link, void *user);
typedef void (*oxc_link_session_cb)(uint32_t session, uint32_t frame, void *user);

/* Whether links are recorded, from the next file on or, before its first frame, from this one. */
void oxc_links_record(bool wanted);

bool oxc_links_recorded(void);

/* Forgets what was recorded. */
void oxc_links_forget(void);

/* A key was looked up, or made, for a packet. First visit only; the key is copied, kind is a constant text. */
void oxc_link(const packet_info *pinfo, const char *kind, const void *key, size_t len, bool defines);

/* The same for the address and port of a server or callback. */
void oxc_link_endpoint(const packet_info *pinfo, const char *kind, const address *addr, uint32_t port, bool defines);

/* A session was made in this frame. */
void oxc_link_session(const packet_info *pinfo, uint32_t session);

/* What was recorded, in the order of recording. */
void oxc_links_each(oxc_link_cb link, oxc_link_session_cb session, void *user);

#endif /* OXCNOTIF_LINKS_H */
