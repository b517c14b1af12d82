/* tls_handshake.c
 * Names in a TLS handshake that was not encrypted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tls/tls_handshake.h"

#include <string.h>

enum { RECORD_HANDSHAKE = 22 };                                 /* RFC 8446 5.1 */
enum { CLIENT_HELLO = 1, CERTIFICATE = 11 };                    /* RFC 8446 4 */
enum { SERVER_NAME = 0, ALPN = 16 };                            /* RFC 8446 4.2 */
enum { HOST_NAME = 0 };                                         /* RFC 6066 3 */
enum { DER_SEQUENCE = 0x30, DER_SET = 0x31, DER_OID = 6, DER_BOOLEAN = 1, DER_OCTETS = 4, EXTENSIONS = 0xA3,
       VERSION = 0xA0, DNS_NAME = 0x82 };                       /* X.690 8.1.2, RFC 5280 4.1 and 4.2.1.6 */

#define MAX_PARTS 200           /* records, messages, extensions, attributes of one list */

/* Bytes that are still to be read. */
typedef struct {
    const uint8_t *at;
    size_t left;
} view_t;

static bool
take(view_t *from, size_t size, view_t *taken)
{
    if (from->left < size)
        return false;
    taken->at = from->at;
    taken->left = size;
    from->at += size;
    from->left -= size;
    return true;
}

static bool
take_number(view_t *from, unsigned size, size_t *number)
{
    view_t bytes;

    if (!take(from, size, &bytes))
        return false;
    *number = 0;
    for (unsigned i = 0; i < size; i++)
        *number = *number << 8 | bytes.at[i];
    return true;
}

/* A vector with its length in front (RFC 8446 3.4). */
static bool
take_vector(view_t *from, unsigned length_size, view_t *taken)
{
    size_t length;

    return take_number(from, length_size, &length) && take(from, length, taken);
}

/* One value in DER. Lengths of more than three bytes are none of a certificate in TLS. */
static bool
take_der(view_t *from, size_t *tag, view_t *value)
{
    size_t length;

    if (!take_number(from, 1, tag) || !take_number(from, 1, &length))
        return false;
    if (length > 0x83 || length == 0x80)
        return false;
    if (length > 0x80 && !take_number(from, (unsigned)length & 3, &length))
        return false;
    return take(from, length, value);
}

static bool
take_der_of(view_t *from, size_t wanted, view_t *value)
{
    size_t tag;

    return take_der(from, &tag, value) && tag == wanted;
}

/* A host name, in lower case; NULL if it cannot be one. */
static const char *
host_name(wmem_allocator_t *scope, const view_t *name)
{
    char *copy;

    if (name->left == 0 || name->left > 253)
        return NULL;
    for (size_t i = 0; i < name->left; i++)
        if (!g_ascii_isalnum(name->at[i]) && !strchr("-._*", name->at[i]))
            return NULL;
    copy = wmem_strndup(scope, (const char *)name->at, name->left);
    for (char *c = copy; *c; c++)
        *c = g_ascii_tolower(*c);
    return copy;
}

static bool
is_text(const view_t *view, const char *text)
{
    return view->left == strlen(text) && memcmp(view->at, text, view->left) == 0;
}

/* ---- ClientHello ---- */

static void
read_server_name(wmem_allocator_t *scope, view_t extension, oxc_tls_handshake_t *handshake)
{
    view_t list, name;
    size_t type;

    if (take_vector(&extension, 2, &list) && take_number(&list, 1, &type) && type == HOST_NAME &&
        take_vector(&list, 2, &name))
        handshake->server_name = host_name(scope, &name);
}

static void
read_alpn(view_t extension, oxc_tls_handshake_t *handshake)
{
    view_t list, name;

    if (!take_vector(&extension, 2, &list))
        return;
    handshake->other_protocol = list.left > 0;
    for (unsigned i = 0; i < MAX_PARTS && take_vector(&list, 1, &name); i++)
        if (is_text(&name, "http/1.1") || is_text(&name, "http/1.0") || is_text(&name, "h2"))
            handshake->other_protocol = false;
}

/* RFC 8446 4.1.2 */
static void
read_client_hello(wmem_allocator_t *scope, view_t hello, oxc_tls_handshake_t *handshake)
{
    view_t skipped, extensions, extension;
    size_t type;

    handshake->client_hello = true;
    if (!take(&hello, 2 + 32, &skipped) || !take_vector(&hello, 1, &skipped) || !take_vector(&hello, 2, &skipped) ||
        !take_vector(&hello, 1, &skipped) || !take_vector(&hello, 2, &extensions))
        return;
    for (unsigned i = 0; i < MAX_PARTS; i++) {
        if (!take_number(&extensions, 2, &type) || !take_vector(&extensions, 2, &extension))
            return;
        if (type == SERVER_NAME)
            read_server_name(scope, extension, handshake);
        else if (type == ALPN)
            read_alpn(extension, handshake);
    }
}

/* ---- Certificate ---- */

static void
add_name(wmem_allocator_t *scope, const view_t *text, oxc_tls_handshake_t *handshake)
{
    const char *name = host_name(scope, text);

    if (name && handshake->name_count < OXC_TLS_MAX_NAMES)
        handshake->names[handshake->name_count++] = name;
}

/* The common names of a subject (RFC 5280 4.1.2.6). */
static void
read_subject(wmem_allocator_t *scope, view_t subject, oxc_tls_handshake_t *handshake)
{
    static const uint8_t common_name[] = { 0x55, 0x04, 0x03 };
    view_t set, attribute, oid, value;
    size_t tag;

    for (unsigned i = 0; i < MAX_PARTS && take_der_of(&subject, DER_SET, &set); i++)
        if (take_der_of(&set, DER_SEQUENCE, &attribute) && take_der_of(&attribute, DER_OID, &oid) &&
            oid.left == sizeof common_name && memcmp(oid.at, common_name, oid.left) == 0 &&
            take_der(&attribute, &tag, &value))
            add_name(scope, &value, handshake);
}

/* The dNSNames of the extension subjectAltName (RFC 5280 4.2.1.6). */
static void
read_alternative_names(wmem_allocator_t *scope, view_t extension, oxc_tls_handshake_t *handshake)
{
    static const uint8_t subject_alt_name[] = { 0x55, 0x1D, 0x11 };
    view_t oid, value, list, name;
    size_t tag;

    if (!take_der_of(&extension, DER_OID, &oid) || oid.left != sizeof subject_alt_name ||
        memcmp(oid.at, subject_alt_name, oid.left) != 0 || !take_der(&extension, &tag, &value))
        return;
    if (tag == DER_BOOLEAN && !take_der(&extension, &tag, &value))
        return;
    if (tag != DER_OCTETS || !take_der_of(&value, DER_SEQUENCE, &list))
        return;
    for (unsigned i = 0; i < MAX_PARTS && take_der(&list, &tag, &name); i++)
        if (tag == DNS_NAME)
            add_name(scope, &name, handshake);
}

/* RFC 5280 4.1 */
static void
read_x509(wmem_allocator_t *scope, view_t data, oxc_tls_handshake_t *handshake)
{
    view_t certificate, body, value, list, extension;
    size_t tag;

    if (!take_der_of(&data, DER_SEQUENCE, &certificate) || !take_der_of(&certificate, DER_SEQUENCE, &body) ||
        !take_der(&body, &tag, &value))
        return;
    if (tag == VERSION && !take_der(&body, &tag, &value))       /* the serial number */
        return;
    /* signature, issuer, validity */
    for (unsigned i = 0; i < 3; i++)
        if (!take_der_of(&body, DER_SEQUENCE, &value))
            return;
    if (!take_der_of(&body, DER_SEQUENCE, &value))
        return;
    read_subject(scope, value, handshake);
    for (unsigned i = 0; i < MAX_PARTS && take_der(&body, &tag, &value); i++) {
        if (tag != EXTENSIONS || !take_der_of(&value, DER_SEQUENCE, &list))
            continue;
        for (unsigned j = 0; j < MAX_PARTS && take_der_of(&list, DER_SEQUENCE, &extension); j++)
            read_alternative_names(scope, extension, handshake);
    }
}

/* RFC 5246 7.4.2: the server's own certificate comes first. In TLS 1.3 the message is encrypted. */
static void
read_certificate(wmem_allocator_t *scope, view_t message, oxc_tls_handshake_t *handshake)
{
    view_t list, certificate;

    if (!take_vector(&message, 3, &list) || !take_vector(&list, 3, &certificate))
        return;
    handshake->certificate = true;
    read_x509(scope, certificate, handshake);
}

/* ---- messages ---- */

/* RFC 8446 4; what is behind an incomplete message is not read. */
static void
read_messages(wmem_allocator_t *scope, view_t data, oxc_tls_handshake_t *handshake)
{
    view_t message;
    size_t type;

    for (unsigned i = 0; i < MAX_PARTS; i++) {
        if (!take_number(&data, 1, &type) || !take_vector(&data, 3, &message))
            return;
        if (type == CLIENT_HELLO)
            read_client_hello(scope, message, handshake);
        else if (type == CERTIFICATE)
            read_certificate(scope, message, handshake);
    }
}

void
oxc_tls_read_handshake(wmem_allocator_t *scope, tvbuff_t *data, oxc_tls_handshake_t *handshake)
{
    view_t all = { NULL, tvb_captured_length(data) }, record, skipped;
    size_t type;

    if (all.left == 0)
        return;
    all.at = tvb_get_ptr(data, 0, (int)all.left);
    if (all.at[0] == CLIENT_HELLO || all.at[0] == CERTIFICATE) {
        read_messages(scope, all, handshake);
        return;
    }
    for (unsigned i = 0; i < MAX_PARTS; i++) {
        if (!take_number(&all, 1, &type) || type < 20 || type > 24 || !take(&all, 2, &skipped) ||
            skipped.at[0] != 3 || !take_vector(&all, 2, &record))
            return;
        if (type == RECORD_HANDSHAKE)
            read_messages(scope, record, handshake);
    }
}
