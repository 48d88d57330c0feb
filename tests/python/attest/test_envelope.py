"""DSSE envelopes, held to the specification's own example and to securesystemslib, another implementation."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from torchferry.attest.envelope import PAYLOAD_TYPE, pre_authentication_encoding, seal, unseal
from torchferry.bundle.secret_key import SecretKey, make_key, public_text
from torchferry.bundle.signature import parse_public_key
from torchferry.bundle.trust import Keyring
from torchferry.errors import ExitCode, FerryError

PAYLOAD = b'{"hello": "world"}'


def ring_of(*keys: SecretKey, revoked: tuple[SecretKey, ...] = ()) -> Keyring:
    public = [parse_public_key(public_text(key), "a test") for key in keys]
    return Keyring({key.key_id: key for key in public}, {key.key_id for key in revoked})


def other_tools_key(key: SecretKey) -> SSlibKey:
    return SSlibKey(key.key_id, "ed25519", "ed25519", {"public": key.secret[32:].hex()})


def refusal(data: bytes, keys: Keyring) -> tuple[ExitCode, str]:
    with pytest.raises(FerryError) as refused:
        unseal(data, "a.json", keys)
    return refused.value.code, str(refused.value)


def test_the_encoding_is_that_of_the_specification() -> None:
    """The example of https://github.com/secure-systems-lab/dsse/blob/master/protocol.md."""
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_another_tool_verifies_our_envelope_and_refuses_a_changed_one() -> None:
    key, other = make_key(), make_key()
    envelope = json.loads(seal(PAYLOAD, key))
    parsed = Envelope.from_dict(json.loads(json.dumps(envelope)))
    assert (parsed.payload, parsed.payload_type) == (PAYLOAD, PAYLOAD_TYPE)
    assert list(parsed.verify([other_tools_key(key)], 1)) == [key.key_id]
    with pytest.raises(VerificationError):
        Envelope.from_dict(json.loads(json.dumps(envelope))).verify([other_tools_key(other)], 1)
    envelope["payload"] = base64.b64encode(PAYLOAD.replace(b"world", b"worse")).decode()
    with pytest.raises(VerificationError):
        Envelope.from_dict(envelope).verify([other_tools_key(key)], 1)


def test_what_was_sealed_comes_back_with_who_sealed_it() -> None:
    key = make_key()
    signed = unseal(seal(PAYLOAD, key), "a.json", ring_of(make_key(), key))
    assert (signed.payload, signed.key_ids) == (PAYLOAD, (key.key_id,))


def test_bytes_of_the_message_cannot_be_moved_into_the_signature() -> None:
    """A signature is what stands before its message: one of more bytes would sign the end of what a key once signed."""
    key = make_key()
    end = pre_authentication_encoding(PAYLOAD_TYPE, PAYLOAD)
    honest = json.loads(seal(b"a payload that quotes " + end, key))
    whole = pre_authentication_encoding(PAYLOAD_TYPE, base64.b64decode(honest["payload"]))
    longer = base64.b64decode(honest["signatures"][0]["sig"]) + whole.removesuffix(end)
    forged = honest | {
        "payload": base64.b64encode(PAYLOAD).decode(),
        "signatures": [{"keyid": key.key_id, "sig": base64.b64encode(longer).decode()}],
    }
    for text in (forged, forged | {"signatures": [{"sig": forged["signatures"][0]["sig"]}]}):
        code, words = refusal(json.dumps(text).encode(), ring_of(key))
        assert code == ExitCode.INTEGRITY
        assert "does not fit the payload" in words or "is not trusted" in words
    with pytest.raises(VerificationError):
        Envelope.from_dict(json.loads(json.dumps(forged))).verify([other_tools_key(key)], 1)


def test_a_second_signature_of_a_stranger_does_no_harm_and_a_wrong_one_of_a_trusted_key_refuses() -> None:
    ours, theirs = make_key(), make_key()
    both = json.loads(seal(PAYLOAD, theirs))
    both["signatures"] += json.loads(seal(PAYLOAD, ours))["signatures"]
    assert unseal(json.dumps(both).encode(), "a.json", ring_of(ours)).key_ids == (ours.key_id,)
    both["signatures"][0]["sig"] = both["signatures"][1]["sig"]
    for signatures in (both["signatures"], both["signatures"][::-1]):
        code, words = refusal(json.dumps(both | {"signatures": signatures}).encode(), ring_of(ours, theirs))
        assert code == ExitCode.INTEGRITY
        assert f"signature of key {theirs.key_id}: does not fit the payload" in words


def test_a_signature_without_a_key_id_is_tried_with_every_trusted_key_and_url_safe_base64_is_read() -> None:
    key = make_key()
    envelope = json.loads(seal(PAYLOAD, key))
    del envelope["signatures"][0]["keyid"]
    envelope["signatures"][0]["sig"] = envelope["signatures"][0]["sig"].replace("+", "-").replace("/", "_")
    assert unseal(json.dumps(envelope).encode(), "a.json", ring_of(make_key(), key)).key_ids == (key.key_id,)
    assert refusal(json.dumps(envelope).encode(), ring_of(make_key()))[0] == ExitCode.INTEGRITY


def test_strange_and_revoked_keys_are_named() -> None:
    key = make_key()
    code, words = refusal(seal(PAYLOAD, key), ring_of(make_key()))
    assert code == ExitCode.INTEGRITY
    assert f"signed by key {key.key_id}, which is not trusted" in words
    code, words = refusal(seal(PAYLOAD, key), ring_of(key, revoked=(key,)))
    assert code == ExitCode.INTEGRITY
    assert f"signed by key {key.key_id}, which is revoked" in words


@pytest.mark.parametrize("at", range(0, len(PAYLOAD), 5))
def test_a_flipped_bit_of_the_payload_is_refused(at: int) -> None:
    key = make_key()
    envelope = json.loads(seal(PAYLOAD, key))
    flipped = bytearray(PAYLOAD)
    flipped[at] ^= 1
    envelope["payload"] = base64.b64encode(flipped).decode()
    assert refusal(json.dumps(envelope).encode(), ring_of(key))[0] == ExitCode.INTEGRITY


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"payload": None}, "payload: got null, expected a string"),
        ({"payload": "%%%"}, "payload: got a text that is not base64"),
        ({"payloadType": "text/plain"}, 'payloadType: got "text/plain", expected application/vnd.in-toto+json'),
        ({"signatures": []}, "signatures: got 0 items, expected at least 1"),
        ({"signatures": [{"keyid": "a"}]}, "signatures[0].sig: got no such key"),
        ({"signatures": [{"keyid": "a", "sig": "!"}]}, "signatures[0].sig: got a text that is not base64"),
        ({"more": 1}, "more: got an unknown key"),
    ],
)
def test_an_envelope_that_is_none_is_named(change: dict[str, object], words: str) -> None:
    key = make_key()
    code, said = refusal(json.dumps(json.loads(seal(PAYLOAD, key)) | change).encode(), ring_of(key))
    assert code == ExitCode.FORMAT
    assert words in said
    assert "export the bundle" not in said


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"a": NaN}', b"[" * 99])
def test_bytes_that_are_no_envelope_are_refused(data: bytes) -> None:
    assert refusal(data, ring_of(make_key()))[0] == ExitCode.FORMAT


def test_the_file_is_one_line_of_json(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(seal(PAYLOAD, make_key()))
    assert (tmp_path / "a").read_text().count("\n") == 1
