"""What OpenAPI says beyond what the routes say themselves: problems, events, groups, and examples that happened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from service.access import need_of
from service.problem import PROBLEM_TYPE

EXAMPLES = Path(__file__).with_name("examples.json")
"""What was asked of the sample vault, and what it said: `python tests/examples.py` asks again."""

_REFERENCE = "#/components/schemas/"

_ABOUT = """\
Answers from your own notes and the papers they link, with the exact place under every sentence. Errors are problem
documents (RFC 9457), whose `type` leads to what the error means. Models have the same as tools at `/mcp`, over the
Model Context Protocol."""

_TAGS = {
    "answers": "Ask and search.",
    "library": "What is in the library, and how it came to be there.",
    "papers": "Find papers on arXiv, have them fetched, and hear what became of each.",
    "exports": "Files for other programs: tables, Markdown, BibTeX.",
    "service": "Whether it runs, and how it does.",
}


_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "`footnote token` makes one for all (`admin`), with `--read-only` one to look and ask (`read`). A "
    "browser is let in by the cookie that it gets for one at `/sign-in`.",
}


def describe(api: dict[str, Any], problems: Mapping[int | str, object], *, secured: bool = False) -> None:
    """Complete an OpenAPI document, in place; where a service is `secured`, with what each operation needs.

    Problems get their content type, of which the framework knows one a route; streams of events have no schema,
    because OpenAPI 3.1 does not say what it would be of: an event, or the stream. What is written down in `EXAMPLES`
    is the example of its operation, and its parts those of the schemas.
    """
    happened: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    schemas: dict[str, Any] = api["components"]["schemas"]
    api["info"] |= {"description": _ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}}
    api["servers"] = [{"url": "/", "description": "The service that gave this document."}]
    used = {tag for operation in _operations(api) for tag in operation.get("tags", ())}
    api["tags"] = [{"name": name, "description": said} for name, said in _TAGS.items() if name in used]
    for operation in _operations(api):
        example = happened.get(operation["operationId"], {})
        responses = operation["responses"]
        for status in problems:
            content = next(iter(responses[status]["content"].values()))
            responses[status]["content"] = {PROBLEM_TYPE: content | {"example": happened["problems"][status]}}
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in example.get("parameters", {}):
                parameter["example"] = example["parameters"][parameter["name"]]
        if "body" in example:
            operation["requestBody"]["content"]["application/json"]["example"] = example["body"]
        for media, content in _given(responses).items():
            if content.pop("itemSchema", None):
                content.pop("schema", None)
            said = example.get("responses", {}).get(media, example.get("response"))
            if said is not None:
                content["example"] = said
    if secured:
        _secure(api)
    stated = [(_REFERENCE + name, value) for name, value in happened["schemas"].items()]
    for operation in _operations(api):
        for part in (operation.get("requestBody"), *operation["responses"].values()):
            for content in (part or {}).get("content", {}).values():
                if "example" in content and "schema" in content:
                    stated += _parts(content["schema"], content["example"], schemas)
    for reference, value in stated:
        schemas[reference.removeprefix(_REFERENCE)].setdefault("examples", [value])


def _secure(api: dict[str, Any]) -> None:
    api["components"]["securitySchemes"] = {"token": _TOKEN}
    for path, item in api["paths"].items():
        for method, operation in item.items():
            need = need_of(method.upper(), path)
            operation["security"] = [] if need == "nothing" else [{"token": [need]}]


def _operations(api: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in api["paths"].values():
        yield from path.values()


def _given(responses: Mapping[str, Any]) -> dict[str, Any]:
    """What comes back where all is well, by its content type; nothing where the status says all."""
    (response,) = (response for status, response in responses.items() if status.startswith("2"))
    content: dict[str, Any] = response.get("content", {})
    return content


def _parts(schema: Mapping[str, Any], value: Any, schemas: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each schema that has a name and stands in another, with the part of the example that is it."""
    if value is None:
        return
    if reference := schema.get("$ref"):
        yield reference, value
        schema = schemas[reference.removeprefix(_REFERENCE)]
    for one in schema.get("anyOf", ()):
        if "$ref" in one or "items" in one:
            yield from _parts(one, value, schemas)
    if isinstance(value, list) and "items" in schema:
        for item in value:
            yield from _parts(schema["items"], item, schemas)
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _parts(inner, value[name], schemas)
