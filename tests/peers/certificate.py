# SPDX-License-Identifier: MIT
"""A certificate for a peer that talks TLS."""
import os
import subprocess


def make_certificate(folder, names):
    """A self-signed one for these names, as subjectAltName has them, and its key: two files in PEM. Takes openssl."""
    certificate, key = os.path.join(folder, 'certificate.pem'), os.path.join(folder, 'key.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                    '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=' + names,
                    '-addext', 'keyUsage=critical,digitalSignature,keyCertSign', '-keyout', key, '-out', certificate],
                   check=True, capture_output=True)
    return certificate, key
