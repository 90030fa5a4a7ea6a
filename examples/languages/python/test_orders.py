"""A test against a throwaway FTPS server: python3 -m unittest"""

import contextlib
import ftplib
import json
import os
import pathlib
import ssl
import subprocess
import tempfile
import unittest

# The server. With @pytest.fixture in place of @contextlib.contextmanager this is
# a fixture for pytest.


@contextlib.contextmanager
def ftps(*args):
    command = [os.environ.get("SALLYPORT", "sallyport"), "test", *args]
    # Leaving closes standard input, which ends the server, and waits for it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(process.stdout.readline())


# The program that is tested.


def connect(host, port, user, password, ca):
    ftp = ftplib.FTP_TLS(context=ssl.create_default_context(cadata=ca), timeout=30)
    ftp.connect(host, port)
    ftp.login(user, password)
    ftp.prot_p()
    ftp.voidcmd("TYPE I")
    return ftp


def deliver(ftp, path):
    with path.open("rb") as file:
        ftp.storbinary("STOR " + path.name, file)


def fetch(ftp, name, directory):
    """Downloads a file, whole or not at all. ftplib itself doesn't notice that
    one is cut if the server says 226."""
    path = directory / name
    part = path.with_suffix(".part")
    try:
        size = ftp.size(name)
        with part.open("wb") as file:
            ftp.retrbinary("RETR " + name, file.write)
        if part.stat().st_size != size:
            raise EOFError(f"{name} was cut")
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


# Its tests.


class Orders(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.local = pathlib.Path(directory.name)

    def connect(self, server):
        login = (server[key] for key in ("host", "port", "user", "password", "ca"))
        ftp = connect(*login)
        self.addCleanup(ftp.close)
        return ftp

    def test_deliver(self):
        with ftps() as server:
            report = self.local / "report.csv"
            report.write_text("1;2;3\n")
            deliver(self.connect(server), report)
            self.assertEqual("1;2;3\n", (pathlib.Path(server["root"]) / "report.csv").read_text())

    def test_cut(self):
        for fault in "cut:after=1000", "cut:after=1000,how=rst", "cut:after=1000,how=clean,code=226":
            with self.subTest(fault), ftps("--fault", fault + ",to=RETR,nth=1") as server:
                (pathlib.Path(server["root"]) / "orders.csv").write_text("4;5;6\n" * 1000)
                ftp = self.connect(server)
                with self.assertRaises((OSError, EOFError, ftplib.Error)):
                    fetch(ftp, "orders.csv", self.local)
                self.assertEqual([], list(self.local.iterdir()))

                fetch(self.connect(server), "orders.csv", self.local)
                self.assertEqual(6000, (self.local / "orders.csv").stat().st_size)
                (self.local / "orders.csv").unlink()


if __name__ == "__main__":
    unittest.main()
