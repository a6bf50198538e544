import subprocess
from pathlib import Path

from s3copy_cli.local import LocalAws, export_lines


def test_a_shell_reads_back_every_value() -> None:
    nasty = 'it\'s $HOME `x` "q" \\ ;&|'
    aws = LocalAws(
        endpoint_url="http://127.0.0.1:50123",
        access_key_id="test",
        secret_access_key=nasty,
        region="us-east-1",
        pid=2,
        state_dir=Path("/s"),
        started_now=False,
    )
    lines = export_lines(aws)
    assert all(line.startswith("export ") and "\n" not in line for line in lines)
    script = "\n".join(lines) + "\n"
    for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION", "DEFAULT_REGION"):
        script += f'printf "%s\\n" "$AWS_{name}"\n'
    script += 'printf "[%s]\\n" "${AWS_SESSION_TOKEN-unset}"\n'
    shown = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=True, env={"AWS_SESSION_TOKEN": "stale"}
    )
    assert shown.stdout.splitlines() == [
        "http://127.0.0.1:50123",
        "test",
        nasty,
        "us-east-1",
        "us-east-1",
        "[]",
    ]
