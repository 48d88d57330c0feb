"""Key pairs and signatures in minisign's formats: what `ferry key` and `ferry sign` write. Cryptography is libsodium's."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass

from torchferry.bundle.signature import ID_BYTES, LEGACY, PREHASHED, TRUSTED, UNTRUSTED, decode_base64, key_id_of
from torchferry.errors import ExitCode, FerryError

# libsodium's crypto_pwhash_scryptsalsa208sha256_*LIMIT_SENSITIVE, which minisign uses: 1 GiB of memory, a few seconds.
_OPERATIONS, _MEMORY = 33_554_432, 1_073_741_824
_SCRYPT, _NO_PASSWORD, _BLAKE2B = b"Sc", b"\0\0", b"B2"
_SALT, _SECRET, _SUM = 32, 64, 32
_BYTES = 6 + _SALT + 16 + ID_BYTES + _SECRET + _SUM


@dataclass(frozen=True)
class SecretKey:
    """A key that signs: 8 bytes of id, and Ed25519's seed with its public half (64 bytes)."""

    raw_id: bytes
    secret: bytes

    @property
    def key_id(self) -> str:
        """The 16 hex digits that minisign prints."""
        return key_id_of(self.raw_id)


def make_key() -> SecretKey:
    """Make a key from the system's random numbers."""
    from nacl.bindings import crypto_sign_keypair

    return SecretKey(os.urandom(ID_BYTES), crypto_sign_keypair()[1])


def public_text(key: SecretKey) -> bytes:
    """Return the `.pub` file."""
    line = base64.b64encode(LEGACY + key.raw_id + key.secret[32:])
    return UNTRUSTED + f"minisign public key {key.key_id}\n".encode() + line + b"\n"


def secret_text(key: SecretKey, password: bytes | None) -> bytes:
    """Return the `.key` file, encrypted by `password`; None: anyone who reads it can sign."""
    body = key.raw_id + key.secret + _checksum(key)
    if password is None:
        head = LEGACY + _NO_PASSWORD + _BLAKE2B + bytes(_SALT + 16)
        kind = b"minisign unencrypted secret key"
    else:
        salt = os.urandom(_SALT)
        body = _xor(body, _stream(password, salt, _OPERATIONS, _MEMORY))
        head = LEGACY + _SCRYPT + _BLAKE2B + salt + _OPERATIONS.to_bytes(8, "little") + _MEMORY.to_bytes(8, "little")
        kind = b"minisign encrypted secret key"
    return UNTRUSTED + kind + b"\n" + base64.b64encode(head + body) + b"\n"


def is_encrypted(data: bytes, where: str) -> bool:
    """Return whether the secret key file needs a password. Raises FerryError(FORMAT) for what is no secret key."""
    return _decode(data, where)[2:4] == _SCRYPT


def parse_secret_key(data: bytes, where: str, password: bytes | None = None) -> SecretKey:
    """Parse a secret key file of minisign. Raises FerryError(FORMAT), or BAD_INPUT for a wrong password."""
    raw = _decode(data, where)
    body = raw[6 + _SALT + 16 :]
    if raw[2:4] == _SCRYPT:
        salt, limits = raw[6 : 6 + _SALT], raw[6 + _SALT : 6 + _SALT + 16]
        operations, memory = int.from_bytes(limits[:8], "little"), int.from_bytes(limits[8:], "little")
        if operations > 4 * _OPERATIONS or memory > 4 * _MEMORY:
            raise FerryError(
                ExitCode.FORMAT,
                f"{where}: got a key that asks for {operations} operations and {memory} bytes, expected at most "
                f"{4 * _OPERATIONS} and {4 * _MEMORY}; make a new one",
            )
        body = _xor(body, _stream(password or b"", salt, operations, memory))
    key = SecretKey(body[:ID_BYTES], body[ID_BYTES : ID_BYTES + _SECRET])
    if body[ID_BYTES + _SECRET :] != _checksum(key):
        if raw[2:4] == _SCRYPT:
            raise FerryError(
                ExitCode.BAD_INPUT, f"{where}: got a password that does not open the key, expected its own; try again"
            )
        raise FerryError(ExitCode.FORMAT, f"{where}: got a damaged secret key, expected one with its checksum; get it again")
    return key


def sign(message: bytes, key: SecretKey, comment: str) -> bytes:
    """Return the signature file of `message`, prehashed; `comment` is signed too. Raises FerryError(USAGE) for a comment of two lines."""
    if "\n" in comment or "\r" in comment or "\0" in comment or len(comment.encode()) > 4096:
        raise FerryError(ExitCode.USAGE, "--comment: got more than one line or 4096 bytes, expected one short line")
    signature = sign_ed25519(hashlib.blake2b(message).digest(), key)
    lines = [
        UNTRUSTED + f"signature of ferry key {key.key_id}".encode(),
        base64.b64encode(PREHASHED + key.raw_id + signature),
        TRUSTED + comment.encode(),
        base64.b64encode(sign_ed25519(signature + comment.encode(), key)),
    ]
    return b"\n".join(lines) + b"\n"


def sign_ed25519(message: bytes, key: SecretKey) -> bytes:
    """Return Ed25519's signature of the message itself: 64 bytes."""
    from nacl.bindings import crypto_sign

    return bytes(crypto_sign(message, key.secret)[:64])


def _decode(data: bytes, where: str) -> bytes:
    lines = data.removesuffix(b"\n").split(b"\n")
    raw = decode_base64(lines[-1], _BYTES)
    known = raw is not None and raw[:2] == LEGACY and raw[2:4] in (_SCRYPT, _NO_PASSWORD) and raw[4:6] == _BLAKE2B
    if len(lines) != 2 or not lines[0].startswith(UNTRUSTED) or raw is None or not known:
        raise FerryError(ExitCode.FORMAT, f"{where}: got no secret key, expected minisign's two lines; make one with `ferry key`")
    return raw


def _checksum(key: SecretKey) -> bytes:
    return hashlib.blake2b(LEGACY + key.raw_id + key.secret, digest_size=_SUM).digest()


def _stream(password: bytes, salt: bytes, operations: int, memory: int) -> bytes:
    from nacl.pwhash import scrypt

    try:
        return bytes(scrypt.kdf(ID_BYTES + _SECRET + _SUM, password, salt, opslimit=operations, memlimit=memory))
    except MemoryError:
        raise
    except Exception as error:  # PyNaCl's own classes, and a library without scrypt
        raise FerryError(ExitCode.IO, f"password: got {error}, expected {memory} bytes of free memory for scrypt") from None


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
