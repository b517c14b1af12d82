/* tls_name.c
 * Server names of Exchange
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tls/tls_name.h"

#include <string.h>

/* What is behind a prefix; NULL without it. */
static const char *
behind(const char *name, const char *prefix)
{
    return g_str_has_prefix(name, prefix) ? name + strlen(prefix) : NULL;
}

/* MS-OXDISCO 3.1.5.1: https://autodiscover.<domain>/autodiscover/autodiscover.xml */
const char *
oxc_tls_name_autodiscover_domain(const char *name)
{
    const char *domain = behind(name, "autodiscover.");

    return domain && strchr(domain, '.') ? domain : NULL;
}

/*
 * "Microsoft 365 URLs and IP address ranges" of Microsoft, Exchange Online, for all its clouds. Mail of outlook.com's
 * consumers is at the same servers.
 */
bool
oxc_tls_name_is_exchange(const char *name)
{
    static const char *const online[] = { "outlook.office365.com", "outlook.office.com", "outlook.cloud.microsoft",
                                          "outlook.office365.us", "outlook-dod.office365.us", "webmail.apps.mil",
                                          "partner.outlook.cn" };

    for (size_t i = 0; i < G_N_ELEMENTS(online); i++)
        if (strcmp(name, online[i]) == 0)
            return true;
    return oxc_tls_name_autodiscover_domain(name) || g_str_has_suffix(name, ".outlook.com");
}

const char *
oxc_tls_name_mail_domain(const char *name)
{
    static const char *const labels[] = { "mail.", "owa.", "outlook.", "exchange.", "webmail.", "mapi.", "email.", "cas.",
                                          "legacy.", "outlookanywhere." };

    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++)
        if (behind(name, labels[i]))
            return behind(name, labels[i]);
    return NULL;
}

bool
oxc_tls_names_of_hosting(const oxc_tls_handshake_t *handshake)
{
    static const char *const labels[] = { "cpanel.", "webdisk.", "cpcontacts.", "cpcalendars." };

    for (unsigned i = 0; i < handshake->name_count; i++)
        for (size_t j = 0; j < G_N_ELEMENTS(labels); j++)
            if (behind(handshake->names[i], labels[j]))
                return true;
    return false;
}
