/* mapihttp_authentication.c
 * Legs of HTTP authentication, and credentials that are refused (RFC 9110 11, MS-NTHT 3.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_authentication.h"

#include "session/links.h"

#include <string.h>

#include <epan/epan.h>

static wmem_map_t *authentications; /* X-RequestId -> number of responses with 401 or 407 in a row */

/* Legs of NTLM: no credentials, then the challenge. */
#define AUTHENTICATION_LEGS 2

void
oxc_mapihttp_authenticate(packet_info *pinfo, mapihttp_record_t *record, unsigned status)
{
    const char *id = record->exchange ? record->exchange->request_id : NULL;
    unsigned legs;
    const void *key;
    void *known = NULL;

    if (PINFO_FD_VISITED(pinfo) || record->settled)
        return;
    if (status != 401 && status != 407) {
        if (id && status != 0)
            wmem_map_remove(authentications, id);
        return;
    }
    record->failure = OXC_FAILURE_AUTHENTICATION;
    if (!id)
        return;
    oxc_link(pinfo, "authentication", id, strlen(id), true);
    /* The exchange forgets its text. */
    if (!wmem_map_lookup_extended(authentications, id, &key, &known))
        key = wmem_strdup(wmem_file_scope(), id);
    legs = GPOINTER_TO_UINT(known) + 1;
    wmem_map_insert(authentications, key, GUINT_TO_POINTER(legs));
    record->credentials_refused = legs == AUTHENTICATION_LEGS + 1;
}

void
oxc_register_mapihttp_authentication(void)
{
    authentications = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), wmem_str_hash, g_str_equal);
}
