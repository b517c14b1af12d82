/* tls_name.h
 * Server names of Exchange
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TLS_NAME_H
#define OXCNOTIF_TLS_NAME_H

#include "compat.h"

#include "tls/tls_handshake.h"

/* Names are in lower case. */

/* Is the name one of Exchange Online, or that of Autodiscover in any domain (MS-OXDISCO 3.1.5.1)? */
bool oxc_tls_name_is_exchange(const char *name);

/*
 * The domain in which a name is usual for a mail server (its first label: mail, owa, ...), which alone says nothing;
 * NULL if it is not.
 */
const char *oxc_tls_name_mail_domain(const char *name);

/* The domain of a name of Autodiscover; NULL if it is none. */
const char *oxc_tls_name_autodiscover_domain(const char *name);

/* Are the names those of web hosting, which have Autodiscover among them wherever the mail of the domain is? */
bool oxc_tls_names_of_hosting(const oxc_tls_handshake_t *handshake);

#endif /* OXCNOTIF_TLS_NAME_H */
