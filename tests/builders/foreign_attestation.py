"""A program of others' packages alone, none of ours: it opens an attestation, and refuses a changed one and another key.

python foreign_attestation.py ATTESTATION.json PUBLIC_KEY_IN_HEX FOLDER_OF_THE_BUNDLE
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from sigstore import dsse


def payload_of(data: bytes, key: Ed25519PublicKey) -> bytes:
    """Return the payload of an envelope that the key signed: the envelope and what is signed as Sigstore reads them."""
    envelope = dsse.Envelope._from_json(data)
    key.verify(envelope.signature, envelope.pae())
    return base64.b64decode(json.loads(data)["payload"])


def is_refused(data: bytes, key: Ed25519PublicKey) -> bool:
    """Say whether the signature does not fit."""
    try:
        payload_of(data, key)
    except InvalidSignature:
        return True
    return False


attestation, public, bundle = Path(sys.argv[1]).read_bytes(), bytes.fromhex(sys.argv[2]), Path(sys.argv[3])
key = Ed25519PublicKey.from_public_bytes(public)
payload = payload_of(attestation, key)

# in-toto's own classes: no key is unknown to them, and each descriptor says what in-toto asks of it.
statement = Statement.copy_from_pb(json_format.Parse(payload, statement_pb2.Statement()))
statement.validate()
result = json_format.Parse(json.dumps(json.loads(payload)["predicate"]), test_result_pb2.TestResult())
for part in result.configuration:
    ResourceDescriptor.copy_from_pb(part).validate()
dsse.Statement(payload)

for subject in statement.pb.subject:
    assert hashlib.sha256((bundle / subject.name).read_bytes()).hexdigest() == subject.digest["sha256"], subject.name

envelope = json.loads(attestation)
worse = {**envelope, "payload": base64.b64encode(payload.replace(b"PASSED", b"passed")).decode()}
other = Ed25519PublicKey.from_public_bytes(hashlib.sha256(public).digest())
assert is_refused(json.dumps(worse).encode(), key)
assert is_refused(attestation, other)
print(json.dumps([statement.pb.predicate_type, result.result, len(statement.pb.subject), list(result.passed_tests)]))
