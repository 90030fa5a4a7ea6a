"""One run of Python's ftplib: what to do is JSON in the first argument, the
answer JSON on standard output."""

import ftplib
import json
import os
import ssl
import sys
import time


class Implicit(ftplib.FTP_TLS):
    """FTP_TLS for port 990, which ftplib leaves to its users."""

    _sock = None

    @property
    def sock(self):
        return self._sock

    @sock.setter
    def sock(self, value):
        if value is not None and not isinstance(value, ssl.SSLSocket):
            value = self.context.wrap_socket(value, server_hostname=self.host)
        self._sock = value


def connect(a):
    if not a["ca"]:
        ftp = ftplib.FTP(timeout=100, encoding="utf-8")
        ftp.set_debuglevel(1)
        ftp.connect(a["host"], a["port"])
        ftp.login(a["user"], a["password"])
        return ftp
    ctx = ssl.create_default_context(cafile=a["ca"])
    if a["tls12"]:
        ctx.maximum_version = ssl.TLSVersion.TLSv1_2
    cls = Implicit if a["implicit"] else ftplib.FTP_TLS
    ftp = cls(context=ctx, timeout=100, encoding="utf-8")
    ftp.set_debuglevel(1)
    ftp.connect(a["host"], a["port"])
    if a["implicit"]:
        ftplib.FTP.login(ftp, a["user"], a["password"])
    else:
        ftp.login(a["user"], a["password"])
    ftp.prot_p()
    return ftp


def refused(ftp, start):
    """Starts a transfer that the server must refuse with 522, and says what
    the control connection answers then."""
    try:
        conn = start()
        try:
            conn.recv(1)
        except OSError:
            pass
        conn.close()
    except ftplib.error_perm as err:
        return str(err)
    except OSError:
        pass
    try:
        return ftp.voidresp()
    except ftplib.error_perm as err:
        return str(err)


def abrupt(ftp, size, count):
    """Uploads without reading a byte: closes right after the last write."""
    for i in range(count):
        conn = ftp.transfercmd("STOR small%d" % i)
        conn.sendall(bytes([i % 256]) * size)
        # SSLSocket.close sends no close_notify and reads nothing.
        conn.close()
        ftp.voidresp()


class Slow:
    """A file that is read a little at a time."""

    def __init__(self, file):
        self.file = file

    def read(self, n):
        time.sleep(0.005)
        return self.file.read(n)


class Failing(Slow):
    """A file that can't be read to its end."""

    def __init__(self, file, blocks):
        super().__init__(file)
        self.blocks = blocks

    def read(self, n):
        if self.blocks == 0:
            raise OSError("the source fails")
        self.blocks -= 1
        return self.file.read(n)


def main(a):
    op, args = a["op"], a["args"]
    # ftplib's debugging output goes to standard output.
    out, sys.stdout = sys.stdout, sys.stderr
    answer = None
    ftp = connect(a)
    if op == "list":
        lines = []
        ftp.cwd(args[0])
        ftp.retrlines("LIST", lines.append)
        answer = "\n".join(lines)
    elif op == "facts":
        answer = [n for n, f in ftp.mlsd(args[0]) if f["type"] in ("file", "dir")]
    elif op == "upload":
        with open(args[0], "rb") as f:
            ftp.storbinary("STOR " + args[1], f)
    elif op == "slow-upload":
        with open(args[0], "rb") as f:
            ftp.storbinary("STOR " + args[1], Slow(f))
    elif op == "managed-upload":
        # Whatever ends this block, ftplib closes the data connection and sends QUIT.
        with ftp, open(args[0], "rb") as f:
            ftp.storbinary("STOR " + args[1], Slow(f))
    elif op == "failing-upload":
        with ftp, open(args[0], "rb") as f:
            ftp.storbinary("STOR " + args[1], Failing(f, args[2]))
    elif op == "download":
        with open(args[1], "wb") as f:
            ftp.retrbinary("RETR " + args[0], f.write)
    elif op == "resume-upload":
        ftp.voidcmd("TYPE I")  # a size in text mode is none
        have = ftp.size(args[1])
        with open(args[0], "rb") as f:
            f.seek(have)
            ftp.storbinary("STOR " + args[1], f, rest=have)
    elif op == "resume-download":
        with open(args[1], "ab") as f:
            ftp.retrbinary("RETR " + args[0], f.write, rest=os.path.getsize(args[1]))
    elif op == "rename":
        ftp.rename(*args)
    elif op == "delete":
        ftp.delete(args[0])
    elif op == "refused":
        ftp.voidcmd("TYPE I")
        answer = [
            refused(ftp, lambda: ftp.transfercmd("RETR " + args[0])),
            refused(ftp, lambda: ftp.transfercmd("STOR new")),
            refused(ftp, lambda: ftp.transfercmd("MLSD")),
            ftp.pwd(),
        ]
    elif op == "abrupt":
        ftp.voidcmd("TYPE I")
        abrupt(ftp, *args)
    ftp.quit()
    json.dump(answer, out)


main(json.loads(sys.argv[1]))
