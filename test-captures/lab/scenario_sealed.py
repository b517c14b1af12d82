# SPDX-License-Identifier: GPL-2.0-or-later
"""EMSMDB signed and sealed: NTLM with impacket on both sides, Kerberos with MIT's library on both sides and a real KDC."""

import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from Cryptodome.Cipher import ARC4
from impacket import ntlm
from impacket.dcerpc.v5 import rpcrt

import rops
from capture import SERVER, Link, Wakeup
from emsmdb import FOLDER_SUB, INBOX, Session, core, fetch, folder, mail, open_hierarchy
from rpc import ASYNCEMSMDB, EMSMDB, Channel, ImpacketClient, OwnClient, Server, header
from scenario_rpch import VirtualConnection, big_rows
from wire import COMPRESSED, LAST

USER, PASSWORD, DOMAIN = 'anna', 'correct horse 7', 'LAB'
INTEGRITY, PRIVACY = rpcrt.RPC_C_AUTHN_LEVEL_PKT_INTEGRITY, rpcrt.RPC_C_AUTHN_LEVEL_PKT_PRIVACY


def trailer(kind, level, pad, ctx):
    return struct.pack('<BBBBI', kind, level, pad, 0, ctx)


class NtlmServer:
    """The server's half of NTLM for one connection, [MS-NLMP] with the functions of impacket."""

    def accept(self, pdu):
        self.level, self.ctx = pdu.auth_level, pdu.auth_ctx
        asked = ntlm.NTLMAuthNegotiate()
        asked.fromString(pdu.auth_value)
        pairs = ntlm.AV_PAIRS()
        for key, value in ((ntlm.NTLMSSP_AV_HOSTNAME, 'STORE'), (ntlm.NTLMSSP_AV_DOMAINNAME, DOMAIN),
                           (ntlm.NTLMSSP_AV_DNS_HOSTNAME, 'store.lab.example'), (ntlm.NTLMSSP_AV_DNS_DOMAINNAME, 'lab.example')):
            pairs[key] = value.encode('utf-16-le')
        pairs[ntlm.NTLMSSP_AV_TIME] = struct.pack('<Q', 0x01DC7E4A00000000)
        self.flags = asked['flags'] | ntlm.NTLMSSP_NEGOTIATE_TARGET_INFO | ntlm.NTLMSSP_TARGET_TYPE_SERVER
        self.challenge = b'\x01\x23\x45\x67\x89\xab\xcd\xef'
        info, name = pairs.getData(), 'STORE'.encode('utf-16-le')
        answer = ntlm.NTLMAuthChallenge()
        answer['flags'] = self.flags
        answer['domain_len'] = answer['domain_max_len'] = len(name)
        answer['domain_offset'] = 40 + 16
        answer['challenge'] = self.challenge
        answer['domain_name'] = name
        answer['TargetInfoFields_len'] = answer['TargetInfoFields_max_len'] = len(info)
        answer['TargetInfoFields'] = info
        answer['TargetInfoFields_offset'] = 40 + 16 + len(name)
        answer['Version'] = b'\xff' * 8
        answer['VersionLen'] = 8
        return answer.getData()

    def auth3(self, token):
        """Check what the client proves, then derive the keys of [MS-NLMP] 3.4.5."""
        got = ntlm.NTLMAuthChallengeResponse()
        got.fromString(token)
        user, domain = (got[name].decode('utf-16-le') for name in ('user_name', 'domain_name'))
        key = ntlm.NTOWFv2(user, PASSWORD, domain)
        proof = ntlm.hmac_md5(key, self.challenge + got['ntlm'][16:])
        if proof != got['ntlm'][:16]:
            raise RuntimeError('NTLM: wrong password')
        self.flags = got['flags']
        session = ARC4.new(ntlm.hmac_md5(key, proof)).encrypt(got['session_key'])
        self.sign_in, self.sign_out = (ntlm.SIGNKEY(self.flags, session, mode) for mode in ('Client', 'Server'))
        self.handle_in, self.handle_out = (ARC4.new(ntlm.SEALKEY(self.flags, session, mode)).encrypt for mode in ('Client', 'Server'))
        self.seq_in = self.seq_out = 0

    def unprotect(self, pdu):
        start = 24
        stub = pdu.data[start:pdu.trailer_at]
        if self.level == PRIVACY:
            stub = self.handle_in(stub)
        whole = pdu.data[:start] + stub + pdu.data[pdu.trailer_at:-16]
        if ntlm.MAC(self.flags, self.handle_in, self.sign_in, self.seq_in, whole).getData() != pdu.auth_value:
            raise RuntimeError('NTLM: wrong signature')
        self.seq_in += 1

    def protect(self, kind, flags, call_id, head, stub):
        # Windows pads to 16; shorter stubs are more than Wireshark's NTLM can stand (it reads 16 bytes of the stub).
        pad = -len(stub) % 16
        stub += b'\0' * pad
        tail = trailer(rpcrt.RPC_C_AUTHN_WINNT, self.level, pad, self.ctx)
        whole = header(kind, flags, call_id, head + stub + tail + bytes(16), 16)[:-16]
        if self.level == PRIVACY:
            sealed, mac = ntlm.SEAL(self.flags, self.sign_out, None, whole, stub, self.seq_out, self.handle_out)
        else:
            sealed, mac = stub, ntlm.SIGN(self.flags, self.sign_out, whole, self.seq_out, self.handle_out)
        self.seq_out += 1
        return whole[:24] + sealed + tail + mac.getData()


def sealed_calls(capture, opener):
    """The usual calls, a wait on an own connection that is sealed too, and a registration nobody can read."""
    session = Session(capture)
    client, server = opener(EMSMDB)
    core(session, client, server)
    open_hierarchy(session, client, server)
    fetch(session, client, server, *[mail(10 + n) for n in range(6)], flags_out=LAST | COMPRESSED, comment='LZ77')
    big_rows(session, client, server, fragment=1024)
    session.register_push(client, server, b'sealed', '198.51.100.20', 2500)
    session.async_connect(client, server)
    wait_client, wait_server = opener(ASYNCEMSMDB)
    wait = session.async_wait(wait_client, wait_server, flags=1, held=True)
    capture.gap(30)
    wait.complete()
    got = fetch(session, client, server, mail(40), rops.message_created(FOLDER_SUB, 0, folder(INBOX), rops.eid(0x2040), []))
    Wakeup(capture, 2, 1, wait, got, session, 'after 30 s')
    session.disconnect(client, server)
    for one in (server, wait_server):
        if one.error:
            raise one.error


def ntlm_scenario(level, http=False):
    def make(capture):
        def opener(interface):
            channel = VirtualConnection(capture, greeting=interface is EMSMDB) if http else Channel(Link(capture))
            server = Server(channel, NtlmServer())
            client = ImpacketClient(channel, (USER, PASSWORD, DOMAIN), level)
            client.bind(interface)
            return client, server
        sealed_calls(capture, opener)
        capture.extra['keys'] = {'user': USER, 'domain': DOMAIN, 'password': PASSWORD,
                                 'tshark': ['-o', 'ntlmssp.nt_password:' + PASSWORD]}
        capture.extra['sealed'] = level == PRIVACY
        capture.notes.append(f'NTLMv2, user {DOMAIN}\\{USER}, password "{PASSWORD}": tshark -o "ntlmssp.nt_password:{PASSWORD}". '
                             'Without it the sealed stubs cannot be read.')
    return make


# -- Kerberos ----------------------------------------------------------------------------------------------------------

REALM = 'LAB.EXAMPLE'
SERVICE = 'exchangeMDB/store.lab.example@' + REALM


class Realm:
    """A KDC of MIT Kerberos in a directory of its own, with fixed passwords so that the keytab stays the same."""

    def __init__(self, enctype):
        self.place = tempfile.mkdtemp(prefix='lab-krb5-')
        self.keytab = os.path.join(self.place, 'service.keytab')
        conf, kdc = (os.path.join(self.place, name) for name in ('krb5.conf', 'kdc.conf'))
        with open(conf, 'w', encoding='ascii') as file:
            file.write(f'''[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 default_tkt_enctypes = {enctype}
 default_tgs_enctypes = {enctype}
 permitted_enctypes = {enctype}
 allow_weak_crypto = true
[realms]
 {REALM} = {{
  kdc = {SERVER}
 }}
[domain_realm]
 .lab.example = {REALM}
''')
        with open(kdc, 'w', encoding='ascii') as file:
            file.write(f'''[kdcdefaults]
 kdc_listen = {SERVER}:88
 kdc_tcp_listen = {SERVER}:88
[realms]
 {REALM} = {{
  database_name = {self.place}/principal
  key_stash_file = {self.place}/stash
  acl_file = {self.place}/acl
  supported_enctypes = {enctype}:normal
  master_key_type = aes256-cts-hmac-sha1-96
 }}
''')
        os.environ.update(KRB5_CONFIG=conf, KRB5_KDC_PROFILE=kdc, KRB5_KTNAME=self.keytab, KRB5CCNAME='MEMORY:lab',
                          KRB5RCACHENAME='none:')
        self._run('kdb5_util', 'create', '-s', '-P', 'master of the lab', '-r', REALM)
        for command in (f'addprinc -pw "{PASSWORD}" {USER}', f'addprinc -pw "service of the lab" {SERVICE}',
                        f'ktadd -k {self.keytab} -norandkey {SERVICE}'):
            self._run('kadmin.local', '-r', REALM, '-q', command)
        self.kdc = subprocess.Popen(['/usr/sbin/krb5kdc', '-n', '-r', REALM], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(0.5)

    def _run(self, *command):
        subprocess.run(command, check=True, capture_output=True, env=dict(os.environ, PATH='/usr/sbin:/sbin:/usr/bin:/bin'))

    def close(self):
        self.kdc.send_signal(signal.SIGTERM)
        self.kdc.wait()
        shutil.rmtree(self.place)


class KerberosEnd:
    """Either half: tokens and sealing by MIT's GSS-API in DCE style (three tokens, trailer in front)."""

    def __init__(self, kind, spnego, client):
        import gssapi
        self.gssapi = gssapi
        self.kind, self.level, self.ctx = kind, PRIVACY, 79231
        flags = gssapi.RequirementFlag
        flags = flags.mutual_authentication | flags.replay_detection | flags.out_of_sequence_detection | flags.confidentiality | \
            flags.integrity | flags.dce_style
        krb5 = gssapi.OID.from_int_seq('1.2.840.113554.1.2.2')
        mech = gssapi.OID.from_int_seq('1.3.6.1.5.5.2') if spnego else krb5
        principal = gssapi.NameType.kerberos_principal
        if client:
            creds = gssapi.raw.acquire_cred_with_password(gssapi.Name(f'{USER}@{REALM}', principal), PASSWORD.encode(), mechs=[mech],
                                                          usage='initiate').creds
            self.context = gssapi.SecurityContext(name=gssapi.Name(SERVICE, principal), creds=gssapi.Credentials(creds), flags=flags,
                                                  mech=mech, usage='initiate')
        else:
            creds = gssapi.Credentials(name=gssapi.Name(SERVICE, principal), usage='accept')
            self.context = gssapi.SecurityContext(creds=creds, usage='accept')

    # server
    def accept(self, pdu):
        self.ctx = pdu.auth_ctx
        return self.context.step(pdu.auth_value) or b''

    def auth3(self, token):
        self.context.step(token)

    # client
    def first_trailer(self, _end):
        return trailer(self.kind, self.level, 0, self.ctx)

    def first_token(self):
        return self.context.step()

    def second_token(self, token):
        return self.context.step(token)

    def done(self):
        return self.context.complete

    def _iov(self, *parts):
        raw = self.gssapi.raw
        return raw.IOV(*parts, std_layout=False)

    def protect(self, kind, flags, call_id, head, stub):
        raw = self.gssapi.raw
        pad = -len(stub) % 16
        stub += b'\0' * pad
        tail = trailer(self.kind, self.level, pad, self.ctx)
        size = self._length(stub)
        whole = header(kind, flags, call_id, head + stub + tail + bytes(size), size)
        iov = self._iov((raw.IOVBufferType.header, True, None), (raw.IOVBufferType.sign_only, False, whole[:24]),
                        (raw.IOVBufferType.data, False, stub), (raw.IOVBufferType.sign_only, False, tail))
        raw.wrap_iov(self.context, iov, True)
        token, sealed = iov[0].value, iov[2].value
        if len(token) != size:
            raise RuntimeError('GSS-API changed its mind about the size of its token')
        return whole[:24] + sealed + tail + token

    def _length(self, stub):
        raw = self.gssapi.raw
        iov = self._iov((raw.IOVBufferType.header, False, None), (raw.IOVBufferType.sign_only, False, bytes(24)),
                        (raw.IOVBufferType.data, False, stub), (raw.IOVBufferType.sign_only, False, bytes(8)))
        raw.wrap_iov_length(self.context, iov, True)
        for buffer in iov:
            if buffer.type == raw.IOVBufferType.header:
                return buffer.value if isinstance(buffer.value, int) else len(buffer.value)
        raise RuntimeError('no token')

    def unprotect(self, pdu):
        raw = self.gssapi.raw
        iov = self._iov((raw.IOVBufferType.header, False, pdu.auth_value), (raw.IOVBufferType.sign_only, False, pdu.data[:24]),
                        (raw.IOVBufferType.data, False, pdu.data[24:pdu.trailer_at]),
                        (raw.IOVBufferType.sign_only, False, pdu.data[pdu.trailer_at:pdu.trailer_at + 8]))
        raw.unwrap_iov(self.context, iov)


def kerberos_scenario(kind, spnego, enctype):
    def make(capture):
        realm = Realm(enctype)

        def opener(interface):
            channel = Channel(Link(capture))
            server = Server(channel, KerberosEnd(kind, spnego, False))
            client = OwnClient(channel, security=KerberosEnd(kind, spnego, True))
            client.bind(interface)
            return client, server
        try:
            sealed_calls(capture, opener)
            shutil.copyfile(realm.keytab, os.path.join(capture.out, capture.name + '.keytab'))
        finally:
            realm.close()
        capture.extra['keys'] = {'user': f'{USER}@{REALM}', 'password': PASSWORD, 'service': SERVICE,
                                 'keytab': capture.name + '.keytab', 'enctype': enctype,
                                 'tshark': ['-o', 'kerberos.decrypt:TRUE', '-o', f'kerberos.file:{capture.name}.keytab']}
        capture.extra['sealed'] = True
        capture.notes.append(f'Kerberos ({enctype}), MIT KDC, service {SERVICE}: tshark -o kerberos.decrypt:TRUE -K {capture.name}.keytab. '
                             'Without the keytab the sealed stubs cannot be read.')
    return make


SCENARIOS = {
    'rpc-ntlm-privacy': ('EMSMDB sealed with NTLM (PKT_PRIVACY)', ntlm_scenario(PRIVACY)),
    'rpc-ntlm-integrity': ('EMSMDB signed with NTLM (PKT_INTEGRITY)', ntlm_scenario(INTEGRITY)),
    'rpch-ntlm-privacy': ('EMSMDB sealed with NTLM over RPC over HTTP v2', ntlm_scenario(PRIVACY, http=True)),
    'rpc-krb5-privacy': ('EMSMDB sealed with Kerberos (PKT_PRIVACY)', kerberos_scenario(16, False, 'aes256-cts-hmac-sha1-96')),
    'rpc-spnego-privacy': ('EMSMDB sealed with Kerberos by SPNEGO, as Outlook does it (PKT_PRIVACY)',
                           kerberos_scenario(9, True, 'aes256-cts-hmac-sha1-96')),
}
