"""The example for KServe: what its YAML says is what `ferry serve` has."""

from __future__ import annotations

import re
from typing import Any

import pytest

from builders.programs import ROOT, Program

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
http_routes = pytest.importorskip("torchferry.serve.http_routes", reason="ray is not installed: pip install 'torchferry[serve]'")

EXAMPLE = ROOT / "cpp" / "examples" / "kserve"


def load(name: str) -> Any:
    return yaml.safe_load((EXAMPLE / name).read_text())


def test_the_arguments_are_options_of_serve(ferry_here: Program) -> None:
    (container,) = load("serving-runtime.yaml")["spec"]["containers"]
    assert container["name"] == "kserve-container", "KServe looks for this name"
    verb, folder, *options = container["args"]
    assert (verb, folder) == ("serve", "/mnt/models")
    known = set(re.findall(r"--[a-z-]+", ferry_here("serve", "--help").stdout.decode()))
    assert {option.partition("=")[0] for option in options} <= known
    ports = dict(option.removeprefix("--").split("=") for option in options)
    assert container["ports"][0]["containerPort"] == int(ports["port"])


def test_the_probes_are_routes() -> None:
    spec = load("serving-runtime.yaml")["spec"]
    (container,) = spec["containers"]
    routes = {path for verb, path, _ in http_routes.ROUTES if verb == "GET"}
    probes = [container[name]["httpGet"] for name in ("readinessProbe", "livenessProbe", "startupProbe")]
    assert {probe["path"] for probe in probes} == {"/v2/health/ready", "/v2/health/live"}
    assert {probe["path"] for probe in probes} | {spec["annotations"]["prometheus.kserve.io/path"]} <= routes
    assert {probe["port"] for probe in probes} == {container["ports"][0]["containerPort"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}


def test_the_service_asks_for_the_runtime() -> None:
    runtime, service = load("serving-runtime.yaml"), load("inference-service.yaml")
    model = service["spec"]["predictor"]["model"]
    formats = [(one["name"], one["version"]) for one in runtime["spec"]["supportedModelFormats"]]
    assert (model["modelFormat"]["name"], model["modelFormat"]["version"]) in formats
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
