"""The wheel, installed into an empty environment, builds the pipeline from another folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from s3copy_cli import __version__
from s3copy_cli.local import LocalAws
from s3copy_cli.provision.package import build_package

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_the_function_and_nothing_that_does_not_belong(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "lambda_handler/handler.py" in names
    assert "s3copy_cli/cli.py" in names
    assert "s3copy_cli/py.typed" in names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"s3copy_cli", "lambda_handler", f"s3copy-{__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or "test" in name]


def test_an_installed_s3copy_deploys_the_same_function_from_another_folder(
    wheel: Path, embedded: LocalAws, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    # Our own pip installs it, and what is never loaded is not compiled: half of the time that it would take.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=120)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "install", "--quiet", "--no-compile", str(wheel)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(elsewhere),
        "AWS_ENDPOINT_URL": embedded.endpoint_url,
        "AWS_ACCESS_KEY_ID": embedded.access_key_id,
        "AWS_SECRET_ACCESS_KEY": embedded.secret_access_key,
        "AWS_REGION": embedded.region,
    }

    def s3copy(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(venv / "bin" / "s3copy"), *arguments]
        return subprocess.run(command, env=environ, cwd=elsewhere, capture_output=True, text=True, timeout=120)

    assert __version__ in s3copy("--version").stdout
    # The extra is not installed here: a clear message, and a way on.
    missing = s3copy("--local", "setup")
    assert missing.returncode == 1
    assert "s3copy[local]" in missing.stderr

    setup = s3copy("setup", "--json")
    assert setup.returncode == 0, setup.stdout + setup.stderr
    deployed = s3copy("deploy", "--json")
    assert json.loads(deployed.stdout)["data"]["code_sha256"] == build_package().code_sha256
    (elsewhere / "a.csv").write_text("a\n")
    assert s3copy("upload", "a.csv", "--wait").returncode == 0
    assert s3copy("verify").returncode == 0
    assert s3copy("teardown", "--yes").returncode == 0
