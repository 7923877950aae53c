"""A server on this machine that plays the mission's archive, on good days and on bad ones."""

import gzip
import io
import json
import re
import ssl
import tarfile
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from preflare.connection import Patience

HASTY = Patience(timeout=0.3, attempts=3, pause=0.001, longest=0.5)
ETAG = '"one"'


class Archive:
    """What a server has, and how it answers: for each path a list of answers, the last for good."""

    def __init__(self, server):
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.answers = {}
        self.asked = defaultdict(list)

    def put(self, path, *answers):
        self.answers[path] = list(answers)
        return self.url + path

    def answer(self, request):
        path = urlsplit(request.path).path
        self.asked[path].append(
            {**request.headers, "query": parse_qs(urlsplit(request.path).query)}
        )
        answers = self.answers.get(path) or [status(404)]
        (answers.pop(0) if len(answers) > 1 else answers[0])(request)


@contextmanager
def serving(certificate=None):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with suppress(BrokenPipeError, ConnectionResetError):
                archive.answer(self)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    archive = Archive(server)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # nobody shakes hands with it
        archive.url = archive.url.replace("http", "https")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield archive
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(request, code, content=b"", **headers):
    request.send_response(code)
    for name, value in {"Content_Length": len(content), **headers}.items():
        if value is not None:
            request.send_header(name.replace("_", "-"), str(value))
    request.end_headers()
    request.wfile.write(content)


def whole(content, *, etag=ETAG, **headers):
    """Answer with all of it, or with the part that was asked for if it is still the same."""

    def answer(request):
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if not etag or not asked or request.headers.get("If-Range") != etag:
            return reply(request, 200, content, ETag=etag, **headers)
        first = int(asked[1])
        if first >= len(content):
            return reply(request, 416, Content_Range=f"bytes */{len(content)}")
        span = f"bytes {first}-{len(content) - 1}/{len(content)}"
        return reply(request, 206, content[first:], ETag=etag, Content_Range=span)

    return answer


def status(code, **headers):
    return lambda request: reply(request, code, b"no", **headers)


def redirect(to, code=302):
    return status(code, Location=to)


def says(content, **headers):
    """Answer with this, and these headers in place of the true ones."""
    return lambda request: reply(request, 200, content, **headers)


def dropped(content, after, *, etag=ETAG):
    """Break the connection in the middle."""

    def answer(request):
        reply(request, 200, content[:after], Content_Length=len(content), ETag=etag)
        request.close_connection = True

    return answer


def silent(request):
    """Answer nothing for longer than anybody waits."""
    time.sleep(0.6)


def dripping(content, pause=0.05):
    """Answer a byte at a time."""

    def answer(request):
        reply(request, 200, b"", Content_Length=len(content))
        for place in range(40):
            request.wfile.write(content[place : place + 1])
            request.wfile.flush()
            time.sleep(pause)

    return answer


def packed(files, *, damage=None):
    """Make a gzipped tar archive of (name, content) or (TarInfo, content)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files:
            member = name
            if isinstance(name, str):
                member = tarfile.TarInfo(name)
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    plain = stream.getvalue()
    return gzip.compress(damage(plain) if damage else plain, 1)


def folder_of(observation_id):
    """The folder of an observation in the tree."""
    day = f"{observation_id[:4]}/{observation_id[4:6]}/{observation_id[6:8]}"
    return f"/solarsoft/irisa/data/level2_compressed/{day}/{observation_id}"


def raster_of(observation_id):
    return f"{folder_of(observation_id)}/iris_l2_{observation_id}_raster.tar.gz"


def slit_jaw_of(observation_id, channel="2796"):
    return f"{folder_of(observation_id)}/iris_l2_{observation_id}_SJI_{channel}_t000.fits.gz"


def event(observation_id, *, files=("raster.tar.gz", "SJI_2796_t000.fits.gz"), **fields):
    """An observation as the search service tells of it."""
    tree = f"http://www.lmsal.com{folder_of(observation_id)}"
    start = f"{observation_id[:4]}-{observation_id[4:6]}-{observation_id[6:8]}"
    return {
        "eventId": f"ivo://sot.lmsal.com/VOEvent#VOEvent_IRIS_{observation_id}",
        "instrument": "IRIS",
        "obsId": observation_id[-10:],
        "startTime": f"{start} {observation_id[9:11]}:{observation_id[11:13]}:00",
        "goal": "Very large coarse 8-step raster",
        "xCen": 490.0,
        "groups": [
            {
                "group_name": name.split(".")[0],
                "comp_data_url": f"{tree}/iris_l2_{observation_id}_{name}",
                "max_exptime": 8.0,
            }
            for name in files
        ],
        **fields,
    }


def found(*events):
    return says(json.dumps({"Events": list(events)}).encode(), Content_Type="application/json")
