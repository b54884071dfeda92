"""The OpenAPI document: valid, complete, and its examples true."""

import copy
import json
import re

import pytest
from examples import asked, happened
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from stub_desk import StubDesk

from indexer.settings import Settings
from service.app import create_app
from service.openapi import EXAMPLES

WITHOUT_EXAMPLE = {"image/png", "application/octet-stream"}
"""What is no text."""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    settings = Settings(library=folder / "library", cache=folder / "cache")
    return TestClient(create_app(settings, desk=StubDesk(folder))).get("/openapi.json").json()


@pytest.fixture(scope="module")
def fits(api):
    """Fail where a value is not as a schema of the document says."""

    def check(value, schema):
        whole = {"components": api["components"], **schema}
        Draft202012Validator(whole).validate(value)

    return check


def operations(api):
    return {one["operationId"]: one for path in api["paths"].values() for one in path.values()}


def test_the_document_is_valid(api):
    validate(api)
    assert api["openapi"].startswith("3.1")
    assert api["servers"] == [{"url": "/", "description": "The service that gave this document."}]
    assert api["info"]["license"]["identifier"] == "Apache-2.0"


def test_every_operation_is_in_a_group_that_is_described(api):
    described = {tag["name"] for tag in api["tags"] if tag["description"]}
    found = operations(api)
    assert len(found) == sum(len(path) for path in api["paths"].values())
    for name, operation in found.items():
        assert len(operation["tags"]) == 1, name
        assert set(operation["tags"]) <= described, name
        assert operation["summary"], name
        assert operation["description"], name
    assert described == {tag for operation in found.values() for tag in operation["tags"]}


def test_every_operation_has_an_example_that_fits_its_schema(api, fits):
    for name, operation in operations(api).items():
        (status,) = (status for status in operation["responses"] if status.startswith("2"))
        given = operation["responses"][status].get("content", {})
        assert bool(given) == (status != "204"), name
        for media in given.keys() - WITHOUT_EXAMPLE:
            content = given[media]
            assert "example" in content, f"{name}: a row in tests/examples.py is missing"
            if media != "text/event-stream":  # of which OpenAPI 3.1 has no schema
                fits(content["example"], content["schema"])
            assert isinstance(content["example"], dict if media == "application/json" else str), name
        if body := operation.get("requestBody"):
            fits(body["content"]["application/json"]["example"], body["content"]["application/json"]["schema"])
        for parameter in operation.get("parameters", ()):
            assert "example" in parameter, (name, parameter["name"])
            assert parameter.get("description") or parameter["name"] == "document_id", (name, parameter["name"])
            fits(parameter["example"], parameter["schema"])


def test_every_problem_has_an_example(api, fits):
    for operation in operations(api).values():
        for status, least in (("4XX", 400), ("5XX", 500)):
            (content,) = operation["responses"][status]["content"].values()
            fits(content["example"], content["schema"])
            assert least <= content["example"]["status"] < least + 100


def test_every_schema_has_an_example_that_fits_it(api, fits):
    for name, schema in api["components"]["schemas"].items():
        if name in ("HTTPValidationError", "ValidationError"):
            continue
        assert schema.get("examples"), f"{name}: it stands in no example of tests/examples.py"
        for example in schema["examples"]:
            fits(example, {"$ref": f"#/components/schemas/{name}"})


def test_a_wrong_example_would_be_found(api, fits):
    wrong = copy.deepcopy(api["components"]["schemas"]["Answer"]["examples"][0]) | {"verdict": "perhaps"}
    with pytest.raises(Exception, match="perhaps"):
        fits(wrong, {"$ref": "#/components/schemas/Answer"})


def told(value):
    """All but fractions, which differ a little from one processor to another and from run to run."""
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items() if not isinstance(one, float)}
    if isinstance(value, list):
        return [told(one) for one in value if not isinstance(one, float)]
    return re.sub(r"\d+\.\d+|\d+%", "…", value) if isinstance(value, str) else value


def test_the_examples_are_what_the_sample_vault_says():
    written = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    with asked() as client:
        assert told(happened(client)) == told(written), "python tests/examples.py writes them down again"
