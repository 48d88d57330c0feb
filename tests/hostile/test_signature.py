"""A signature that was tampered with opens nothing, and both programs say so with one exit code and in the same words (FORMAT.md section 13)."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from builders.bundles import edit_manifest
from builders.forms import linked, zip_folder
from builders.programs import Program
from hostile.refusal import assert_error
from torchferry.bundle.reader import Bundle
from torchferry.bundle.trust import Trust
from torchferry.errors import FerryError

MUTATIONS = 300


@dataclass(frozen=True)
class Signed:
    """A bundle that `mine.key` has signed, and a stranger's key pair."""

    bundle: Path
    folder: Path

    @property
    def file(self) -> Path:
        return self.bundle / "manifest.json.minisig"

    @property
    def key(self) -> Path:
        return self.folder / "mine.pub"

    @property
    def key_id(self) -> str:
        return self.key.read_text().split("\n")[0].split()[-1]


@pytest.fixture
def signed(iris: Path, tmp_path: Path, ferry_here: Program) -> Signed:
    for name in ("mine", "other"):
        assert ferry_here("key", tmp_path / name, "--no-password").code == 0
    assert ferry_here("sign", iris, "--key", tmp_path / "mine.key").code == 0
    return Signed(iris, tmp_path)


@pytest.fixture
def refused(ferry_here: Program, ferry_run: Program) -> Callable[..., str]:
    """Run `inspect` in both programs; both must refuse with one code and the same words."""

    def check(bundle: Path, *options: object, code: int = 4, named: tuple[str, ...] = ()) -> str:
        python, cpp = (program("inspect", bundle, *options) for program in (ferry_here, ferry_run))
        assert_error(python, code, *named)
        assert_error(cpp, code, *named)
        assert python.stderr == cpp.stderr
        return python.stderr

    return check


def edit_line(file: Path, number: int, change: Callable[[bytes], bytes]) -> None:
    lines = file.read_bytes().split(b"\n")
    lines[number - 1] = change(lines[number - 1])
    file.write_bytes(b"\n".join(lines))


def edit_raw(file: Path, number: int, change: Callable[[bytearray], None]) -> None:
    """Change the bytes under a line of base64."""

    def apply(line: bytes) -> bytes:
        raw = bytearray(base64.b64decode(line))
        change(raw)
        return base64.b64encode(raw)

    edit_line(file, number, apply)


def flip(raw: bytearray, place: int) -> None:
    raw[place] ^= 1


def test_what_a_trusted_key_signed_opens(quick_program: Program, signed: Signed) -> None:
    done = quick_program("inspect", signed.bundle, "--trust", signed.key)
    assert done.code == 0, done.stderr
    assert f"key {signed.key_id}, trusted" in done.stdout.decode()


def test_without_trust_a_signature_is_shown_as_not_checked(quick_program: Program, signed: Signed) -> None:
    assert f"key {signed.key_id}, not checked" in quick_program("inspect", signed.bundle).stdout.decode()


@pytest.mark.parametrize("place", [10, 41, 73])
def test_a_flipped_bit_of_the_signature_is_refused(refused: Callable[..., str], signed: Signed, place: int) -> None:
    edit_raw(signed.file, 2, lambda raw: flip(raw, place))
    refused(signed.bundle, "--trust", signed.key, named=(signed.key_id, "does not fit manifest.json"))


def test_a_flipped_bit_of_the_comments_signature_is_refused(refused: Callable[..., str], signed: Signed) -> None:
    edit_raw(signed.file, 4, lambda raw: flip(raw, 0))
    refused(signed.bundle, "--trust", signed.key, named=(signed.key_id, "trusted comment"))


def test_a_swapped_comment_is_refused(refused: Callable[..., str], signed: Signed) -> None:
    edit_line(signed.file, 3, lambda _: b"trusted comment: signed by the Pope")
    refused(signed.bundle, "--trust", signed.key, named=(signed.key_id, "trusted comment"))


def test_the_key_id_of_another_trusted_key_is_refused(refused: Callable[..., str], signed: Signed) -> None:
    raw = base64.b64decode((signed.folder / "other.pub").read_bytes().split(b"\n")[1])
    edit_raw(signed.file, 2, lambda line: line.__setitem__(slice(2, 10), raw[2:10]))
    refused(signed.bundle, "--trust", signed.key, "--trust", signed.folder / "other.pub", named=("does not fit manifest.json",))
    refused(signed.bundle, "--trust", signed.key, named=(signed.key_id, "not trusted"))


@pytest.mark.parametrize("algorithm", [b"Ed", b"ed", b"RS", b"\0\0"])
def test_a_wrong_algorithm_is_refused(refused: Callable[..., str], signed: Signed, algorithm: bytes) -> None:
    edit_raw(signed.file, 2, lambda raw: raw.__setitem__(slice(0, 2), algorithm))
    refused(signed.bundle, "--trust", signed.key, named=(signed.key_id,))


def test_the_signature_of_another_bundle_is_refused(
    refused: Callable[..., str], signed: Signed, digits: Path, ferry_here: Program
) -> None:
    assert ferry_here("sign", digits, "--key", signed.folder / "mine.key").code == 0
    shutil.copy(digits / "manifest.json.minisig", signed.file)
    refused(signed.bundle, "--trust", signed.key, named=(signed.key_id, "does not fit manifest.json"))


def test_an_old_signature_does_not_fit_a_changed_manifest(refused: Callable[..., str], signed: Signed) -> None:
    edit_manifest(signed.bundle, lambda value: value.update(name="another"))
    refused(signed.bundle, "--trust", signed.key, named=(signed.key_id, "does not fit manifest.json"))


def test_the_signature_is_checked_before_the_manifest_is_parsed(refused: Callable[..., str], signed: Signed) -> None:
    (signed.bundle / "manifest.json").write_bytes(b"{")
    refused(signed.bundle, "--trust", signed.key, named=(signed.key_id, "does not fit manifest.json"))


def test_no_signature_is_refused(refused: Callable[..., str], signed: Signed) -> None:
    signed.file.unlink()
    refused(signed.bundle, "--trust", signed.key, named=(signed.key_id, "not signed"))
    refused(signed.bundle, "--require-signature", named=("not signed",))


def test_a_required_signature_without_any_key_is_refused(refused: Callable[..., str], signed: Signed) -> None:
    refused(signed.bundle, "--require-signature", named=(signed.key_id, "not trusted"))


def test_an_unknown_key_is_refused(refused: Callable[..., str], signed: Signed) -> None:
    refused(signed.bundle, "--trust", signed.folder / "other.pub", named=(signed.key_id, "not trusted"))


def test_a_revoked_key_is_refused(refused: Callable[..., str], signed: Signed) -> None:
    folder = signed.folder / "keys"
    folder.mkdir()
    shutil.copy(signed.key, folder)
    for line in (f"# lost\n{signed.key_id}\n", f"{signed.key_id} # lost", f"\r\n  {signed.key_id}\r\n"):
        (folder / "revoked").write_bytes(line.encode())
        refused(signed.bundle, "--trust", folder, named=(signed.key_id, "is revoked"))


def test_a_second_signature_stands_for_a_revoked_one(quick_program: Program, signed: Signed, ferry_here: Program) -> None:
    assert ferry_here("sign", signed.bundle, "--key", signed.folder / "other.key", "--name", "other").code == 0
    folder = signed.folder / "keys"
    folder.mkdir()
    shutil.copy(signed.key, folder)
    shutil.copy(signed.folder / "other.pub", folder)
    (folder / "revoked").write_text(signed.key_id)
    assert quick_program("inspect", signed.bundle, "--trust", folder).code == 0


def test_every_truncated_file_is_refused(refused: Callable[..., str], signed: Signed) -> None:
    whole = signed.file.read_bytes()
    second = whole.index(b"\n", whole.index(b"\n") + 1)
    for size in (0, 5, second - 1, second, second + 9, len(whole) - 30, len(whole) - 2, len(whole) - 1):
        signed.file.write_bytes(whole[:size])
        refused(signed.bundle, "--trust", signed.key, named=(signed.key_id,) if size >= second else ())


def test_an_empty_folder_trusts_nobody(refused: Callable[..., str], signed: Signed) -> None:
    (signed.folder / "keys").mkdir()
    refused(signed.bundle, "--trust", signed.folder / "keys", named=("got no key",))


@pytest.mark.parametrize(
    ("put", "code"),
    [
        (lambda path: path.write_bytes(b"no key"), 3),
        (lambda path: path.symlink_to("nowhere"), 6),
        (lambda path: path.mkdir(), 4),
        (os.mkfifo, 4),
    ],
)
def test_a_folder_with_a_key_that_cannot_be_read_is_refused(
    refused: Callable[..., str], signed: Signed, put: Callable[[Path], None], code: int
) -> None:
    folder = signed.folder / "keys"
    folder.mkdir()
    shutil.copy(signed.key, folder)
    put(folder / "bad.pub")
    refused(signed.bundle, "--trust", folder, code=code, named=("bad.pub",))


def test_the_option_stands_above_the_environment(
    quick_program: Program, refused: Callable[..., str], signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FERRY_TRUST", str(signed.folder / "other.pub"))
    refused(signed.bundle, named=(signed.key_id, "not trusted"))
    assert quick_program("inspect", signed.bundle, "--trust", signed.key).code == 0
    monkeypatch.setenv("FERRY_TRUST", "")
    refused(signed.bundle, "--trust", signed.key, code=2, named=("FERRY_TRUST",))


@pytest.mark.parametrize("number", [2, 4])
def test_another_spelling_of_the_same_bytes_is_refused(refused: Callable[..., str], signed: Signed, number: int) -> None:
    """The unused bits before the padding: a lenient reader decodes them to the same signature."""

    def respell(line: bytes) -> bytes:
        text = line.rstrip(b"=")
        other = text[:-1] + chr(text[-1] + 1).encode() + line[len(text) :]
        assert base64.b64decode(other) == base64.b64decode(line)
        return other

    edit_line(signed.file, number, respell)
    refused(signed.bundle, "--trust", signed.key, named=(f"line {number} is no signature",))


def mutated(whole: bytes, rng: random.Random) -> bytes:
    """Change, remove, double or add a byte; the untrusted comment's text is nobody's promise and stays."""
    data, start = bytearray(whole), whole.index(b"\n")
    for _ in range(rng.randint(1, 3)):
        place, how = rng.randrange(start, len(data)), rng.randrange(4)
        if how == 0:
            data[place] = (data[place] + rng.randint(1, 255)) % 256
        elif how == 1 and len(data) > start + 1:
            del data[place]
        elif how == 2:
            data.insert(place, rng.randrange(256))
        else:
            del data[place:]
            break
    return bytes(data)


def test_no_random_mutation_is_accepted(refused: Callable[..., str], signed: Signed) -> None:
    rng, whole, tried = random.Random(12), signed.file.read_bytes(), 0
    while tried < MUTATIONS:
        if (data := mutated(whole, rng)) != whole:
            signed.file.write_bytes(data)
            refused(signed.bundle, "--trust", signed.key)
            tried += 1


@pytest.mark.parametrize("verb", ["inspect", "verify", "predict", "bench"])
def test_every_verb_asks(quick_program: Program, signed: Signed, verb: str) -> None:
    options = ["--input", signed.bundle / "golden/batch-1.input.measurements.npy"] if verb == "predict" else []
    done = quick_program(verb, signed.bundle, *options, "--trust", signed.folder / "other.pub")
    assert_error(done, 4, signed.key_id)


@pytest.mark.parametrize(
    "verb", [["diff", "--engine", "onnxruntime"], ["report", "--output", "report.html"], ["verify", "--all"]]
)
def test_every_verb_of_python_alone_asks(ferry_here: Program, signed: Signed, verb: list[str]) -> None:
    assert_error(ferry_here(verb[0], signed.bundle, *verb[1:], "--trust", signed.folder / "other.pub"), 4, signed.key_id)


def test_the_matrix_hands_the_trust_to_cpp(ferry_here: Program, signed: Signed) -> None:
    done = ferry_here("verify", signed.bundle, "--all", "--json", "--trust", signed.key)
    assert done.code == 0, done.stderr
    ran = {cell["language"] for cell in json.loads(done.stdout)["cells"] if cell["status"] == "passed"}
    assert ran == {"Python", "C++"}


def minisign(*arguments: object) -> None:
    if shutil.which("minisign") is None:
        pytest.skip("minisign is not installed (tests/packages.txt)")
    subprocess.run(["minisign", *map(str, arguments)], check=True, capture_output=True)


def test_minisign_verifies_ours(signed: Signed) -> None:
    minisign("-V", "-m", signed.bundle / "manifest.json", "-p", signed.key)
    edit_manifest(signed.bundle, lambda value: value.update(name="another"))
    with pytest.raises(subprocess.CalledProcessError):
        minisign("-V", "-m", signed.bundle / "manifest.json", "-p", signed.key)


@pytest.mark.parametrize("legacy", [False, True])
def test_minisign_signs_for_us(quick_program: Program, iris: Path, tmp_path: Path, legacy: bool) -> None:
    minisign("-G", "-W", "-p", tmp_path / "m.pub", "-s", tmp_path / "m.key")
    minisign("-S", *(["-l"] if legacy else []), "-m", iris / "manifest.json", "-s", tmp_path / "m.key", "-t", "from Debian")
    done = quick_program("inspect", iris, "--trust", tmp_path / "m.pub")
    assert done.code == 0, done.stderr
    assert "trusted: from Debian" in done.stdout.decode()


@pytest.fixture(scope="session")
def model_signing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OpenSSF's program in an environment of its own: it needs packages that nothing else here uses (pyOpenSSL it forgets to name)."""
    folder = tmp_path_factory.mktemp("model-signing") / "env"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
    installed = subprocess.run(
        [folder / "bin/pip", "install", "-q", "model-signing==1.1.1", "pyOpenSSL"], capture_output=True, check=False
    )
    if installed.returncode != 0:
        pytest.skip("pip gives no model-signing here")
    return folder / "bin/model_signing"


@pytest.mark.slow
def test_model_signing_signs_and_verifies_in_place(
    model_signing: Path, quick_program: Program, signed: Signed, tmp_path: Path
) -> None:
    def call(*arguments: object) -> int:
        return subprocess.run([model_signing, *map(str, arguments)], capture_output=True, check=False).returncode

    for command in (
        ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec"],
        ["ec", "-in", "ec", "-pubout", "-out", "pub"],
    ):
        subprocess.run(["openssl", *command], cwd=tmp_path, check=True, capture_output=True)
    sidecar = signed.bundle / "model.sig"
    assert call("sign", "key", signed.bundle, "--signature", sidecar, "--private_key", tmp_path / "ec") == 0
    check = ("verify", "key", signed.bundle, "--signature", sidecar, "--public_key", tmp_path / "pub")
    assert call(*check) == 0
    assert quick_program("inspect", signed.bundle, "--trust", signed.key).code == 0
    (signed.bundle / "model.onnx").write_bytes(b"changed")
    assert call(*check) != 0


def test_a_sidecar_that_is_no_file_is_refused(quick_program: Program, signed: Signed) -> None:
    os.mkfifo(signed.bundle / "model.sig")
    assert_error(quick_program("inspect", signed.bundle), 4, "model.sig")


@pytest.mark.parametrize("target", ["/dev/zero", "nowhere", "golden", "manifest.json.minisig"])
def test_a_signature_that_leads_to_no_file_is_refused(refused: Callable[..., str], signed: Signed, target: str) -> None:
    signed.file.unlink()
    signed.file.symlink_to(target)
    refused(signed.bundle, "--trust", signed.key, named=("manifest.json.minisig", "leads to no file"))


@pytest.mark.parametrize("form", [linked, zip_folder])
def test_a_signature_holds_in_every_form(
    refused: Callable[..., str], quick_program: Program, signed: Signed, form: Callable[[Path, Path], Path]
) -> None:
    bundle = form(signed.bundle, signed.folder / "form")
    done = quick_program("inspect", bundle, "--trust", signed.key)
    assert done.code == 0, done.stderr
    assert f"key {signed.key_id}, trusted" in done.stdout.decode()
    refused(bundle, "--trust", signed.folder / "other.pub", named=(signed.key_id, "not trusted"))
    edit_raw(signed.file, 2, lambda raw: flip(raw, 10))
    refused(form(signed.bundle, signed.folder / "form"), "--trust", signed.key, named=("does not fit manifest.json",))
    signed.file.unlink()
    refused(form(signed.bundle, signed.folder / "form"), "--trust", signed.key, named=("not signed",))


def test_bytes_in_memory_are_held_to_a_signature(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    data = zip_folder(signed.bundle, signed.folder / "one.ferry").read_bytes()
    assert [one.key_id for one in Bundle.from_memory(data, trust=Trust((str(signed.key),))).signatures] == [signed.key_id]
    with pytest.raises(FerryError, match=r"phone/manifest\.json\.minisig: signed by key .* is not trusted"):
        Bundle.from_memory(data, name="phone", trust=Trust((str(signed.folder / "other.pub"),)))
    monkeypatch.setenv("FERRY_TRUST", str(signed.folder / "other.pub"))
    with pytest.raises(FerryError, match="is not trusted"):
        Bundle.from_memory(data)


def test_a_packed_bundle_is_signed_before_it_is_packed(ferry_here: Program, signed: Signed) -> None:
    assert ferry_here("pack", signed.bundle, "--out", signed.folder / "one.ferry", "--trust", signed.key).code == 0
    assert ferry_here("inspect", signed.folder / "one.ferry", "--trust", signed.key).code == 0
    assert_error(ferry_here("sign", signed.folder / "one.ferry", "--key", signed.folder / "mine.key"), 2, "then pack it")
    assert_error(ferry_here("pack", signed.bundle, "--trust", signed.folder / "other.pub"), 4, "not trusted")


@pytest.mark.slow
def test_a_password_opens_the_key(ferry_here: Program, iris: Path, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("correct horse\n")
    wrong.write_text("battery staple\n")
    assert ferry_here("key", tmp_path / "locked", "--password-file", right).code == 0
    assert_error(ferry_here("sign", iris, "--key", tmp_path / "locked.key", "--password-file", wrong), 7, "password")
    assert ferry_here("sign", iris, "--key", tmp_path / "locked.key", "--password-file", right).code == 0
    minisign("-V", "-m", iris / "manifest.json", "-p", tmp_path / "locked.pub")


@pytest.mark.slow
def test_minisign_signs_with_our_locked_key(iris: Path, tmp_path: Path, ferry_here: Program) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    assert ferry_here("key", tmp_path / "locked", "--password-file", tmp_path / "password").code == 0
    if shutil.which("minisign") is None:
        pytest.skip("minisign is not installed (tests/packages.txt)")
    command = ["minisign", "-S", "-m", str(iris / "manifest.json"), "-s", str(tmp_path / "locked.key")]
    subprocess.run(command, input=b"correct horse\n", check=True, capture_output=True)
    assert ferry_here("inspect", iris, "--trust", tmp_path / "locked.pub").code == 0
