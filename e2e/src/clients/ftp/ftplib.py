import ftplib, hashlib, io, os, socket, ssl, struct, sys, threading

HOST, PORT, USER, PASSWORD, AUTHORITY, START, VERSION, PASSIVE, *ARGUMENTS = sys.argv[1:]
PORT = int(PORT)
TIMEOUT = 240


class Plain(ftplib.FTP_TLS):
    """FTP_TLS as it is, over explicit or implicit TLS, with the kind of data port that the story wants."""

    def __init__(self):
        context = ssl.create_default_context(cafile=AUTHORITY)
        version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[VERSION]
        context.minimum_version = context.maximum_version = version
        super().__init__(context=context, timeout=TIMEOUT)
        self.trust_server_pasv_ipv4_address = True
        self.source = None
        if START == "implicit":
            self.host = HOST
            tcp = socket.create_connection((HOST, PORT), TIMEOUT)
            self.af = tcp.family
            self.sock = context.wrap_socket(tcp, server_hostname=HOST)
            self.file = self.sock.makefile("r", encoding=self.encoding)
            self.welcome = self.getresp()
        else:
            self.connect(HOST, PORT)
        self.login(USER, PASSWORD, secure=START == "explicit")
        if START != "never":
            self.prot_p()

    def makepasv(self):
        # By itself the library uses EPSV over IPv6 only.
        if PASSIVE == "EPSV":
            return ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())
        return super().makepasv()

    def put(self, path, name, rest=None):
        with open(path, "rb") as local:
            local.seek(rest or 0)
            return self.storbinary("STOR " + name, local, 1 << 18, rest=rest)

    def get(self, name, path):
        rest = os.path.getsize(path) if os.path.exists(path) else None
        with open(path, "ab") as local:
            return self.retrbinary("RETR " + name, local.write, 1 << 18, rest=rest)

    def read(self, name):
        content = io.BytesIO()
        self.retrbinary("RETR " + name, content.write)
        return content.getvalue()

    def write(self, name, content):
        return self.storbinary("STOR " + name, io.BytesIO(content))


class Resuming(Plain):
    """As above; data connections resume the TLS session of the control connection."""

    def __init__(self):
        self.data = None
        super().__init__()

    def ntransfercmd(self, cmd, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        connection = self.context.wrap_socket(connection, server_hostname=self.host, session=self.ticket())
        self.data = connection
        return connection, size

    def ticket(self):
        # TLS 1.3 gives a ticket at the login and with every download; OpenSSL uses each only once.
        fresh = self.data and self.data.session
        return fresh if fresh and VERSION == "1.3" and fresh.has_ticket else self.sock.session


def refused(what, *words):
    """What the server answers to `what()`, which must be a refusal with all of `words`."""
    try:
        answer = what()
    except ftplib.Error as error:
        answer = str(error)
        missing = [word for word in words if word not in answer]
        assert not missing, f"no {missing} in {answer}"
        return answer
    raise AssertionError(f"not refused: {answer}")


def crowd(work, clients):
    """Calls `work(client)` for each of `clients` at once; none may fail."""
    failed = []

    def one(client):
        try:
            work(client)
        except Exception as error:
            failed.append(repr(error))

    threads = [threading.Thread(target=one, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
