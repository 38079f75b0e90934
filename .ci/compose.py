"""What .ci/compose runs in a network of its own: the services of docker-compose.yml, in their order."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

FOLDER = Path(sys.argv[1])
SERVICES = yaml.safe_load(Path("docker-compose.yml").read_text())["services"]
WORKERS = 2


def interpolate(value):
    """${NAME:-default} and $$, as compose has them."""
    value = re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda m: os.environ.get(m[1]) or m[2] or "", str(value))
    return value.replace("$$", "$")


def image():
    """The ENV and the HEALTHCHECK of our image."""
    text = Path("Dockerfile").read_text().replace("\\\n", " ")
    last_stage = text[text.rindex("\nFROM ") :]
    variables = " ".join(re.findall(r"^ENV (.*)$", last_stage, re.MULTILINE)).split()
    healthcheck = re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", last_stage, re.MULTILINE)[1]
    return dict(pair.split("=", 1) for pair in variables), yaml.safe_load(healthcheck)


IMAGE_ENV, HEALTHCHECK = image()


def run(command):
    subprocess.run(command.split(), check=True)


NUMBERS = itertools.count(3)


def connect(name):
    """A network for one container: its name. The hosts file knows web by its address, 10.0.0.2."""
    number = 2 if name == "web" else next(NUMBERS)
    network = f"{name}-{number}"
    run(f"ip netns add {network}")
    run(f"ip link add veth{number} type veth peer name eth0 netns {network}")
    run(f"ip link set veth{number} master bridge up")
    run(f"ip -n {network} address add 10.0.0.{number}/24 dev eth0")
    run(f"ip -n {network} link set eth0 up")
    run(f"ip -n {network} link set lo up")
    return network


# As a container: what is below /tmp, where the binaries are, is hidden.
CONFINE = """
    mount -t tmpfs tmpfs /run && mkdir /run/bin && mount --bind "$1" /run/bin
    mount -t tmpfs tmpfs /tmp && chmod 1777 /tmp
    mount -o remount,bind,ro / && cd /
    shift
    exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all env -i "$@"
"""


def start(name, command=None, network=None, log=None):
    """A service with its command, or another command in its place."""
    service = SERVICES[name]
    assert service["read_only"] and service["tmpfs"] == ["/tmp"], f"{name}: a root that is read-only but for /tmp"
    is_ours = "dockerfile_inline" not in service.get("build", {})
    env = {key: interpolate(value) for key, value in service.get("environment", {}).items()}
    env = (IMAGE_ENV if is_ours else {}) | env | {"PATH": f"/run/bin:{os.environ['PATH']}"}
    argv = [interpolate(word) for word in command or service["command"]]
    print(f"--- {name}: {' '.join(argv)}", flush=True)
    inside = ["ip", "netns", "exec", network or connect(name), "unshare", "--mount", "bash", "-euc", CONFINE, name]
    variables = [f"{key}={value}" for key, value in env.items()]
    return subprocess.Popen([*inside, f"{FOLDER}/bin", *variables, *argv], stdout=log)


def succeed(name, **options):
    code = start(name, **options).wait(timeout=120)
    assert code == 0, f"{name} ended with {code}"


def mails():
    return (FOLDER / "mails").read_text().count("MESSAGE FOLLOWS")


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.2)


def seconds(duration):
    return int(re.fullmatch(r"(\d+)s", duration)[1])


def main():
    catcher = subprocess.Popen(
        [sys.executable, "-u", "-m", "aiosmtpd", "-n", "-l", "10.0.0.1:1025"], stdout=(FOLDER / "mails").open("w")
    )
    running = {"mail": [catcher]}
    log = (FOLDER / "log").open("w")
    try:
        succeed("migration", log=log)
        running["web"] = [start("web", log=log)]
        running["worker"] = [start("worker", log=log) for _ in range(WORKERS)]
        succeed("tests")
        succeed("web", command=HEALTHCHECK, network="web-2")
        run(".ci/sample http://web:8000")
        wait_for("the e-mail", lambda: mails() == int(os.environ["SAMPLE_MAILS"]))
        # A second run of the migration, as `docker compose up` does it, changes nothing.
        succeed("migration", log=log)
        for name in ["web", "worker"]:
            for process in running.pop(name):
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                code = process.wait(timeout=seconds(SERVICES[name]["stop_grace_period"]))
                assert code == 0, f"{name} ended with {code} at SIGTERM"
                print(f"--- {name} stopped in {time.monotonic() - began:.1f} s")
    except BaseException:
        print((FOLDER / "log").read_text()[-5000:], file=sys.stderr)
        raise
    finally:
        for processes in running.values():
            for process in processes:
                process.kill()
    print(f"compose: {WORKERS} workers, 1 web, the migration twice, the tests and the health check")


main()
