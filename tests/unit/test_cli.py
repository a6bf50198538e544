"""The frame: help, options, errors, exit codes, the envelope."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import click
import pytest

from s3copy_cli import __version__, cli
from s3copy_cli.commands.app import App, GlobalOptions
from s3copy_cli.commands.common import command
from s3copy_cli.errors import AwsError, ExitCode
from s3copy_cli.output.result import Result

HEAVY = ("boto3", "botocore", "awscrt", "rich", "ministack")


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> list[GlobalOptions]:
    """A command `probe` that notes the options it was given, or raises what the test wants."""
    seen: list[GlobalOptions] = []

    @command("probe", "s3copy probe")
    @click.option("--fail", default="")
    def probe_command(app: App, fail: str) -> Result:
        seen.append(app.options)
        if fail == "aws":
            raise AwsError("doing this", "that \x1b[31mhappened", "do the other", code="Oops")
        if fail == "bucket":
            raise AwsError("doing this", "no bucket", "Build it again with: s3copy setup", code="NoSuchBucket")
        if fail == "connection":
            raise AwsError("doing this", "no answer", "check the network", code="EndpointConnectionError")
        if fail == "bug":
            raise ZeroDivisionError("one over nothing")
        if fail == "interrupt":
            raise KeyboardInterrupt
        if fail == "differences":
            return Result(data={"n": 1}, text=lambda console: console.print("three"), exit_code=ExitCode.DIFFERENCES)
        return Result(data={"key": "a\udce9\x1b"}, text=lambda console: console.print("[bold]text[/bold]"))

    module = type(sys)("probe_module")
    module.probe_command = probe_command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "probe_module", module)
    monkeypatch.setitem(cli.COMMANDS, "probe", ("probe_module", "probe_command", "Probe."))
    return seen


def run(*arguments: str) -> ExitCode:
    return cli.run(list(arguments), os.environ)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["-h"]])
def test_help_and_version_load_neither_sdk_nor_rich(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from s3copy_cli.cli import run\n"
        f"assert run({arguments!r}, {{}}) == 0\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "s3copy" in done.stdout


@pytest.mark.parametrize("name", ["setup", "plan", "deploy", "upload", "verify", "teardown", "local"])
def test_each_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    said = capsys.readouterr().out
    assert "Examples:" in said
    assert f"s3copy {name}" in said or f"s3copy --local {name}" in said
    if name != "local":
        assert "--json" in said
        assert "--region" in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["nope"], ["probe", "--nope"], ["probe", "extra"], ["--region"], ["probe", "--name"]]
)
def test_wrong_usage_is_exit_2_on_stderr(
    arguments: list[str], probe: list[GlobalOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err
    assert "Traceback" not in captured.err


def test_wrong_usage_with_json_is_an_envelope(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("setup", "--nope", "--json") == 2
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "error"
    assert document["exit_code"] == 2
    assert document["command"] == "setup"
    assert "--nope" in document["errors"][0]["message"]


def test_global_options_count_before_and_after_the_command_and_the_last_wins(probe: list[GlobalOptions]) -> None:
    assert run("--name", "one", "--region", "eu-west-1", "probe", "--name", "two", "--quiet") == 0
    assert probe == [GlobalOptions(name="two", region="eu-west-1", quiet=True)]


def test_each_global_option_has_a_variable_and_the_option_wins(
    probe: list[GlobalOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {
        "NAME": "fromenv",
        "PROFILE": "p",
        "REGION": "eu-west-2",
        "ENDPOINT_URL": "http://127.0.0.1:1",
        "LOCAL": "1",
        "QUIET": "1",
        "VERBOSE": "1",
        "NO_COLOR": "1",
        "DEBUG": "1",
        "JSON": "1",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"S3COPY_{name}", value)
    run("probe", "--region", "eu-west-3", "--no-local")
    (options,) = probe
    assert options == GlobalOptions(
        name="fromenv",
        profile="p",
        region="eu-west-3",
        endpoint_url="http://127.0.0.1:1",
        local=False,
        json=True,
        quiet=True,
        verbose=True,
        no_color=True,
        debug=True,
    )


def test_a_result_as_text_is_not_markup(probe: list[GlobalOptions], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("probe") == 0
    assert capsys.readouterr().out == "[bold]text[/bold]\n"


def test_a_result_as_json_is_one_ascii_object(probe: list[GlobalOptions], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("probe", "--json") == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == {
        "s3copy_result_version": "1",
        "command": "probe",
        "status": "success",
        "exit_code": 0,
        "data": {"key": "a\udce9\x1b"},
        "errors": [],
    }


@pytest.mark.parametrize(
    ("how", "exit_code", "status", "code"),
    [
        ("aws", 1, "error", "Oops"),
        ("bug", 1, "error", "Unforeseen"),
        ("interrupt", 130, "error", "Interrupted"),
        ("differences", 3, "differences", None),
    ],
)
def test_exit_codes_and_envelopes_of_failures(
    how: str,
    exit_code: int,
    status: str,
    code: str | None,
    probe: list[GlobalOptions],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("probe", "--json", "--fail", how) == exit_code
    document = json.loads(capsys.readouterr().out)
    assert (document["status"], document["exit_code"]) == (status, exit_code)
    assert [error["code"] for error in document["errors"]] == ([code] if code else [])


def test_an_error_has_three_parts_and_is_harmless_for_the_terminal(
    probe: list[GlobalOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("probe", "--fail", "aws") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error: doing this: that \\x1b[31mhappened" in captured.err
    assert "do the other" in captured.err
    assert "Traceback" not in captured.err


def test_debug_shows_the_traceback(probe: list[GlobalOptions], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("probe", "--fail", "bug", "--debug") == 1
    assert "ZeroDivisionError: one over nothing" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["setup", "plan", "deploy", "verify", "teardown"])
def test_no_credentials_is_exit_4_and_says_how_to_get_either(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(name) == 4
    said = capsys.readouterr().err
    assert "--local" in said
    assert "aws configure" in said


def test_an_unknown_profile_is_exit_4_and_names_the_known_ones(
    capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile work]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    assert run("setup", "--profile", "wrok") == 4
    assert "work" in capsys.readouterr().err


def test_no_region_is_exit_2(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert run("setup") == 2
    assert "--region" in capsys.readouterr().err


@pytest.mark.parametrize("region", ["useast1", "eu west 1"])
def test_a_region_that_can_not_be_one_is_exit_2(
    region: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert run("setup", "--region", region) == 2
    assert "us-east-1" in capsys.readouterr().err


def test_local_and_an_endpoint_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("setup", "--local", "--endpoint-url", "http://127.0.0.1:1") == 2
    assert "exclude each other" in capsys.readouterr().err


def test_an_endpoint_where_nobody_listens_is_exit_1_with_a_hint(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert run("setup", "--endpoint-url", "http://127.0.0.1:1", "--region", "us-east-1", "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["errors"][0]["code"] == "EndpointConnectionError"
    assert "--endpoint-url" in document["errors"][0]["hint"]


def test_a_misspelt_region_is_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import EndpointConnectionError

    from s3copy_cli.aws_errors import translate_errors

    with pytest.raises(AwsError) as caught, translate_errors("asking", region="us-esat-1"):
        raise EndpointConnectionError(endpoint_url="https://sts.us-esat-1.amazonaws.com/")
    assert "Did you mean" in caught.value.hint
    assert "us-east-1" in caught.value.hint


def test_hints_repeat_the_options_that_were_typed() -> None:
    typed = App(GlobalOptions(name="invoices", region="eu-west-1", local=True), environ={})
    assert typed.command("verify") == "s3copy verify --name invoices --region eu-west-1 --local"
    from_environment = {"S3COPY_LOCAL": "1", "S3COPY_NAME": "invoices", "S3COPY_REGION": "eu-west-1"}
    assert App(typed.options, environ=from_environment).command("verify") == "s3copy verify"


@pytest.mark.parametrize(
    ("options", "environ", "given"),
    [
        (GlobalOptions(profile="my work"), {}, " --profile 'my work'"),
        (GlobalOptions(endpoint_url="http://127.0.0.1:1"), {"S3COPY_NAME": ""}, " --endpoint-url http://127.0.0.1:1"),
        (GlobalOptions(name="s3copy"), {"S3COPY_NAME": "invoices"}, " --name s3copy"),
        (GlobalOptions(local=False), {"S3COPY_LOCAL": "yes"}, " --no-local"),
        (GlobalOptions(local=True), {"S3COPY_LOCAL": "0"}, " --local"),
    ],
)
def test_hints_repeat_what_the_environment_says_otherwise(
    options: GlobalOptions, environ: dict[str, str], given: str
) -> None:
    app = App(options, environ)
    assert app.command("verify") == f"s3copy verify{given}"
    hint = "Build it with s3copy setup, then s3copy repair. See s3copy local status."
    assert (
        app.complete(hint) == f"Build it with s3copy setup{given}, then s3copy repair{given}. See s3copy local status."
    )
    assert app.complete(app.command("setup")) == f"s3copy setup{given}"


def test_the_hint_of_an_error_repeats_them_too(
    probe: list[GlobalOptions], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("probe", "--fail", "bucket", "--region", "eu-west-1") == 1
    assert "again with: s3copy setup --region eu-west-1\n" in capsys.readouterr().err


def test_a_closed_pipe_is_no_traceback() -> None:
    """`s3copy --help | head -0`: the reader goes away before anything is written."""
    running = subprocess.Popen(
        [sys.executable, "-m", "s3copy_cli", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    running.stdout.close()
    _, said = running.communicate(timeout=60)
    assert said == ""


def unread(mode: str = "w") -> Any:
    """A stream whose reader has gone."""
    read, write = os.pipe()
    os.close(read)
    return os.fdopen(write, mode)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_exit_code_does_not_depend_on_who_reads(
    options: list[str], probe: list[GlobalOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    with unread() as stdout, unread() as stderr:
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "stderr", stderr)
        assert run("probe", "--fail", "differences", *options) == 3
        assert run("probe", "--fail", "aws", *options) == 1
        assert run("--help") == 0


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "-h"], ["--version"]])
def test_help_that_cannot_be_written_is_said(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        assert run(*arguments) == 1
    assert capsys.readouterr().err == "Error: writing the help: No space left on device\n       Nothing was done.\n"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_interruption_while_modules_load_is_one_line(options: list[str]) -> None:
    code = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'click':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        f"sys.argv = ['s3copy', 'verify', *{options}]\n"
        "from s3copy_cli.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "Error: interrupted; run the same command again.\n")
    if options:
        document = json.loads(done.stdout)
        assert (document["exit_code"], document["errors"][0]["code"]) == (130, "Interrupted")
    else:
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "--wait", "-1"], "-1 is not a number of seconds between 0 and 86,400"),
        (["verify", "--wait", "inf"], "inf is not a number of seconds between 0 and 86,400"),
        (["verify", "--wait", "nan"], "'nan' is not a number of seconds"),
        (["verify", "--max-listed", "1.5"], "'1.5' is not a whole number"),
        (["verify", "--max-listed", "-1"], "-1 is not a whole number from 0 on"),
        (["repair", "--rate", "0"], "0 is not a number of objects a second between 0.1 and 1,000"),
        (["upload", "f", "--wait-seconds", "soon"], "'soon' is not a number of seconds"),
    ],
)
def test_a_number_out_of_bounds_is_said_in_words(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert f"'{arguments[-2]}': {words}." in said
    assert "<" not in said


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_stream_that_the_shell_closed_is_no_defect(closed: str) -> None:
    command = ["sh", "-c", f'"$0" -m s3copy_cli setup {closed}', sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 4, "no credentials"
    assert "Traceback" not in done.stderr
    assert "did not foresee" not in done.stderr


def test_an_encoding_that_can_not_hold_a_key_does_not_stop_the_result(tmp_path: Any) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "s3copy_cli", "upload", "missing-ü.csv"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "there is no file 'missing-" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_a_full_disk_under_stdout_is_said(probe: list[GlobalOptions]) -> None:
    code = "from s3copy_cli.cli import main; main(['local', 'status', '--json'])"
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert "writing the result" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--endpoint-url", "localhost:4566", "--region", "us-east-1"], "is not a URL"),
        (["--endpoint-url", "http://127.0.0.1:1", "--region", "mars-north-1"], "mars-north-1"),
    ],
)
def test_an_endpoint_or_region_that_can_not_be_is_foreseen(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert run("setup", *arguments) in (1, 2)
    said = capsys.readouterr().err
    assert words in said
    assert "did not foresee" not in said


def test_a_broken_aws_configuration_is_foreseen(
    tmp_path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "config"
    broken.write_text("this is no configuration\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    assert run("setup") == 1
    said = capsys.readouterr().err
    assert "reading the AWS configuration" in said
    assert "did not foresee" not in said


@pytest.mark.parametrize(
    ("arguments", "command_name"),
    [(["--name", "setup", "--json", "verify", "--nope"], "verify"), (["--json", "local"], "local")],
)
def test_the_envelope_names_the_command(
    arguments: list[str], command_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert json.loads(capsys.readouterr().out)["command"] == command_name


def test_json_by_variable_counts_also_for_a_line_that_can_not_be_parsed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3COPY_JSON", "1")
    assert run("--nonsense", "verify") == 2
    assert json.loads(capsys.readouterr().out)["status"] == "error"


def test_an_embedded_aws_that_ends_in_the_middle_is_named(
    probe: list[GlobalOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("probe", "--local", "--fail", "connection") == 1
    said = capsys.readouterr().err
    assert "the embedded AWS ended" in said
    assert "s3copy local status" in said
