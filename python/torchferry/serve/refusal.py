"""Why a request gets no answer: a status of HTTP and one line."""

from __future__ import annotations

from http import HTTPStatus

from torchferry.errors import ExitCode, FerryError

_OF_CODE = {
    ExitCode.BAD_INPUT: HTTPStatus.BAD_REQUEST,
    ExitCode.USAGE: HTTPStatus.BAD_REQUEST,
    ExitCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class RefusalError(Exception):
    """A request that is not answered."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def refusal_of(error: FerryError) -> RefusalError:
    """Return what a client is told of an error: 400 where the request is wrong, 5xx where the server is."""
    return RefusalError(_OF_CODE.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR), str(error))


def too_large(most: int) -> RefusalError:
    """Return the refusal of a request of more bytes than `most`."""
    return RefusalError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"body: got more than {most} bytes, expected fewer; send the samples in several requests",
    )
