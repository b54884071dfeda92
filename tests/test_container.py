"""What the Dockerfile and the compose file say: read, since no test may need a container to run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from indexer.settings import ServiceSettings
from service.access import need_of
from service.commands import all_commands
from service.credentials import tokens_for, tokens_of

ROOT = Path(__file__).resolve().parents[1]
STAGES = [
    [tuple(line.split(None, 1)) for line in stage.split("\n") if line.strip() and not line.startswith(("#", " "))]
    for stage in re.split(r"(?m)^(?=FROM )", re.sub(r"\\\n", "", (ROOT / "Dockerfile").read_text()))[1:]
]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]


def said(instruction: str) -> list[str]:
    """What the last stage, which is the one that runs, says with an instruction."""
    return [rest for name, rest in STAGES[-1] if name == instruction]


def test_what_runs_is_nobody_of_importance():
    assert said("USER") == ["footnote"]
    assert "useradd --create-home --uid 10001 footnote" in said("RUN")[0]
    names = [name for name, _ in STAGES[-1]]
    assert not {"RUN", "COPY", "ADD"} & set(names[names.index("USER") :])
    assert "-m 700 /library /cache /keys" in said("RUN")[0]


def test_the_image_holds_no_secret_and_fetches_nothing_unchecked():
    for stage in STAGES:
        for name, rest in stage:
            assert name != "ADD"
            if name in ("ENV", "ARG"):
                assert not re.search(r"TOKEN|KEY|SECRET|PASSWORD", rest)
    (build,) = STAGES[:-1]
    installs = [one for name, rest in build if name == "RUN" for one in rest.split("&&") if "pip install" in one]
    assert len(installs) == 3
    assert "--require-hashes --no-deps -r requirements.lock" in installs[0]
    assert '"torch==' in installs[1]  # whose other needs are met by then
    assert "--no-deps --no-build-isolation ." in installs[2]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_little(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "pid", "ipc", "devices"} & set(service)
    assert service.get("network_mode") in (None, "none")
    assert "${NOTES:-./data/notes}:/notes:ro" in service["volumes"]
    assert all(one.startswith(("${NOTES", "library:", "cache:", "keys:")) for one in service["volumes"])


def test_pages_are_published_to_this_machine_alone():
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published == ["127.0.0.1:8000:8000"]


def test_it_serves_with_a_token_that_is_made_before_and_asks_for_it(tmp_path, monkeypatch):
    serves, makes = SERVICES["footnote"], SERVICES["token"]
    assert serves["command"] == json.loads(said("CMD")[0])
    arguments = all_commands().parse_args(serves["command"])
    assert arguments.host == "0.0.0.0"
    assert serves["depends_on"]["token"]["condition"] == "service_completed_successfully"
    file = serves["environment"]["FOOTNOTE_TOKEN_FILE"]
    assert makes["command"] == ["token", file]
    # the same commands, with the volume elsewhere: twice, as at each start
    here = tmp_path / "keys" / "token"
    made = []
    for _ in range(2):
        made_by = all_commands().parse_args(["token", str(here)])
        assert made_by.run(made_by, {"FOOTNOTE_CONFIG": "/dev/null"}) == 0
        made.append(tokens_for(ServiceSettings(token_file=str(here)), arguments.host).admin)
    assert made[0] == made[1] != ""
    assert tokens_of(ServiceSettings(token="of-my-own-0123456789-abc", token_file=str(here))).admin.startswith(
        "of-my-own"
    )


def test_its_health_is_asked_for_without_a_token():
    (check,) = said("HEALTHCHECK")
    (path,) = re.findall(r"http://127\.0\.0\.1:8000(/\w+)", check)
    assert need_of("GET", path) == "nothing"


# ------------------------------------------------------------------------------------------------------- the lock


def locked() -> dict[str, tuple[str, list[str]]]:
    """Each package of the lock: its version, and its checksums."""
    text = re.sub(r"(?m)#.*$", "", (ROOT / "requirements.lock").read_text()).replace("\\\n", " ")
    rows = [shlex.split(row) for row in text.split("\n") if row.strip()]
    return {
        canonicalize_name(row[0].partition("==")[0]): (row[0].partition("==")[2], [one for one in row if "hash" in one])
        for row in rows
    }


def test_every_package_of_the_lock_has_its_checksums():
    found = locked()
    assert len(found) > 60
    for name, (version, sums) in found.items():
        assert version, name
        assert sums, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in sums), name


def test_what_footnote_asks_for_is_in_the_lock_at_the_version_of_the_constraints():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = {
        canonicalize_name(name): version
        for name, version in (row.split("==") for row in (ROOT / "constraints.txt").read_text().split())
    }
    found = locked()
    for line in [*project["project"]["dependencies"], *project["build-system"]["requires"]]:
        requirement = Requirement(line)
        assert canonicalize_name(requirement.name) in found, line
        assert requirement.specifier.contains(found[canonicalize_name(requirement.name)][0]), line
    assert not [name for name in found if name.startswith(("torch", "nvidia-", "cuda-", "triton"))]
    differing = {
        name: (version, pinned[name]) for name, (version, _) in found.items() if pinned.get(name, version) != version
    }
    assert differing == {}
