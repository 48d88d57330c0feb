"""DSSE, version 1: what in-toto signs its statements in. Keys and signatures are Ed25519's, by libsodium; key files are minisign's.

Specification: https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md and envelope.md.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from torchferry.bundle.contract import Strict
from torchferry.bundle.problem import read_model, shown
from torchferry.bundle.secret_key import SecretKey, sign_ed25519
from torchferry.bundle.signature import SIGNATURE_BYTES, named, verifies
from torchferry.bundle.strict_json import parse_json
from torchferry.bundle.trust import Keyring
from torchferry.errors import ExitCode, FerryError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_BYTES = 16_777_216  # of an envelope, and of a report
MAX_SIGNATURES = 16
ADVICE = "get the attestation again"


class _Signature(Strict):
    keyid: str = ""
    sig: str


class _Envelope(Strict):
    payload: str
    payloadType: str  # noqa: N815  # DSSE's name
    signatures: tuple[_Signature, ...] = Field(min_length=1, max_length=MAX_SIGNATURES, strict=False)


@dataclass(frozen=True)
class Signed:
    """A payload that trusted keys signed, and the ids of those keys."""

    payload: bytes
    key_ids: tuple[str, ...]


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: type and payload with their lengths, so that nothing can be moved from one into the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, key: SecretKey) -> bytes:
    """Return the envelope of a payload of in-toto, signed by `key`: one line of JSON."""
    signature = sign_ed25519(pre_authentication_encoding(PAYLOAD_TYPE, payload), key)
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key.key_id, "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(envelope).encode() + b"\n"


def is_envelope(value: object) -> bool:
    """Say whether a JSON value means to be an envelope."""
    return isinstance(value, dict) and "payloadType" in value


def unseal(data: bytes, where: str, keys: Keyring) -> Signed:
    """Return the payload of an envelope that a trusted key signed; `where` names its file in messages.

    Raises FerryError: FORMAT for what is no envelope of in-toto; INTEGRITY where no trusted key signed it, and where a signature that
    names a trusted key is wrong.
    """
    envelope = _parse(data, where)
    payload = _decode(envelope.payload, f"{where}: payload")
    message = pre_authentication_encoding(envelope.payloadType, payload)
    trusted = sorted(keys.keys.keys() - keys.revoked)
    good: list[str] = []
    for index, one in enumerate(envelope.signatures):
        signature = _decode(one.sig, f"{where}: signatures[{index}].sig")
        candidates = trusted if not one.keyid else [one.keyid] if one.keyid in trusted else []
        found = [name for name in candidates if _fits(keys, name, message, signature)]
        if one.keyid in trusted and not found:
            raise _wrong(where, one.keyid)
        good += found
    if not good:
        raise _foreign(where, [one.keyid for one in envelope.signatures], keys, trusted)
    return Signed(payload, tuple(dict.fromkeys(good)))


def payload_unchecked(data: bytes, where: str) -> bytes:
    """Return the payload of an envelope, whoever made it: nothing of it may be believed. Raises FerryError(FORMAT)."""
    return _decode(_parse(data, where).payload, f"{where}: payload")


def _fits(keys: Keyring, key_id: str, message: bytes, signature: bytes) -> bool:
    return len(signature) == SIGNATURE_BYTES and verifies(keys.keys[key_id].key, message, signature)


def _wrong(where: str, key_id: str) -> FerryError:
    return FerryError(
        ExitCode.INTEGRITY,
        f"{where}: signature of key {key_id}: does not fit the payload, expected the signature of these bytes; {ADVICE}",
    )


def _foreign(where: str, given: Sequence[str], keys: Keyring, trusted: Sequence[str]) -> FerryError:
    who = next((one for one in given if one in keys.revoked), given[0])
    state = "is revoked" if who in keys.revoked else "is not trusted"
    return FerryError(
        ExitCode.INTEGRITY,
        f"{where}: signed by key {who or '(unnamed)'}, which {state}; expected key {named(trusted)}; get an attestation that it signed",
    )


def _parse(data: bytes, where: str) -> _Envelope:
    value = parse_json(data, where=where, most=MAX_BYTES, advice=ADVICE)
    envelope = read_model(_Envelope, value, where, what="an envelope of DSSE", advice=ADVICE)
    if envelope.payloadType != PAYLOAD_TYPE:
        raise FerryError(
            ExitCode.FORMAT, f"{where}: payloadType: got {shown(envelope.payloadType)}, expected {PAYLOAD_TYPE}; {ADVICE}"
        )
    return envelope


def _decode(text: str, where: str) -> bytes:
    """Decode base64, in either of the alphabets that DSSE allows. Raises FerryError(FORMAT)."""
    try:
        return base64.b64decode(text.translate(str.maketrans("-_", "+/")).encode(), validate=True)
    except (binascii.Error, ValueError):
        raise FerryError(ExitCode.FORMAT, f"{where}: got a text that is not base64, expected it; {ADVICE}") from None
