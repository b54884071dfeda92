"""`python tests/examples.py`: ask the sample vault what the OpenAPI document shows, and write down what it says.

An operation that is new needs a row in REQUESTS, or a reason among those that `test_openapi.py` excuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi.testclient import TestClient
from real_model import SETTINGS, real_encoder

from indexer.build import build
from indexer.errors import ServiceError
from indexer.library import Library
from indexer.settings import Settings
from service.app import create_app
from service.desk import Desk
from service.elsewhere import words_of
from service.openapi import EXAMPLES

NOTES = Path(__file__).resolve().parents[1] / "data" / "notes"
QUESTION = "How does LoRA get away with training so few weights?"
MOST = 2
"""So many of a list are shown."""


@dataclass(frozen=True)
class Example:
    """A request. `parameters` are those of the path and of the query, `path` is filled with them."""

    path: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    forms: tuple[str, ...] = ()
    """The values of `form`, each of another content type."""


REQUESTS = {
    "search": Example("/api/search", {"q": "tag:training learning rate warm-up", "k": 2}),
    "ask": Example("/api/ask", body={"question": QUESTION, "k": 2, "filters": {"path": "training/"}}),
    "ask_stream": Example("/api/ask/stream", body={"question": QUESTION, "k": 1}),
    "questions": Example("/api/questions"),
    "status": Example("/api/status"),
    "documents": Example("/api/documents"),
    "document": Example("/api/documents/{document_id}", {"document_id": 18}),
    "papers": Example("/api/papers"),
    "paper": Example("/api/papers/{paper_id}", {"paper_id": "1512.03385"}),
    "map": Example("/api/map"),
    "map_hits": Example("/api/map/hits", {"q": QUESTION, "k": 2}),
    "map_passage": Example("/api/map/passages/{passage_id}", {"passage_id": 1}),
    "export_papers": Example("/api/export/papers.{form}", {"form": "bib"}, forms=("csv", "md", "bib")),
    "export_questions": Example("/api/export/questions.{form}", {"form": "csv"}, forms=("csv", "md", "bib")),
    "export_answer": Example(
        "/api/export/answer.{form}", {"form": "md", "q": QUESTION, "k": 2}, forms=("csv", "md", "bib")
    ),
    "health": Example("/healthz"),
    "ready": Example("/readyz"),
}

WAITING = {
    "paper": "2006.11239", "named": None, "version": None, "url": None, "title": None, "state": "pending",
    "reason": "not fetched yet: footnote index without --no-papers fetches it", "link": None, "added": True,
    "waiting": True,
}  # fmt: skip
FOUND = {
    "paper": "2006.11239", "version": "v2", "title": "Denoising Diffusion Probabilistic Models",
    "authors": ["Jonathan Ho", "Ajay Jain", "Pieter Abbeel"], "published": "2020-06-19",
    "abstract": "We present high quality image synthesis results using diffusion probabilistic models, …",
    "sentence": "We present high quality image synthesis results using diffusion probabilistic models, …",
    "score": 0.61, "link": "https://arxiv.org/abs/2006.11239", "state": None,
}  # fmt: skip
RUNNING = {
    "busy": True, "last": None, "generation": 12,
    "running": {
        "command": "footnote index", "pid": 4711, "stage": "read", "done": 120, "total": 480, "embedded": 1310,
        "expected": 5200, "pace": 260.0, "left": 15.0,
    },
}  # fmt: skip
IDLE = {
    "busy": False, "running": None, "generation": 13,
    "last": {
        "said": "19 files (1 new, 18 unchanged), 183 passages, 9 embedded, 0.4 s", "failed": False, "at": 1767225600.0,
    },
}  # fmt: skip

STATED = {
    "search_papers": {
        "body": {"question": "How does a diffusion model learn to take noise away?", "most": 1},
        "response": {
            "question": "How does a diffusion model learn to take noise away?",
            "words": list(words_of("How does a diffusion model learn to take noise away?")),
            "papers": [FOUND],
        },
    },
    "add_paper": {"body": {"paper": "2006.11239"}, "response": WAITING},
    "remove_paper": {"parameters": {"paper_id": "2006.11239"}},
    "indexing": {"response": IDLE},
    "look": {"body": {"papers": "known"}, "response": RUNNING},
    "progress": {"response": f"event: progress\ndata: {json.dumps(RUNNING)}\nretry: 2000\n\n"},
    "map_picture": {"parameters": {"scheme": "light", "q": QUESTION, "width": 900}},
    "paper_page": {"parameters": {"paper_id": "1706.03762v7", "page": 3, "width": 1000}},
    "metrics": {
        "response": "# HELP footnote_answers_total Questions answered, by what the library says.\n"
        "# TYPE footnote_answers_total counter\n"
        'footnote_answers_total{verdict="supported",writer="extractive"} 12.0\n'
    },
    "schemas": {
        "Box": {"page": 3, "x0": 108.0, "y0": 412.3, "x1": 504.0, "y1": 422.2},
        "Related": {
            "relation": "paper of this note", "title": "Deep Residual Learning for Image Recognition", "file": None,
            "lines": None, "paper": "1512.03385", "link": "/papers/24",
        },
        "Failure": {"file": "notes/broken.md", "reason": "binary data, not text"},
        "Remark": {"file": "papers/scan.pdf", "remark": "no text on page 2"},
        "Filters": {"tag": "ml", "after": "2024-05", "without": {"word": ["adam"]}},
        "Without": {"word": ["adam"]},
    },
}  # fmt: skip
"""What the sample vault cannot show without a network or only for a moment, and what is no request."""


@contextmanager
def asked() -> Iterator[TestClient]:
    """A service over the sample vault, with the real model."""
    with TemporaryDirectory() as folder:
        settings = Settings(library=Path(folder) / "library", cache=SETTINGS.cache)
        encoder = real_encoder()
        build(settings.library, [NOTES], encoder, settings, papers="known")
        with Desk(settings, Library.open(settings.library), encoder) as desk:
            yield TestClient(create_app(settings, desk=desk))


def happened(client: TestClient) -> dict[str, Any]:
    """All requests with what the service says, as they are written down."""
    found: dict[str, Any] = {name: _answered(client, example) for name, example in REQUESTS.items()}
    client.app.state.desk, client.app.state.trouble = (
        None,
        ServiceError(  # type: ignore[attr-defined]
            "the library is being opened; try again in a few seconds"
        ),
    )
    problems = {
        "4XX": client.post("/api/ask", json={"question": QUESTION, "k": 0}).json(),
        "5XX": client.get("/readyz").json(),
    }
    return found | STATED | {"problems": problems}


def _answered(client: TestClient, example: Example) -> dict[str, Any]:
    said: Any
    if example.forms:
        said = {}
        for form in example.forms:
            response = _send(client, example, {"form": form})
            said[response.headers["content-type"].partition(";")[0]] = _lines(response.text)
    else:
        response = _send(client, example, {})
        is_json = response.headers["content-type"] == "application/json"
        said = _short(response.json()) if is_json else response.text.partition("\n\n")[0] + "\n\n"
    shown: dict[str, Any] = {"parameters": dict(example.parameters)} if example.parameters else {}
    shown |= {"body": dict(example.body)} if example.body else {}
    return shown | {"responses" if example.forms else "response": _elsewhere(said, client)}


def _send(client: TestClient, example: Example, more: Mapping[str, Any]) -> Any:
    parameters = {**example.parameters, **more}
    path = example.path.format(**parameters)
    query = {name: value for name, value in parameters.items() if f"{{{name}}}" not in example.path}
    response = client.request("POST" if example.body else "GET", path, params=query, json=example.body)
    assert response.status_code == 200, response.text
    return response


def _short(value: Any) -> Any:
    """The first of each long list; figures that differ from run to run as one would see them."""
    if isinstance(value, list):
        numbers = bool(value) and all(isinstance(one, int | float) for one in value)
        return [round(one, 2) for one in value] if numbers else [_short(one) for one in value[:MOST]]
    if isinstance(value, dict):
        return {key: _figure(key, one) if isinstance(one, float) else _short(one) for key, one in value.items()}
    return value


def _figure(key: str, value: float) -> float:
    return {"took_ms": 18.4, "indexed_at": 1767225600.0}.get(key, round(value, 2))


def _lines(text: str, most: int = 12) -> str:
    return "".join(text.splitlines(keepends=True)[:most])


def _elsewhere(value: Any, client: TestClient) -> Any:
    """The same with the folders of nobody."""
    settings: Settings = client.app.state.settings  # type: ignore[attr-defined]
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.replace(str(settings.library), "/home/you/library").replace(str(NOTES), "/home/you/notes"))


if __name__ == "__main__":
    with asked() as client:
        EXAMPLES.write_text(json.dumps(happened(client), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
