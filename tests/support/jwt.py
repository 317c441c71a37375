"""JSON Web Tokens and key sets for tests. Signatures are made by the openssl command line and the standard library."""

import base64
import hashlib
import hmac
import itertools
import json
import pathlib

from support.certificates import openssl

NUMBERS = itertools.count(1)
CURVES = {"ES256": ("P-256", 32), "ES384": ("P-384", 48), "ES512": ("P-521", 66)}


def encode(data):
    """base64url without padding, of bytes or of what JSON can say."""
    if not isinstance(data, bytes):
        data = json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """One signing key with its files in `folder`; `algorithm` as tokens name it (RS256, ES384, HS512, EdDSA, ...)."""

    def __init__(self, folder, algorithm, key_id=None, bits=2048):
        self.algorithm, self.key_id = algorithm, key_id
        self.file = pathlib.Path(folder) / f"{algorithm}-{key_id}-{next(NUMBERS)}.key"
        self.secret = b"secret of " + algorithm.encode() + (key_id or "").encode()
        kind = algorithm[:2]
        if kind in ("RS", "PS"):
            openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", self.file)
        elif kind == "ES":
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVES[algorithm][0]}", "-out", self.file)
        elif kind == "Ed":
            openssl("genpkey", "-algorithm", "ED25519", "-out", self.file)

    def public(self):
        return openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")

    def jwk(self, **more):
        """Its entry in a key set: `more` adds or replaces members, None takes one away."""
        kind = self.algorithm[:2]
        if kind in ("RS", "PS"):
            modulus = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode().strip().partition("=")[2]
            entry = {"kty": "RSA", "n": encode(bytes.fromhex(modulus)), "e": "AQAB"}
        elif kind == "ES":
            curve, size = CURVES[self.algorithm]
            point = self.public()[-2 * size:]
            entry = {"kty": "EC", "crv": curve, "x": encode(point[:size]), "y": encode(point[size:])}
        elif kind == "Ed":
            entry = {"kty": "OKP", "crv": "Ed25519", "x": encode(self.public()[-32:])}
        else:
            entry = {"kty": "oct", "k": encode(self.secret)}
        entry |= {"alg": self.algorithm, "kid": self.key_id, **more}
        return {name: value for name, value in entry.items() if value is not None}

    def sign(self, text, algorithm=None):
        kind, bits = self.algorithm[:2], (algorithm or self.algorithm)[2:]
        if kind == "HS":
            return hmac.new(self.secret, text, getattr(hashlib, "sha" + bits)).digest()
        if kind == "Ed":
            message = self.file.with_suffix(".message")
            message.write_bytes(text)
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", message)
        options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1"] if kind == "PS" else []
        signature = openssl("dgst", f"-sha{bits}", "-sign", self.file, *options, stdin=text)
        return raw(signature, CURVES[self.algorithm][1]) if kind == "ES" else signature

    def token(self, claims=None, header=None, **more):
        """A token of these claims, in its compact form."""
        head = {"alg": self.algorithm, "typ": "JWT", **({"kid": self.key_id} if self.key_id else {}), **(header or {})}
        signed = f"{encode(head)}.{encode({**(claims or {}), **more})}"
        return f"{signed}.{encode(self.sign(signed.encode()))}"


def raw(der, size):
    """R and S of an ECDSA signature side by side, out of their ASN.1."""
    at = 3 if der[1] & 0x80 else 2
    numbers = []
    for _ in range(2):
        length = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2:at + 2 + length], "big").to_bytes(size, "big"))
        at += 2 + length
    return b"".join(numbers)


def jwks(*keys):
    """A key set as text, of keys or of entries."""
    return json.dumps({"keys": [key.jwk() if isinstance(key, Key) else key for key in keys]})
