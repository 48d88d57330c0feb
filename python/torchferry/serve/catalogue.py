"""Which versions of which models there are, and which one answers a request that names none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from torchferry.bundle.printable import quoted
from torchferry.serve.refusal import RefusalError
from torchferry.serve.served import Served


@dataclass
class Model:
    """The versions of one name, in the order in which they came."""

    versions: dict[str, Served] = field(default_factory=dict)
    active: str = ""
    before: str | None = None  # the version that rollback goes back to


class Catalogue:
    """All models."""

    def __init__(self, served: Iterable[Served]) -> None:
        self._models: dict[str, Model] = {}
        for one in served:
            self.add(one)
            self.switch(one)

    def names(self) -> list[str]:
        """Return the names of the models."""
        return list(self._models)

    def find(self, name: str, version: str | None = None) -> Served:
        """Return a version; without one the active. Raises RefusalError(404)."""
        model = self._model(name)
        if version is not None and version not in model.versions:
            raise RefusalError(
                HTTPStatus.NOT_FOUND,
                f"model {name}: got version {quoted(version)}, expected one of {', '.join(model.versions)}",
            )
        return model.versions[model.active if version is None else version]

    def versions(self, name: str) -> list[str]:
        """Return the versions of a model, the active one last. Raises RefusalError(404)."""
        model = self._model(name)
        return [version for version in model.versions if version != model.active] + [model.active]

    def next_version(self, name: str) -> str:
        """Return a version that a model does not have yet."""
        model = self._models.get(name, Model())
        return str(max((int(version) for version in model.versions), default=0) + 1)

    def add(self, served: Served) -> None:
        """Add a version; nobody who names none gets it yet."""
        self._models.setdefault(served.name, Model()).versions[served.version] = served

    def remove(self, served: Served) -> None:
        """Take out a version that is not active."""
        del self._models[served.name].versions[served.version]

    def switch(self, served: Served) -> None:
        """Let a version answer who names none."""
        model = self._models[served.name]
        model.active, model.before = served.version, model.active or None

    def roll_back(self, name: str) -> Served:
        """Let the version before the active one answer again. Raises RefusalError(404 or 409)."""
        model = self._model(name)
        if model.before is None:
            raise RefusalError(
                HTTPStatus.CONFLICT, f"model {name}: got no version before {model.active}, expected one; load another first"
            )
        model.active, model.before = model.before, None
        return model.versions[model.active]

    def _model(self, name: str) -> Model:
        if name not in self._models:
            raise RefusalError(
                HTTPStatus.NOT_FOUND,
                f"model: got {quoted(name)}, expected one of {', '.join(self._models) or 'none: nothing is served'}",
            )
        return self._models[name]
