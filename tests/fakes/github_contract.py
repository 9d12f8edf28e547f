"""GitHub's own description of its API, as a judge of the stand-in and of the client that talks to it.

Requests and answers are validated by openapi-core. Two things are stricter than the description: a property or a
query parameter that it does not know is a violation, because a misspelt one would be ignored by GitHub in silence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse
from openapi_schema_validator import OAS30Validator

DESCRIPTION = Path(__file__).with_name("github-openapi.json")
HOST = "https://api.github.com"
OCTETS = "application/octet-stream"
SAMPLES = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "date-time": "2026-01-02T03:04:05Z",
    "uri": "https://github.example/unused",
}


class ContractError(AssertionError):
    """A request or an answer that GitHub's description does not allow."""


class Sent(NamedTuple):
    """One request: the operation, the values of its path, and what came with it."""

    method: str
    template: str
    values: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    media_type: str


class Contract:
    """The description: which operations there are, and what their requests and answers look like."""

    def __init__(self) -> None:
        self.document = json.loads(DESCRIPTION.read_bytes())
        _amend(self.document["components"]["schemas"])
        self._api = OpenAPI.from_dict(self.document, config=Config(spec_validator_cls=None))

    def operation(self, method: str, template: str) -> Mapping[str, Any]:
        """Return the description of one operation; KeyError where there is none."""
        found: Mapping[str, Any] = self.document["paths"][template][method.lower()]
        return found

    def check_request(self, sent: Sent) -> None:
        """Raise ContractError unless the operation takes this request."""
        operation = self.operation(sent.method, sent.template)
        if OCTETS in operation.get("requestBody", {}).get("content", {}):
            sent = sent._replace(media_type=OCTETS)  # the description knows only this type; GitHub keeps any
        self._refuse_unknown(operation, sent)
        try:
            self._api.validate_request(_request(sent))
        except OpenAPIError as error:
            raise ContractError(f"{sent.method} {sent.template}: {error}: {error.__cause__}") from error

    def _refuse_unknown(self, operation: Mapping[str, Any], sent: Sent) -> None:
        known = {self._follow(entry)["name"] for entry in operation.get("parameters", ())}
        if unknown := set(sent.query) - known:
            raise ContractError(f"{operation['operationId']}: unknown query parameters {sorted(unknown)}")
        content = operation.get("requestBody", {}).get("content", {})
        properties = self._follow(content.get("application/json", {}).get("schema", {})).get("properties", {})
        if not properties or sent.media_type != "application/json":
            return
        body = json.loads(sent.body or b"null")
        if isinstance(body, dict) and (unknown := set(body) - set(properties)):
            raise ContractError(f"{operation['operationId']}: unknown properties {sorted(unknown)}")

    def check_answer(
        self, method: str, template: str, values: Mapping[str, str], status: int, data: bytes
    ) -> None:
        """Raise ContractError unless the operation may answer this."""
        if str(status) not in self.operation(method, template)["responses"]:
            if status < 400:
                raise ContractError(f"{method} {template}: the description has no answer {status}")
            return
        request = _request(Sent(method, template, values, {}, b"", ""))
        answer = MockResponse(data, status_code=status, content_type="application/json")
        try:
            self._api.validate_response(request, answer)
        except OpenAPIError as error:
            if status != 204:
                raise ContractError(
                    f"{method} {template}: answer {status}: {error.__cause__ or error}"
                ) from error

    def check_schema(self, schema: str, data: object, what: str) -> None:
        """Raise ContractError unless ``data`` is what component ``schema`` describes."""
        described = self.document["components"]["schemas"][schema]
        validator = OAS30Validator({**described, "components": self.document["components"]})
        if error := next(validator.iter_errors(data), None):
            raise ContractError(f"{what}: not a {schema}: {error.message}")

    def fill(self, schema: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``known`` completed by the least that component ``schema`` demands.

        The stand-in states what it models; fields that nobody reads come from the description.
        """
        sample = self._sample({"$ref": f"#/components/schemas/{schema}"}, known)
        assert isinstance(sample, dict)
        return sample

    def _follow(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def _sample(self, schema: Mapping[str, Any], known: Any = None) -> Any:
        schema = self._follow(schema)
        if known is None and schema.get("nullable"):
            return None
        if "allOf" in schema:
            parts = [self._sample(part, known) for part in schema["allOf"]]
            return {key: value for part in parts for key, value in part.items()} if parts else {}
        if schema.get("type") == "object" or "properties" in schema:
            return self._object(schema, known if isinstance(known, Mapping) else {})
        if known is not None:
            return known
        if variants := schema.get("oneOf") or schema.get("anyOf"):
            return self._sample(variants[0])
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("type") == "array":
            return []
        return SAMPLES.get(schema.get("format", ""), SAMPLES.get(schema.get("type", ""), ""))

    def _object(self, schema: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
        properties = schema.get("properties", {})
        result = dict(known)
        for name in schema.get("required", ()):
            inner = properties.get(name, {})
            if name not in known:
                result[name] = None if self._follow(inner).get("nullable") else self._sample(inner)
            elif isinstance(known[name], Mapping):
                result[name] = self._sample(inner, known[name])
        return result


@cache
def contract() -> Contract:
    """Return the description, read once a process."""
    return Contract()


def _amend(schemas: dict[str, Any]) -> None:
    """Allow what GitHub answers and its description denies: half-uploaded assets, heads whose fork is gone."""
    schemas["release-asset"]["properties"]["state"]["enum"].append("starter")
    for name in ("pull-request", "pull-request-simple"):
        head = schemas[name]["properties"]["head"]["properties"]
        head["repo"] = {**schemas["repository"], "nullable": True}


def _request(sent: Sent) -> MockRequest:
    path = sent.template
    for name, value in sent.values.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    media_type = sent.media_type or "application/json"
    arguments: dict[str, str | Sequence[str]] = dict(sent.query)
    method, data = sent.method.lower(), sent.body or None
    return MockRequest(HOST, method, path, args=arguments, data=data, content_type=media_type)
