"""The files of deploy/ say what they must, and name only what is there."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import streamlit
import yaml

from deploy import render
from explainer.sandbox import settings
from tests.browser import ROOT

DEPLOY = ROOT / "deploy"
SITE = (DEPLOY / "site.env").read_text(encoding="utf-8")
TEMPLATE = render.TEMPLATE.read_text(encoding="utf-8")
OPS = {"EXPLAINER_OPS_PORT", "EXPLAINER_LOG"}


def dockerfile() -> list[tuple[str, str]]:
    """Returns the instructions of the Dockerfile, each with its text on one line."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\s*\\\n\s*", " ", lines)
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in joined.splitlines() if line.strip()]


def directives(name: str) -> dict[str, str]:
    """Returns what a unit of systemd says; of a directive that stands more than once, all of it."""
    said: dict[str, str] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", (DEPLOY / name).read_text(encoding="utf-8"), re.MULTILINE):
        said[key] = f"{said[key]} {value}" if key in said else value
    return said


def environment() -> dict[str, str]:
    """Returns what the Dockerfile sets."""
    pairs = [each.partition("=") for key, text in dockerfile() if key == "ENV" for each in shlex.split(text)]
    return {name: value for name, _, value in pairs}


def test_the_one_inline_script_of_streamlit_is_the_one_that_the_policy_lets_run():
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in TEMPLATE


def test_the_configuration_of_a_site_has_no_gap():
    text = render.render(render.read(SITE), TEMPLATE)
    assert "${" not in text
    assert text.count("server 127.0.0.1:860") == 2
    assert "listen 443 ssl http2;" in text
    assert "listen [::]:443 ssl http2;" in text


def test_nothing_of_a_request_but_its_path_is_logged():
    (form,) = re.findall(r"log_format explainer (.*?);", TEMPLATE, re.DOTALL)
    forbidden = ("$request ", '$request"', "$args", "$query_string", "$request_uri", "$http_", "$remote_addr")
    assert [name for name in (*forbidden, "$cookie_", "$arg_") if name in form] == []
    logs = re.findall(r"^\s*(access_log|error_log)\s+\S+ (\S+);", TEMPLATE, re.MULTILINE)
    assert logs == [("access_log", "explainer"), ("error_log", "alert")] * 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("SERVER_NAME=explainer.example.org", ""), "SERVER_NAME is missing"),
        (("SERVER_NAME=", "SERVER_NAM="), "SERVER_NAM is not known here"),
        (("LOGS=/var/log/nginx", "LOGS=/var/log; user root"), "LOGS holds what nginx may not read"),
        (("HTTP=80, [::]:80", "HTTP=80 {"), "HTTP holds what nginx may not read"),
    ],
)
def test_a_site_that_cannot_be_is_refused_with_the_name_at_fault(tmp_path, change, says):
    site = tmp_path / "site.env"
    site.write_text(SITE.replace(*change), encoding="utf-8")
    command = [sys.executable, "deploy/render.py", str(site)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr


def test_the_sites_of_containers_and_of_a_host_are_told_alike():
    values = render.read((DEPLOY / "compose.env").read_text(encoding="utf-8"))
    services = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    hosts = {each.strip().partition(":")[0] for each in values["APPS"].split(",")}
    assert hosts == set(services) - {"nginx"}
    port = environment()["STREAMLIT_SERVER_PORT"]
    assert all(each.strip().endswith(f":{port}") for each in values["APPS"].split(","))


def test_containers_are_shut_in():
    compose = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text(encoding="utf-8"))
    for name in ("app1", "app2"):
        app = compose["services"][name]
        assert app["read_only"] is True
        assert app["cap_drop"] == ["ALL"]
        assert app["security_opt"] == ["no-new-privileges:true"]
        assert app["networks"] == ["inside"]
        assert not app.keys() & {"ports", "volumes", "env_file", "secrets", "privileged"}
        assert (ROOT / "deploy" / app["build"]["context"] / app["build"]["dockerfile"]).is_file()
    assert compose["networks"]["inside"] == {"internal": True}


def test_the_image_runs_as_nobody_in_particular_and_holds_no_secret():
    steps = dockerfile()
    users = [text for key, text in steps if key == "USER"]
    assert users == ["1000"]
    assert steps.index(("USER", "1000")) > max(
        n for n, (key, _) in enumerate(steps) if key in ("COPY", "RUN")
    )
    assert any("--uid 1000" in text for key, text in steps if key == "RUN")
    assert [name for name in environment() if re.search("SECRET|TOKEN|PASSWORD|KEY", name)] == []
    assert any("bubblewrap" in text and "libseccomp2" in text for key, text in steps if key == "RUN")


def test_the_image_takes_only_what_is_there_and_what_docker_is_shown():
    shown = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    taken = [text.split()[0] for key, text in dockerfile() if key == "COPY" and "--from" not in text]
    assert taken
    for name in taken:
        assert (ROOT / name).exists()
        assert any(fnmatch.fnmatch(name, each[1:]) for each in shown if each.startswith("!")), name


def test_the_image_has_a_python_that_the_project_runs_on():
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    bases = {text.split()[0] for key, text in dockerfile() if key == "FROM"}
    assert needs == ">=3.11"
    assert bases == {"python:3.11-slim-bookworm"}


def test_the_image_is_well_when_a_request_goes_through_the_sandbox():
    (check,) = [text for key, text in dockerfile() if key == "HEALTHCHECK"]
    command = json.loads(check.partition("CMD ")[2])
    assert f":{environment()['EXPLAINER_OPS_PORT']}/health/deep" in command[-1]
    compile(command[-1], "healthcheck", "exec")
    (start,) = [json.loads(text) for key, text in dockerfile() if key == "CMD"]
    assert start == ["python", "-m", "explainer.ops"]


def test_every_variable_that_is_set_is_one_that_something_reads():
    known = set(re.findall(r"EXPLAINER_[A-Z_]+", settings.__doc__ or "")) | OPS
    service = directives("vmap-explainer@.service")["Environment"].split()
    named = set(environment()) | {each.partition("=")[0] for each in service}
    ours = {name for name in named if name.startswith("EXPLAINER_")}
    assert ours == {"EXPLAINER_PUBLIC", *OPS}
    assert ours <= known
    options = {name for name in named if name.startswith("STREAMLIT_")}
    described = {f"STREAMLIT_{key.upper().replace('.', '_')}" for key in _options()}
    assert options <= described


def test_the_unit_shuts_the_app_in_and_leaves_the_walls_of_its_workers_standing():
    service = directives("vmap-explainer@.service")
    for needed in (
        "NoNewPrivileges",
        "ProtectSystem",
        "ProtectHome",
        "PrivateTmp",
        "IPAddressDeny",
        "MemoryMax",
    ):
        assert needed in service
    for harmful in (
        *("RestrictNamespaces", "PrivateUsers", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc"),
        *("ProcSubset", "MemoryDenyWriteExecute", "SystemCallFilter", "ProtectHostname"),
    ):
        assert harmful not in service
    assert service["User"] == "explainer"
    assert "AF_NETLINK" in service["RestrictAddressFamilies"]  # with which bubblewrap sets up a loopback
    assert "--server.address=127.0.0.1" in service["ExecStart"]


def test_the_check_asks_the_port_that_the_unit_sets():
    assert "EXPLAINER_OPS_PORT=1%i" in directives("vmap-explainer@.service")["Environment"]
    assert "127.0.0.1:1%i/health/deep" in directives("vmap-explainer-check@.service")["ExecStart"]
    assert all(int(f"1{port}") < 65536 for port in re.findall(r"127\.0\.0\.1:(\d+)", SITE))


def test_a_space_is_told_the_port_of_the_image():
    front = (DEPLOY / "huggingface" / "README.md").read_text(encoding="utf-8").split("---")[1]
    said = yaml.safe_load(front)
    assert (said["sdk"], str(said["app_port"])) == ("docker", environment()["STREAMLIT_SERVER_PORT"])
    assert len(said["short_description"]) <= 60
    assert len(said["title"]) > 0


def test_the_way_to_a_public_page_names_files_that_are_there():
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    named = {each.rstrip(".") for each in re.findall(r"\bdeploy/[\w@.\-]+", text)}
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def _options() -> list[str]:
    """Returns the names of Streamlit's options, as its variables spell them: server.max_message_size."""
    from streamlit import config

    return [re.sub(r"([a-z])([A-Z])", r"\1_\2", key) for key in config.get_config_options()]
