"""The dependency that reads a request's query by a parameter set."""

from fastapi import Request

from app.api.parameters import Asked, ParameterSet


class Asking:
    """Reads the raw query string; faults are kept for the reply, so that all of them are told at once."""

    def __init__(self, parameters: ParameterSet) -> None:
        self.parameters = parameters

    async def __call__(self, request: Request) -> Asked:
        return self.parameters.read(request.scope["query_string"].decode())
